"""Format the compatibility page as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Row = dict[str, Any]
WORKS, REFUSES, FAILS, ABSENT = "works", "refuses clearly", "**fails**", "not there"
HEAD = """# Compatibility

`python -m nox -s matrix` wrote this page: it runs the tests of each row on each ComfyUI and counts
them. Rows are the tests' `compat` marks, so every cell can fail. Small models with random weights
stand for the families; a stand-in is a few lines in the tests that do what another pack does.

- **works (n)**: n tests passed.
- **refuses clearly (n)**: n tests saw an error message that says what to do.
- **fails**: a test failed.
- **not there**: this ComfyUI lacks what the row needs; the end of the page says what.
"""


def page(columns: Mapping[str, Sequence[Row]], commit: str) -> str:
    """The text of the page.

    Args:
        columns: rows with the outcomes of their tests, by version of ComfyUI.
        commit: the commit whose tests were run.
    """
    names: dict[str, dict[str, None]] = {}
    cells: dict[tuple[str, str, str], str] = {}
    for version, rows in columns.items():
        for row in rows:
            names.setdefault(row["theme"], {})[row["row"]] = None
            cells[version, row["theme"], row["row"]] = cell(row)
    lines = [HEAD, f"Every column was run at commit {commit}.", ""]
    for theme, listed in names.items():
        lines += [_line(theme, *(f"ComfyUI {version}" for version in columns))]
        lines += [_line(*["---"] * (1 + len(columns)))]
        for name in listed:
            lines.append(_line(name, *(cells.get((v, theme, name), ABSENT) for v in columns)))
        lines.append("")
    return "\n".join([*lines, *_notes(columns)]).rstrip() + "\n"


def cell(row: Row) -> str:
    """Text of a cell from the outcomes of its tests."""
    outcomes = [outcome for _, outcome, _ in row["outcomes"]]
    if "failed" in outcomes:
        return f"{FAILS} ({outcomes.count('failed')} of {len(outcomes)})"
    passed = outcomes.count("passed")
    if not passed:
        return ABSENT
    return f"{REFUSES if row['refuses'] else WORKS} ({passed})"


def _notes(columns: Mapping[str, Sequence[Row]]) -> list[str]:
    """Lines that name the tests that failed, and the rows with tests that were not run, and why."""
    failed: list[str] = []
    skipped: dict[str, dict[str, None]] = {}
    for version, rows in columns.items():
        for row in rows:
            for test, outcome, reason in row["outcomes"]:
                if outcome == "failed":
                    failed.append(f"- {row['row']}, ComfyUI {version}: `{test}` failed")
                elif outcome == "skipped":
                    why = f"- ComfyUI {version}, {reason.removeprefix('Skipped: ')}: "
                    skipped.setdefault(why, {})[row["row"]] = None
    left_out = [why + "; ".join(rows) for why, rows in skipped.items()]
    return [*_part("Failed", failed), *_part("Not run", left_out)]


def _part(title: str, lines: list[str]) -> list[str]:
    return [f"## {title}", "", *lines, ""] if lines else []


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
