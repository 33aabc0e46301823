"""The compatibility page has a row for every mark of the tests, and none without one."""

import json
import re
import subprocess
import sys

import pytest
from selfguidance.tools.host import host, matrix_page

PAGE = host.ROOT / "docs" / "compatibility.md"


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> set[tuple[str, str]]:
    """Theme and row of every mark, as pytest collects them."""
    file = tmp_path_factory.mktemp("compat") / "rows.json"
    command = [sys.executable, "-m", "pytest", "tests/host", "-m", "compat", "--collect-only", "-q"]
    done = subprocess.run(
        [*command, "--compat", str(file)], cwd=host.ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return {(row["theme"], row["row"]) for row in json.loads(file.read_text("utf-8"))}


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


def test_the_page_has_the_rows_that_tests_are_marked_with(marked: set[tuple[str, str]]) -> None:
    listed = [(theme, row) for theme, row, _ in rows(PAGE.read_text("utf-8"))]
    assert len(set(listed)) == len(listed)
    assert set(listed) == marked, "run `python -m nox -s matrix` over every host again"


def test_the_page_says_for_each_of_four_hosts_what_happened() -> None:
    text = PAGE.read_text("utf-8")
    versions = re.findall(r"ComfyUI ([\d.]+) \|", text)
    assert {"0.3.64", "0.3.75", "0.18.1", "0.33.0"} <= set(versions)
    pattern = re.compile(r"(works|refuses clearly) \(\d+\)|\*\*fails\*\* \(\d+ of \d+\)|not there")
    for theme, row, cells in rows(text):
        assert len(cells) == len(set(versions)), (theme, row)
        assert all(map(pattern.fullmatch, cells)), (theme, row, cells)


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

    skipped = [row(name, "skipped", "Skipped: too old") for name in ("b", "c")]
    text = matrix_page.page({"1.0": [row("a", "passed"), *skipped], "2.0": []}, "abc")
    assert rows(text) == [
        ("Models", "a", ["works (1)", "not there"]),
        ("Models", "b", ["not there", "not there"]),
        ("Models", "c", ["not there", "not there"]),
    ]
    assert "commit abc" in text and "- ComfyUI 1.0, too old: b; c\n" in text
    assert "Failed" not in text


def test_failed_tests_are_named() -> None:
    row = {"theme": "Models", "row": "a", "refuses": False, "outcomes": [["t::x", "failed", ""]]}
    assert "a, ComfyUI 1.0: `t::x` failed" in matrix_page.page({"1.0": [row]}, "abc")
