"""Which ComfyUIs the compatibility page is made of, in which Python each runs, what is kept."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from selfguidance.tools.host import matrix

PYTHON = "Scripts/python.exe" if sys.platform == "win32" else "bin/python"


def comfy(folder: Path, version: str) -> Path:
    """A folder that looks like a ComfyUI."""
    for name in ("main.py", "comfy/samplers.py"):
        file = folder / version / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    (folder / version / "comfyui_version.py").write_text(f'__version__ = "{version}"\n', "utf-8")
    return folder / version


def test_hosts_come_oldest_first_whoever_names_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, own, new, newest = (comfy(tmp_path, v) for v in ("0.3.64", "0.3.75", "0.18.1", "0.33.0"))
    monkeypatch.setenv("COMFYUI_PATH", str(own))
    monkeypatch.setenv("SELF_GUIDANCE_HOSTS", os.pathsep.join(map(str, (newest, old))))
    found = matrix.hosts([str(new)])
    assert [one.path for one in found] == [old, own, new, newest]
    assert [one.version for one in found] == ["0.3.64", "0.3.75", "0.18.1", "0.33.0"]


def test_a_folder_that_is_no_host_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMFYUI_PATH", str(comfy(tmp_path, "1.0")))
    with pytest.raises(FileNotFoundError, match="elsewhere"):
        matrix.hosts([str(tmp_path / "elsewhere")])


@pytest.mark.parametrize("name", ["venv", ".venv"])
def test_a_host_with_an_environment_of_its_own_runs_in_it(tmp_path: Path, name: str) -> None:
    one = matrix.Host(comfy(tmp_path, "1.0"))
    assert one.python == Path(sys.executable)
    python = one.path / name / PYTHON
    python.parent.mkdir(parents=True)
    python.touch()
    assert one.python == python


ROWS = [{"theme": "Models", "row": "a", "refuses": False, "outcomes": [["t::x", "passed", ""]]}]
CHOICE = matrix.Choice("0123456789")


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[matrix.Choice]:
    """The runs that were made, of one host, as hosts at hand would make them."""
    made: list[matrix.Choice] = []

    def run(one: matrix.Host, choice: matrix.Choice) -> matrix.Result:
        made.append(choice)
        return matrix.Result(choice, passed="fails" not in choice.part, rows=ROWS)

    monkeypatch.setattr(matrix, "run", run)
    monkeypatch.setattr(matrix, "commit", lambda: CHOICE.commit)
    monkeypatch.setenv("COMFYUI_PATH", str(comfy(tmp_path, "1.0")))
    monkeypatch.delenv("SELF_GUIDANCE_HOSTS", raising=False)
    return made


@pytest.mark.parametrize(
    ("change", "again"),
    [
        ({}, False),
        ({"commit": "9876543210"}, True),
        ({"part": "x"}, True),
        ({"all": True}, True),
    ],
)
def test_results_of_the_same_tests_at_the_same_commit_are_not_made_again(
    tmp_path: Path, runs: list[matrix.Choice], change: dict, again: bool
) -> None:
    one = matrix.Host(tmp_path / "1.0")
    first = matrix.result(one, CHOICE, tmp_path / "kept")
    second = matrix.result(one, replace(CHOICE, **change), tmp_path / "kept")
    assert len(runs) == 1 + again
    assert (second == first) is not again


def test_results_of_all_tests_serve_where_marked_ones_are_asked_for(
    tmp_path: Path, runs: list[matrix.Choice]
) -> None:
    one = matrix.Host(tmp_path / "1.0")
    for all_of_them in (True, False):
        matrix.result(one, replace(CHOICE, all=all_of_them), tmp_path / "kept")
    assert [choice.all for choice in runs] == [True]


@pytest.mark.parametrize("commit", ["0123456789 with changes", "unknown (no git)"])
def test_results_of_files_that_no_commit_has_are_made_again(
    tmp_path: Path, runs: list[matrix.Choice], commit: str
) -> None:
    for _ in range(2):
        matrix.result(matrix.Host(tmp_path / "1.0"), matrix.Choice(commit), tmp_path / "kept")
    assert len(runs) == 2


def test_the_page_is_written_and_hosts_with_failed_tests_are_named(
    tmp_path: Path, runs: list[matrix.Choice]
) -> None:
    page = tmp_path / "docs" / "page.md"
    matrix.main(["--page", str(page)])
    assert "| a | works (1) |" in page.read_text("utf-8")
    with pytest.raises(SystemExit, match=r"failed on ComfyUI 1\.0"):
        matrix.main(["--page", str(page), "-k", "fails"])
    assert len(runs) == 2
