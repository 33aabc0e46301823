"""Node.js and the tools that check the scripts of web/js; users need none of them."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

HERE = Path(__file__).resolve().parent
NODE = (20, 19)  # the first version that runs ES modules without a package.json


def missing(what: str) -> NoReturn:
    """Skip the test for lack of a tool; fail in CI, where all must be there."""
    if os.environ.get("CI"):
        pytest.fail(f"CI needs {what}", pytrace=False)
    pytest.skip(f"needs {what}")


@pytest.fixture(scope="session")
def tools() -> Path:
    """The folder of the installed tools' commands."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not (node and npm):
        missing("node and npm on PATH (nodejs.org, or Debian: apt-get install nodejs npm)")
    said = subprocess.run([node, "--version"], capture_output=True, text=True).stdout
    version = tuple(map(int, said.strip().lstrip("v").split(".")[:2]))
    if version < NODE:
        missing(f"node {'.'.join(map(str, NODE))} or newer, this is {said.strip()}")
    lock, stamp = HERE / "package-lock.json", HERE / "node_modules" / "self-guidance.stamp"
    if not stamp.is_file() or stamp.read_text("utf-8") != lock.read_text("utf-8"):
        command = [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
        done = subprocess.run(command, cwd=HERE, capture_output=True, text=True)
        if done.returncode:
            missing(f"the packages of tests/web/package.json: {done.stdout}{done.stderr}")
        stamp.write_text(lock.read_text("utf-8"), "utf-8")
    return HERE / "node_modules" / ".bin"
