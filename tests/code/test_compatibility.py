"""The compatibility page says what the tests showed."""

import pytest
from selfguidance.demo import matrix_page


def rows(text: str) -> list[tuple[str, str, list[str]]]:
    """Theme, row and cells of every line of the page's tables."""
    found, theme = [], ""
    for line in text.splitlines():
        first, *cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|") or first == "---":
            continue
        if cells[0].startswith("ComfyUI "):
            theme = first
        else:
            found.append((theme, first, cells))
    return found


@pytest.mark.parametrize(
    ("outcomes", "refuses", "expected"),
    [
        (["passed", "passed"], False, "works (2)"),
        (["passed"], True, "refuses clearly (1)"),
        (["passed", "failed"], False, "**fails** (1 of 2)"),
        (["skipped"], True, "not there"),
        (["passed", "skipped"], False, "works (1)"),
        ([], False, "not there"),
    ],
)
def test_a_cell_says_what_the_tests_showed(
    outcomes: list[str], refuses: bool, expected: str
) -> None:
    row = {"refuses": refuses, "outcomes": [["test", outcome, ""] for outcome in outcomes]}
    assert matrix_page.cell(row) == expected


def test_a_row_that_one_host_lacks_is_not_there() -> None:
    def row(name: str, outcome: str, reason: str = "") -> dict:
        outcomes = [["test_x", outcome, reason]]
        return {"theme": "Models", "row": name, "refuses": False, "outcomes": outcomes}

    text = matrix_page.page(
        {"1.0": [row("a", "passed"), row("b", "skipped", "Skipped: too old")], "2.0": []}, "abc"
    )
    assert rows(text) == [
        ("Models", "a", ["works (1)", "not there"]),
        ("Models", "b", ["not there", "not there"]),
    ]
    assert "commit abc" in text and "b, ComfyUI 1.0: not run, too old" in text


def test_failed_tests_are_named() -> None:
    row = {"theme": "Models", "row": "a", "refuses": False, "outcomes": [["t::x", "failed", ""]]}
    assert "a, ComfyUI 1.0: `t::x` failed" in matrix_page.page({"1.0": [row]}, "abc")
