"""Lint, types and the rules of the house, as tests, so that one summary covers everything."""

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from selfguidance.tools.host import host

ROOT = host.ROOT
PARTS = ("guidance", "nodes", "demo", "tools", "tests")
FILES = [ROOT / "noxfile.py", ROOT / "__init__.py"]
FILES += sorted(file for part in PARTS for file in (ROOT / part).rglob("*.py"))
FILES = [file for file in FILES if file.exists() and "node_modules" not in file.parts]


def files_of(*parts: str) -> pytest.MarkDecorator:
    """Run a test for each file of these parts, or of all."""
    chosen = [f for f in FILES if not parts or f.relative_to(ROOT).parts[0] in parts]
    names = [file.relative_to(ROOT).as_posix() for file in chosen]
    return pytest.mark.parametrize("file", chosen, ids=names)


def run(*arguments: str) -> None:
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        pytest.fail(done.stdout + done.stderr, pytrace=False)


@pytest.mark.parametrize("mode", [("check",), ("format", "--check")], ids=" ".join)
def test_ruff(mode: tuple[str, ...]) -> None:
    run("-m", "ruff", *mode, ".")


def test_ruff_minds_no_name_of_the_checkouts_folder(tmp_path: Path) -> None:
    folder = tmp_path / "ComfyUI-SelfGuidance"
    for name in ("pyproject.toml", "__init__.py", "demo/__init__.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, folder / name)
    run("-m", "ruff", "check", "--no-cache", str(folder))


def test_mypy() -> None:
    run(str(Path("tools", "run.py")), "typecheck")


@files_of()
def test_files_and_functions_are_short(file: Path) -> None:
    text = file.read_text("utf-8")
    assert len(text.splitlines()) <= 300
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    long = {
        node.name: length
        for node in ast.walk(ast.parse(text))
        if isinstance(node, functions) and (length := node.end_lineno - node.lineno + 1) > 40
    }
    assert not long, f"over 40 lines: {long}"


@files_of()
def test_every_file_says_what_it_is(file: Path) -> None:
    text = file.read_text("utf-8")
    assert not text.strip() or ast.get_docstring(ast.parse(text))


@files_of("guidance", "nodes")
def test_what_users_load_runs_no_text_and_starts_nothing(file: Path) -> None:
    tree = ast.parse(file.read_text("utf-8"))
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert not {"eval", "exec", "breakpoint"} & names
    assert not {"subprocess", "pip"} & set(imported(file))


def imported(file: Path) -> Iterator[str]:
    """Names of the modules that `file` imports, relative ones with their dots."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


@files_of("guidance")
def test_guidance_needs_torch_safetensors_and_the_standard_library_alone(file: Path) -> None:
    allowed = {*sys.stdlib_module_names, "torch", "safetensors"}
    outside = "." * len(file.relative_to(ROOT).parts)  # one dot more than leads to guidance itself
    foreign = [
        name
        for name in imported(file)
        if name.startswith(outside) or (name[0] != "." and name.split(".")[0] not in allowed)
    ]
    assert not foreign
