"""The archive that the registry gives to users is small, and it works."""

import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pathspec
import pytest
from selfguidance.tools.host import host, serve
from selfguidance.tools.workflows import workflows

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

LARGEST = 24_000_000  # bytes; the two networks of the demo are 17 MB of it


def packed() -> list[str]:
    """Files that `comfy node pack` takes: tracked ones without the ignored, and the includes."""
    if not (host.ROOT / ".git").exists() or not shutil.which("git"):
        pytest.skip("needs git and a checkout")
    lines = (host.ROOT / ".comfyignore").read_text("utf-8").splitlines()
    ignored = pathspec.GitIgnoreSpec.from_lines(lines)
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=host.ROOT, capture_output=True, check=True
    )
    tracked = [name for name in listed.stdout.decode().split("\0") if name]
    kept = [name for name in tracked if not ignored.match_file(name)]
    project = tomllib.loads((host.ROOT / "pyproject.toml").read_text("utf-8"))
    for folder in project["tool"]["comfy"]["includes"]:
        files = [file for file in (host.ROOT / folder).rglob("*") if file.is_file()]
        kept += [file.relative_to(host.ROOT).as_posix() for file in files]
    return [name for name in kept if (host.ROOT / name).is_file()]


@pytest.fixture(scope="module")
def unpacked(
    comfy_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, serve.Server]]:
    """A server into whose custom_nodes the archive is unpacked, and nothing else of the pack."""
    base = tmp_path_factory.mktemp("base")
    pack, archive = base / "custom_nodes" / serve.PACK, base / "node.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for name in packed():
            file.write(host.ROOT / name, name)
    with zipfile.ZipFile(archive) as file:
        file.extractall(pack)
    log = base / "comfyui.log"
    with serve.Server(comfy_path, base, serve.free_port(), log=log, pack=pack) as running:
        running.wait()
        yield pack, running


def test_it_is_small_and_leaves_out_what_users_do_not_run() -> None:
    names = packed()
    assert len(set(names)) == len(names)
    assert sum((host.ROOT / name).stat().st_size for name in names) < LARGEST
    parts = {name.split("/")[0] for name in names}
    assert not parts & {"tests", "tools", ".ci", "brand", "noxfile.py", "requirements-dev.txt"}
    assert parts >= {"nodes", "guidance", "demo", "web", "locales", "LICENSE", "README.md"}


def test_every_node_loads_from_it(
    unpacked: tuple[Path, serve.Server], server: serve.Server
) -> None:
    pack, running = unpacked
    assert not pack.is_symlink() and not {"tools", "tests"} & {f.name for f in pack.iterdir()}
    assert "IMPORT FAILED" not in running.log.read_text("utf-8")
    ours, theirs = (
        {name for name in one.json("/object_info") if name.startswith("SelfGuidance")}
        for one in (server, running)
    )
    assert ours == theirs


def test_templates_help_and_locales_are_in_it(unpacked: tuple[Path, serve.Server]) -> None:
    _, running = unpacked
    listed = running.json("/workflow_templates")[serve.PACK]
    assert sorted(listed) == [file.stem for file in workflows.saved()]
    assert running.get(f"/extensions/{serve.PACK}/docs/images/SelfGuidanceBox.jpg")
    assert "SelfGuidanceBox" in running.json("/i18n")["zh"]["nodeDefs"]


def test_the_bundled_model_draws_from_it(unpacked: tuple[Path, serve.Server]) -> None:
    pack, running = unpacked
    api = workflows.file_of("look_at_attention", pack / "example_workflows" / "api")
    assert workflows.run(running, json.loads(api.read_text("utf-8")))["Picture"]
