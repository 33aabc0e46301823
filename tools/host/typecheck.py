"""Check the types with mypy, with the checkout as the package `selfguidance`, see boot.py."""

import subprocess
import sys

from .. import boot
from . import host, serve

PARTS = ("guidance", "nodes", "demo", "tools")


def main(arguments: list[str]) -> None:
    """Run mypy on every folder of `PARTS` and exit with its code."""
    folder = host.CACHE / "types"
    serve.link(folder / boot.PACKAGE, host.ROOT)
    command = [sys.executable, "-m", "mypy", "--config-file", str(host.ROOT / "pyproject.toml")]
    command += ["--cache-dir", str(host.ROOT / ".mypy_cache"), *arguments]
    for part in PARTS:
        command += ["--package", f"{boot.PACKAGE}.{part}"]
    sys.exit(subprocess.run(command, cwd=folder).returncode)
