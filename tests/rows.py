"""The rows of docs/compatibility.md that tests belong to, and the outcomes of these tests.

A test is marked `@pytest.mark.compat(theme, row)`, with `refuses=True` if it shows that the pack
refuses with a clear message. Braces in a row name a parameter of the test: "{sampler}". `pytest
--compat FILE` writes the rows of the selected tests and their outcomes as JSON, from which
tools/host/matrix.py makes the page.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

THEMES = (
    "Front ends",
    "Samplers and schedules",
    "Models",
    "Weights",
    "Other packs and nodes",
    "Conditionings",
    "Sizes",
    "Lifecycle",
)
ROW = "compat"  # name of the property in pytest's reports
Results = dict[tuple[str, str], dict[str, Any]]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option --compat."""
    parser.addoption("--compat", type=Path, help="write rows of the compatibility page as JSON")


def pytest_configure(config: pytest.Config) -> None:
    """Collect outcomes if --compat is given."""
    file = config.getoption("--compat")
    if file is not None:
        worker = hasattr(config, "workerinput")  # a process of pytest-xdist
        config.pluginmanager.register(Rows(None if worker else file))


def rows_of(item: Any) -> Iterator[tuple[tuple[str, str], bool]]:
    """Theme and row of every mark of a test, and whether the test shows a refusal.

    Raises:
        pytest.UsageError: the theme is not in `THEMES`.
    """
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    for mark in item.iter_markers("compat"):
        theme, row = mark.args
        if theme not in THEMES:
            raise pytest.UsageError(f"{item.nodeid}: {theme!r} is no theme; they are {THEMES}")
        yield (theme, row.format(**parameters)), mark.kwargs.get("refuses", False)


class Rows:
    """Collects outcomes by row.

    The rows of a test are stored in its reports, which may come from another process.

    Args:
        file: where the outcomes are written; None in a process of pytest-xdist.
    """

    def __init__(self, file: Path | None) -> None:
        self.file = file
        self.results: Results = {}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Add an empty row for every mark of the selected tests."""
        for item in session.items:
            for key, refuses in rows_of(item):
                self._row(key, refuses)
                item.user_properties.append((ROW, (*key, refuses)))

    def _row(self, key: tuple[str, str], refuses: bool) -> dict[str, Any]:
        row = self.results.setdefault(key, {"refuses": refuses, "outcomes": []})
        if row["refuses"] != refuses:
            raise pytest.UsageError(f"row {key} has tests that refuse and others: part it")
        return row

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add the outcome of a test; errors in its fixtures count as failures."""
        if report.when != "call" and report.outcome == "passed":
            return
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
        for name, value in report.user_properties:
            if name == ROW:
                theme, row, refuses = value
                outcome = [report.nodeid, report.outcome, reason]
                self._row((theme, row), refuses)["outcomes"].append(outcome)

    def pytest_sessionfinish(self) -> None:
        """Write the report."""
        if self.file is None:
            return
        rows = [{"theme": t, "row": r, **result} for (t, r), result in self.results.items()]
        rows.sort(key=lambda row: THEMES.index(row["theme"]))
        self.file.write_text(json.dumps(rows, indent=1), "utf-8")
