"""CI runs the test command that the README prints, and fails when it does."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from selfguidance.tools.host import host

COMMANDS = [f"python -m pip install nox && python -m nox -s {name}" for name in ("demo", "tests")]
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="CI runs on Linux")


@pytest.mark.parametrize("command", COMMANDS)
def test_readme_prints_the_command_on_one_line(command: str) -> None:
    assert command in (host.ROOT / "README.md").read_text("utf-8").splitlines()


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A copy of CI's script and the README, on a machine whose python only notes its arguments."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(host.ROOT / ".ci" / "run", tmp_path / ".ci")
    shutil.copy(host.ROOT / "README.md", tmp_path)
    (tmp_path / "bin").mkdir()
    for name, script in {
        "python": 'echo "$@" >> calls; [ "$2" != "$FAIL" ]',
        "chromium": "",
    }.items():
        tool = tmp_path / "bin" / name
        tool.write_text(f"#!/bin/sh\n{script}\n")
        tool.chmod(0o755)
    return tmp_path


def run(machine: Path, fail: str = "") -> int:
    path = f"{machine / 'bin'}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "FAIL": fail}
    return subprocess.run([machine / ".ci" / "run"], env=environment).returncode


def test_ci_runs_the_readmes_line(machine: Path) -> None:
    assert run(machine) == 0
    calls = (machine / "calls").read_text().splitlines()
    assert calls == ["-m pip install nox", "-m nox -s tests"]


@pytest.mark.parametrize("step", ["pip", "nox"])
def test_ci_fails_with_the_step_that_fails(machine: Path, step: str) -> None:
    assert run(machine, fail=step) != 0


def test_ci_fails_without_the_line(machine: Path) -> None:
    (machine / "README.md").write_text("python -m nox\n")
    assert run(machine) != 0
    assert not (machine / "calls").exists()
