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
Results = dict[tuple[str, str], dict[str, Any]]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer the option that asks for the report."""
    parser.addoption("--compat", type=Path, help="write rows of the compatibility page as JSON")


def pytest_configure(config: pytest.Config) -> None:
    """Count only where a report is asked for."""
    file = config.getoption("--compat")
    if file is not None:
        config.pluginmanager.register(Rows(file))


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

    Args:
        file: where they go.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.results: Results = {}
        self.tests: dict[str, list[tuple[str, str]]] = {}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Open a row for every mark of the tests that will run."""
        for item in session.items:
            self.tests[item.nodeid] = []
            for key, refuses in rows_of(item):
                row = self.results.setdefault(key, {"refuses": refuses, "outcomes": []})
                if row["refuses"] != refuses:
                    raise pytest.UsageError(f"row {key} has tests that refuse and others: part it")
                self.tests[item.nodeid].append(key)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note how a test ended; what breaks before or after it counts as a failure, too."""
        if report.when != "call" and report.outcome == "passed":
            return
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
        for key in self.tests[report.nodeid]:
            self.results[key]["outcomes"].append([report.nodeid, report.outcome, reason])

    def pytest_sessionfinish(self) -> None:
        """Write the report."""
        rows = [{"theme": t, "row": r, **result} for (t, r), result in self.results.items()]
        rows.sort(key=lambda row: THEMES.index(row["theme"]))
        self.file.write_text(json.dumps(rows, indent=1), "utf-8")
