"""Run the compatibility tests on every ComfyUI at hand and write docs/compatibility.md.

The hosts are the ComfyUI that the project runs with, the folders of the command line, and those of
SELF_GUIDANCE_HOSTS (separated as in PATH). Each host runs in the Python environment `venv` or
`.venv` of its folder if there is one, because versions require different packages, else in the
current one. The page is written from scratch; of an earlier run only what --keep kept of the same
commit is taken.
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
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from . import host
from .matrix_page import Row, page

PAGE = host.ROOT / "docs" / "compatibility.md"
CHANGED = " with changes"


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
        python = "Scripts/python.exe" if sys.platform == "win32" else "bin/python"
        own = [self.path / name / python for name in ("venv", ".venv")]
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


@dataclass(frozen=True)
class Choice:
    """Which tests run.

    Args:
        commit: what `commit()` says of the checkout.
        all: those without a `compat` mark and the unit tests as well; they add nothing to the page.
        part: only tests of this name; "" for no limit.
    """

    commit: str
    all: bool = False
    part: str = ""

    @property
    def arguments(self) -> list[str]:
        """What pytest is given."""
        every = ["tests/host", "tests/unit", "-m", ""]  # exhaustive combinations, too
        chosen = every if self.all else ["tests/host", "-m", "compat"]
        return [*chosen, *(["-k", self.part] if self.part else [])]


@dataclass(frozen=True)
class Result:
    """What a run of tests on one host gave.

    Args:
        choice: the tests.
        passed: whether none of them failed.
        rows: rows of the page with the outcomes of their tests.
    """

    choice: Choice
    passed: bool
    rows: list[Row]


def run(one: Host, choice: Choice) -> Result:
    """Run the tests on one host.

    Raises:
        RuntimeError: the test run did not complete.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "rows.json")
        command = [str(one.python), "-m", "pytest", *choice.arguments, "-q", "--compat"]
        environment = {**os.environ, "COMFYUI_PATH": str(one.path), "CI": "true"}
        done = subprocess.run([*command, str(report)], cwd=host.ROOT, env=environment)
        if done.returncode not in (0, 1) or not report.exists():  # 1: tests failed, a result
            raise RuntimeError(f"the tests on ComfyUI {one.version} ended with {done.returncode}")
        rows = json.loads(report.read_text("utf-8"))
    return Result(choice, done.returncode == 0, rows)


def kept(file: Path, choice: Choice) -> Result | None:
    """The result in a file, if it has all tests that are asked for, of the same files."""
    if not file.exists() or not re.fullmatch("[0-9a-f]+", choice.commit):
        return None
    text = json.loads(file.read_text("utf-8"))
    result = Result(**{**text, "choice": Choice(**text["choice"])})
    enough = result.choice in (choice, replace(choice, all=True))
    return result if enough else None


def result(one: Host, choice: Choice, keep: Path | None) -> Result:
    """What the tests give on one host.

    Args:
        one: the host.
        choice: the tests.
        keep: the folder of results: those that it has are not made again, others are put there.

    Raises:
        RuntimeError: the test run did not complete.
    """
    file = keep and keep / f"{one.version}.json"
    known = kept(file, choice) if file else None
    if known:
        print(f"ComfyUI {one.version}: the result in {file}", flush=True)
        return known
    print(f"ComfyUI {one.version} in {one.path}", flush=True)
    made = run(one, choice)
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(asdict(made), indent=1), "utf-8")
    return made


def commit() -> str:
    """The commit of the checkout, with a remark if files differ from it."""

    def git(*arguments: str) -> str:
        return subprocess.check_output(["git", *arguments], cwd=host.ROOT, text=True).strip()

    try:
        changed = CHANGED if git("status", "--porcelain", "--untracked-files=no") else ""
        return git("rev-parse", "--short=10", "HEAD") + changed
    except (OSError, subprocess.CalledProcessError):
        return "unknown (no git)"


def main(arguments: list[str]) -> None:
    """Run the tests on each host and write the page."""
    parser = argparse.ArgumentParser(prog="matrix", description="Write docs/compatibility.md.")
    parser.add_argument("hosts", nargs="*", help="folders of further ComfyUIs")
    parser.add_argument("--page", type=Path, default=PAGE, help="the file to write")
    parser.add_argument("-k", default="", help="only tests of this name, for a part of the page")
    parser.add_argument("--all", action="store_true", help="every test of host and unit tier")
    parser.add_argument(
        "--keep", type=Path, help="folder for results; those of this commit are not made again"
    )
    options = parser.parse_args(arguments)
    if options.k and options.page.resolve() == PAGE:
        parser.error("-k leaves rows out: name another file with --page")
    choice = Choice(commit(), options.all, options.k)
    try:
        results = {one.version: result(one, choice, options.keep) for one in hosts(options.hosts)}
    except (FileNotFoundError, RuntimeError) as error:
        sys.exit(f"no page is written: {error}")
    options.page.parent.mkdir(exist_ok=True)
    rows = {version: one.rows for version, one in results.items()}
    options.page.write_text(page(rows, choice.commit), "utf-8")
    print(f"{options.page}: {len(rows)} versions of ComfyUI")
    if failed := [version for version, one in results.items() if not one.passed]:
        sys.exit(f"tests failed on ComfyUI {', '.join(failed)}")
