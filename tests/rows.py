"""Which test counts for which row of docs/compatibility.md, and how it ended.

A test says `@pytest.mark.compat(theme, row)`; `refuses=True` if what it proves is a clear refusal.
Braces in a row hold a parameter of the test: "{sampler}". `pytest --compat FILE` writes the rows of
the tests that were chosen and their outcomes as JSON; tools/host/matrix.py makes the page from it.
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
ROW = "compat"  # name of a report's property
Results = dict[tuple[str, str], dict[str, Any]]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer the option that asks for the report."""
    parser.addoption("--compat", type=Path, help="write rows of the compatibility page as JSON")


def pytest_configure(config: pytest.Config) -> None:
    """Count only where a report is asked for."""
    file = config.getoption("--compat")
    if file is not None:
        worker = hasattr(config, "workerinput")  # one of several processes of pytest-xdist
        config.pluginmanager.register(Rows(None if worker else file))


def rows_of(item: Any) -> Iterator[tuple[tuple[str, str], bool]]:
    """Theme and row of every mark of a test, and whether it proves a refusal.

    Raises:
        pytest.UsageError: the theme is none of the page's.
    """
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    for mark in item.iter_markers("compat"):
        theme, row = mark.args
        if theme not in THEMES:
            raise pytest.UsageError(f"{item.nodeid}: {theme!r} is no theme; they are {THEMES}")
        yield (theme, row.format(**parameters)), mark.kwargs.get("refuses", False)


class Rows:
    """Outcomes by row.

    A test's rows travel with its reports, since they may come from another process.

    Args:
        file: where they go; None in a process that only runs tests for another one.
    """

    def __init__(self, file: Path | None) -> None:
        self.file = file
        self.results: Results = {}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Open a row for every mark of the tests that will run."""
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
        """Note how a test ended; what breaks before or after it counts as a failure, too."""
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
