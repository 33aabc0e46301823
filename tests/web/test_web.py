"""Types, lint, format and unit tests of the scripts that ComfyUI's page loads, as tests."""

import re
import subprocess
from pathlib import Path

import pytest
from selfguidance.tools.host import host

HERE = host.ROOT / "tests" / "web"
SCRIPTS = sorted((host.ROOT / "web" / "js").rglob("*.js"))
each = pytest.mark.parametrize("script", SCRIPTS, ids=lambda s: s.relative_to(host.ROOT).as_posix())


def run(*command: str, cwd: Path = host.ROOT) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        pytest.fail(done.stdout + done.stderr, pytrace=False)


def test_types(tools: Path) -> None:
    run(str(tools / "tsc"), "--project", str(HERE / "tsconfig.json"))


def test_lint(tools: Path) -> None:
    config = str(HERE / "eslint.config.js")
    run(str(tools / "eslint"), "--config", config, "--max-warnings", "0", "web", "tests/web")


def test_format(tools: Path) -> None:
    run(str(tools / "prettier"), "--check", "web/js", "tests/web")


def test_units(tools: Path) -> None:
    files = [str(file) for file in sorted(HERE.glob("*.test.js"))]
    assert files
    run("node", "--test", "--disable-warning=MODULE_TYPELESS_PACKAGE_JSON", *files)


@each
def test_scripts_import_only_each_other_and_what_the_page_serves(script: Path) -> None:
    text = script.read_text("utf-8")
    for name in re.findall(r"""^(?:import|export)\b[^;="']*["']([^"']+)["'];""", text, re.M):
        target = (script.parent / name).resolve()
        served = re.fullmatch(r"(\.\./)+scripts/(app|api)\.js", name)
        if served:  # /extensions/<pack>/js/<...>/ to /
            depth = len(script.relative_to(host.ROOT / "web").parts) + 1
            assert name.count("../") == depth, name
        else:
            assert target in SCRIPTS, name


@each
def test_every_script_says_what_it_is(script: Path) -> None:
    assert script.read_text("utf-8").startswith("/**\n")
