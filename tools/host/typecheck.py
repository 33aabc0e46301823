"""Check the types with mypy, the checkout under the name `selfguidance` that boot.py gives it."""

import subprocess
import sys

from .. import boot
from . import host, serve

PARTS = ("guidance", "nodes", "demo", "tools")


def main(arguments: list[str]) -> None:
    """Run mypy on every part of the pack and end with its exit code."""
    folder = host.CACHE / "types"
    serve.link(folder / boot.PACKAGE, host.ROOT)
    command = [sys.executable, "-m", "mypy", "--config-file", str(host.ROOT / "pyproject.toml")]
    command += ["--cache-dir", str(host.ROOT / ".mypy_cache"), *arguments]
    for part in PARTS:
        command += ["--package", f"{boot.PACKAGE}.{part}"]
    sys.exit(subprocess.run(command, cwd=folder).returncode)
