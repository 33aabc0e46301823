"""Shared by all tiers: the package name, ComfyUI in this process, ComfyUI as a server."""

import code
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

# Must be set before torch is imported. Servers inherit it, so that their results are bit-equal to
# those of this process. One thread each, because tests run in several processes.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.update(threads.settings())

pytest_plugins = ["selfguidance.tests.rows"]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark each test with its tier, which is its folder, and run the cheap tiers first.

    With several processes the tests that take longest start first instead.
    """
    sys.modules["code"] = code  # pytest has put tests/code in the place of Python's own module
    for item in items:
        item.add_marker(_tier(item))
    items.sort(key=lambda item: TIERS.index(_tier(item)))
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: shares.turn(item.nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """The scheduler that distributes tests to the processes of `-n`."""
    return shares.scheduling(config, log)


def _tier(item: pytest.Item) -> str:
    return item.path.relative_to(ROOT / "tests").parts[0]


@pytest.fixture(scope="session")
def comfy_path() -> Path:
    """The folder of ComfyUI; without one the test is skipped, and fails in CI."""
    try:
        return host.find()
    except FileNotFoundError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def comfy(comfy_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Makes ComfyUI's modules importable, on the CPU; import them inside of tests."""
    os.environ["SELF_GUIDANCE_CPU"] = "1"
    boot.start(comfy_path, tmp_path_factory.mktemp("comfy"))
    return comfy_path


@pytest.fixture(scope="session")
def server(comfy_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[serve.Server]:
    """A ComfyUI server with the pack in its custom_nodes, in a process of its own, on the CPU."""
    base = tmp_path_factory.mktemp("server")
    with serve.Server(comfy_path, base, serve.free_port(), log=base / "comfyui.log") as running:
        running.wait()
        yield running
