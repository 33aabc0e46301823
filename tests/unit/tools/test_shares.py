"""Tests that run in several processes: who gets what, and rows of all of them in one report."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from selfguidance.tests.shares import PICTURES, share, turn
from selfguidance.tools.host import host

MARKED = """
import pytest

@pytest.mark.compat("Models", "{number}")
@pytest.mark.parametrize("number", range(3))
def test_fails_at_one(number):
    assert number != 1

@pytest.mark.compat("Weights", "odd", refuses=True)
def test_is_skipped():
    pytest.skip("not here")
"""


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        ("unit/test_a.py::test_x[1::2]", "unit/test_a.py::test_y", True),
        ("unit/test_a.py::test_x", "unit/test_b.py::test_x", False),
        ("browser/test_a.py::test_x", "browser/test_b.py::test_x", True),
        ("browser/test_a.py::test_x[own-vue]", "browser/test_b.py::test_x[own]", True),
        ("browser/test_a.py::test_x[vue-newer]", "browser/test_b.py::test_x[newer]", True),
        ("browser/test_a.py::test_x[vue-own]", "browser/test_a.py::test_x[vue-newer]", False),
        ("host/tools/test_workflows.py::test_x", "host/tools/test_workflow_looks.py::test_x", True),
        ("host/tools/test_workflows.py::test_x", "host/tools/test_variants.py::test_x", False),
    ],
)
def test_what_shares_something_expensive_stays_together(
    first: str, second: str, together: bool
) -> None:
    assert (share(first) == share(second)) == together


def test_what_takes_longest_begins_and_what_is_short_ends() -> None:
    tests = ["browser/b.py::t", "host/tools/test_workflows.py::t", "host/a.py::t", "unit/a.py::t"]
    mixed = [tests[2], tests[0], tests[3], tests[1]]
    assert sorted(mixed, key=turn) == tests


def test_every_file_that_looks_at_the_workflows_pictures_is_listed() -> None:
    files = (host.ROOT / "tests").rglob("test_*.py")
    asks = re.compile(r"def test_\w+\([^)]*\bshown: Any")
    users = {file.name for file in files if asks.search(file.read_text("utf-8"))}
    assert users == set(PICTURES)


def rows(folder: Path, *arguments: str) -> list[dict]:
    """The report of the marked tests."""
    (folder / "test_marked.py").write_text(MARKED)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = compat(theme, row, refuses=False): -\n")
    report = folder / "rows.json"
    command = [sys.executable, "-m", "pytest", "-p", "rows", "-p", "xdist.plugin", "-q"]
    places = [str(host.ROOT / "tests"), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, places))}
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # the others take their time
    done = subprocess.run(
        [*command, "--compat", str(report), *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    found: list[dict] = json.loads(report.read_text("utf-8"))
    return sorted(found, key=lambda row: row["row"])


def test_a_report_is_the_same_from_one_process_and_from_two(tmp_path: Path) -> None:
    alone = rows(tmp_path)
    told = {row["row"]: [outcome for _, outcome, _ in row["outcomes"]] for row in alone}
    assert told == {"0": ["passed"], "1": ["failed"], "2": ["passed"], "odd": ["skipped"]}
    assert rows(tmp_path, "-n", "2") == alone
