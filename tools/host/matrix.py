"""Run the compatibility tests on every ComfyUI at hand and write docs/compatibility.md.

The hosts are the ComfyUI that the project runs with, the folders of the command line, and those of
SELF_GUIDANCE_HOSTS (separated as in PATH). Each host runs in the Python environment `venv` or
`.venv` of its folder if there is one, because versions require different packages, else in the
current one. The page is written from scratch: no result of an earlier run is kept.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import host
from .matrix_page import page

PAGE = host.ROOT / "docs" / "compatibility.md"
PARTS = ("host",)


@dataclass(frozen=True)
class Host:
    """A ComfyUI to run the tests on."""

    path: Path

    @property
    def version(self) -> str:
        """The version that ComfyUI itself reports."""
        text = (self.path / "comfyui_version.py").read_text("utf-8")
        found = re.search(r'__version__ = "([^"]+)"', text)
        return found[1] if found else "unknown"

    @property
    def python(self) -> Path:
        """Path of the Python that runs this host."""
        kind = "Scripts/python.exe" if sys.platform == "win32" else "bin/python"
        own = [self.path / name / kind for name in ("venv", ".venv")]
        return next((python for python in own if python.exists()), Path(sys.executable))


def hosts(named: Sequence[str]) -> list[Host]:
    """Every host, oldest version first.

    Raises:
        FileNotFoundError: a named folder is no ComfyUI.
    """
    listed = os.environ.get("SELF_GUIDANCE_HOSTS", "").split(os.pathsep)
    paths = [host.find()]
    for name in (*named, *filter(None, listed)):
        path = Path(name).expanduser().resolve()
        if not host.is_host(path):
            raise FileNotFoundError(f"{name} is not the folder of a ComfyUI, with main.py in it")
        paths.append(path)
    found = {found.version: found for found in map(Host, paths)}
    return [found[version] for version in sorted(found, key=_order)]


def _order(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]


def results(one: Host, arguments: Sequence[str]) -> list[dict[str, Any]]:
    """Rows of the page with the outcomes of their tests on one host.

    Raises:
        RuntimeError: the test run did not complete.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "rows.json")
        command = [str(one.python), "-m", "pytest", *(f"tests/{part}" for part in PARTS)]
        command += ["-q", "-m", "compat", "--compat", str(report), *arguments]
        environment = {**os.environ, "COMFYUI_PATH": str(one.path), "CI": "true"}
        code = subprocess.run(command, cwd=host.ROOT, env=environment).returncode
        if code not in (0, 1) or not report.exists():  # 1: tests failed, which is a result
            raise RuntimeError(f"the tests on ComfyUI {one.version} ended with code {code}")
        rows: list[dict[str, Any]] = json.loads(report.read_text("utf-8"))
        return rows


def commit() -> str:
    """The commit of the checkout, with a remark if files differ from it."""

    def git(*arguments: str) -> str:
        return subprocess.check_output(["git", *arguments], cwd=host.ROOT, text=True).strip()

    try:
        changed = " with changes" if git("status", "--porcelain", "--untracked-files=no") else ""
        return git("rev-parse", "--short=10", "HEAD") + changed
    except (OSError, subprocess.CalledProcessError):
        return "unknown (no git)"


def main(arguments: list[str]) -> None:
    """Run the tests on each host and write the page."""
    parser = argparse.ArgumentParser(prog="matrix", description="Write docs/compatibility.md.")
    parser.add_argument("hosts", nargs="*", help="folders of further ComfyUIs")
    parser.add_argument("--page", type=Path, default=PAGE, help="the file to write")
    parser.add_argument("-k", help="only tests of this name, for a look at a part of the page")
    options = parser.parse_args(arguments)
    if options.k and options.page.resolve() == PAGE:
        parser.error("-k leaves rows out: name another file with --page")
    try:
        found = hosts(options.hosts)
        columns = {}
        for one in found:
            print(f"ComfyUI {one.version} in {one.path}", flush=True)
            columns[one.version] = results(one, ["-k", options.k] if options.k else [])
    except (FileNotFoundError, RuntimeError) as error:
        sys.exit(f"no page is written: {error}")
    options.page.parent.mkdir(exist_ok=True)
    options.page.write_text(page(columns, commit()), "utf-8")
    print(f"{options.page}: {len(columns)} versions of ComfyUI")
