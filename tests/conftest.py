"""What every tier shares: the package name, ComfyUI in this process, ComfyUI as a server."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
TIERS = ("code", "web", "unit", "host", "browser")

sys.path.insert(0, str(ROOT / "tools"))
import boot  # noqa: E402

sys.path.pop(0)
boot.mount()

from selfguidance.tests import shares  # noqa: E402
from selfguidance.tools.host import host, serve, threads  # noqa: E402

# Before torch is imported. Servers take it over, so that their bits are those of this process; and
# one thread each, because tests run in several processes.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.update(threads.settings())

pytest_plugins = ["selfguidance.tests.rows"]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark each test with the tier whose folder it lies in, and run the cheap tiers first.

    Where several processes run them, what takes longest begins instead.
    """
    for item in items:
        item.add_marker(_tier(item))
    items.sort(key=lambda item: TIERS.index(_tier(item)))
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: shares.turn(item.nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """How `-n` shares tests out among its processes."""
    return shares.scheduling(config, log)


def _tier(item: pytest.Item) -> str:
    return item.path.relative_to(ROOT / "tests").parts[0]


@pytest.fixture(scope="session")
def comfy_path() -> Path:
    """The folder of ComfyUI; skips where there is none, except in CI."""
    try:
        return host.find()
    except FileNotFoundError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def comfy(comfy_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ComfyUI's modules can be imported here, on the CPU: do so inside the test."""
    os.environ["SELF_GUIDANCE_CPU"] = "1"
    boot.start(comfy_path, tmp_path_factory.mktemp("comfy"))
    return comfy_path


@pytest.fixture(scope="session")
def server(comfy_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[serve.Server]:
    """A ComfyUI of its own process with the pack in its custom_nodes, on the CPU."""
    base = tmp_path_factory.mktemp("server")
    with serve.Server(comfy_path, base, serve.free_port(), log=base / "comfyui.log") as running:
        running.wait()
        yield running
