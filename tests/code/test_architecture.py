"""Who may import whom: the contracts in pyproject.toml hold, and each of them can fail."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from selfguidance.tools import boot
from selfguidance.tools.host import host

LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"
PARTS = ("guidance", "nodes", "demo", "tools")


def lint(folder: Path) -> tuple[int, str]:
    """Check the package `selfguidance` in a folder: the exit code, and what was printed."""
    settings = host.ROOT / "pyproject.toml"
    command = [sys.executable, "-c", LINT, str(settings), "--no-cache", "--no-logo"]
    wide = os.environ | {"COLUMNS": "200"}  # a line for each contract
    done = subprocess.run(command, cwd=folder, env=wide, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A folder with the package's Python files alone, as the package `selfguidance`."""
    package = tmp_path / boot.PACKAGE
    for part in PARTS:
        for file in (host.ROOT / part).rglob("*.py"):
            target = package / file.relative_to(host.ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
    shutil.copyfile(host.ROOT / "__init__.py", package / "__init__.py")
    return tmp_path


def test_every_import_goes_the_way_of_the_contracts(copied: Path) -> None:
    code, text = lint(copied)
    if code:
        pytest.fail(text, pytrace=False)


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("guidance/storage.py", "from ..nodes.ui import types", "build on guidance"),
        ("nodes/prompts.py", "from ..demo import scenes", "build on guidance"),
        ("demo/nodes.py", "from ..tools.host import host", "build on guidance"),
        ("guidance/maps/affine.py", "from ..record import record", "Guidance"),
        ("guidance/record/feature.py", "from ..terms import window", "Guidance"),
        ("guidance/recipes/follow.py", "from ..layout import names", "Guidance"),
        ("nodes/ui/schema.py", "from ..live import page", "Nodes"),
        ("nodes/engine/model.py", "from ..live import page", "Nodes"),
        ("nodes/ui/schema.py", "from .. import prompts", "knows no node"),
        ("nodes/engine/autograd/frozen.py", "from ..architectures import unet", "nothing of each"),
        ("nodes/sampling.py", "from .engine.architectures import unet", "the engine's own"),
        ("nodes/engine/memory.py", "from . import run", "No circles"),
        ("guidance/words/phrases.py", "from . import table", "No circles"),
    ],
)
def test_an_import_against_them_is_found(copied: Path, file: str, line: str, contract: str) -> None:
    with (copied / boot.PACKAGE / file).open("a", encoding="utf-8") as source:
        source.write(f"\n{line}\n")
    code, text = lint(copied)
    broken = [part for part in text.splitlines() if " BROKEN" in part]
    assert code == 1
    assert any(contract in part for part in broken), text


def test_a_new_part_of_guidance_must_find_its_floor(copied: Path) -> None:
    (copied / boot.PACKAGE / "guidance" / "more.py").touch()
    code, text = lint(copied)
    assert code == 1
    assert "selfguidance.guidance.more" in text
