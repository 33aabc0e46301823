"""The folder of a sweep: whole files, one owner, goes on where it stopped."""

import csv
import errno
import io
import os
from pathlib import Path
from typing import Any

import pytest
from selfguidance.tests.unit.tools.sweep.sweeps import Fake, run, written
from selfguidance.tools.sweep import results
from selfguidance.tools.sweep.results import FullError
from selfguidance.tools.sweep.runner import LostError
from selfguidance.tools.sweep.worker import Result

GRID = {"grid": {"Seed of both.value": [1, 2, 3, 4]}, "output": "out"}


def files(folder: Path) -> dict[str, bytes]:
    """Contents of all files but hidden ones, the page and the table."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name[0] != "." and path.suffix not in (".html", ".csv")
    }


def table(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((folder / "table.csv").read_text("utf-8"))))


def test_a_cell_that_fails_is_a_row_with_its_error(tmp_path: Path) -> None:
    run(written(tmp_path, **GRID), Fake())
    out = tmp_path / "out"
    rows = table(out)
    assert [row["cell"] for row in rows] == ["1", "2", "3", "4"]
    assert [row["Seed of both.value"] for row in rows] == ["1", "2", "3", "4"]
    assert [row["v1.5 sampler.seed"] for row in rows] == ["1", "2", "3", "4"]
    assert [row["x"] for row in rows] == ["0.5", "1.0", "", "2.0"]
    assert [bool(row["error"]) for row in rows] == [False, False, True, False]
    assert rows[0]["pictures"] == "pictures/0001_After.png"
    pictures = sorted((out / "pictures").iterdir())
    assert [picture.read_bytes() for picture in pictures] == [b"1", b"2", b"4"]
    page = (out / "sheet.html").read_text("utf-8")
    assert page.count("<img") == 3 and "4 cells, 1 failed" in page and "ValueError: no" in page


def test_it_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    file, fake = written(tmp_path, **GRID), Fake()
    fake.results[3] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        run(file, fake)
    before = files(tmp_path / "out")
    other = Fake()
    run(file, other)
    assert other.cells == [3, 4] and len(table(tmp_path / "out")) == 4
    assert before.items() <= files(tmp_path / "out").items()
    third = Fake()
    run(file, third)
    assert third.cells == []


def test_what_failed_runs_again_only_if_asked(tmp_path: Path) -> None:
    file = written(tmp_path, **GRID)
    run(file, Fake())
    fake = Fake()
    fake.results[3] = Result(files={"pictures/After.png": b"3"})
    run(file, fake, again=True)
    assert fake.cells == [3]
    assert not any(row["error"] for row in table(tmp_path / "out"))


def test_a_cell_whose_workers_end_is_a_row(tmp_path: Path) -> None:
    fake = Fake()
    fake.results[2] = LostError("the worker ended")
    run(written(tmp_path, **GRID), fake)
    assert table(tmp_path / "out")[1]["error"] == "the worker ended"


@pytest.mark.parametrize("at", range(6))
def test_a_full_disk_leaves_whole_files_and_the_rest_for_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    file, left = written(tmp_path, **GRID), [at]

    def full(_: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(results.os, "fsync", full)
        with pytest.raises(FullError, match=r"disk of .*out is full: free some space") as caught:
            run(file, Fake())
    assert "\n" not in str(caught.value)
    found = files(tmp_path / "out")
    assert not [name for name in found if name.endswith(".part")]
    assert len([n for n in found if "pictures" in n]) == len([n for n in found if "cells" in n])
    run(file, Fake())
    assert len(table(tmp_path / "out")) == 4


def test_a_full_disk_of_a_worker_is_no_error_of_the_cell(tmp_path: Path) -> None:
    fake = Fake()
    fake.results[2] = Result(error="OSError: [Errno 28] No space left on device", full=True)
    with pytest.raises(FullError, match="disk of a worker is full, cell 2"):
        run(written(tmp_path, **GRID), fake)
    assert not (tmp_path / "out" / "cells" / "0002.json").exists()


def test_a_folder_in_use_is_refused_at_once(tmp_path: Path) -> None:
    about = {"file": "a.yaml"}
    held = rf"in use by another sweep \(process {os.getpid()} on"
    with results.opened(tmp_path / "out", about), pytest.raises(ValueError, match=held):
        results.opened(tmp_path / "out", about).__enter__()
    with results.opened(tmp_path / "out", about):
        pass


def test_a_folder_of_another_sweep_or_of_other_files_is_refused(tmp_path: Path) -> None:
    run(written(tmp_path, **GRID), Fake())
    other: dict[str, Any] = {"grid": {"Seed of both.value": [1, 2]}, "output": "out"}
    with pytest.raises(ValueError, match=r"results of another sweep, .*sweep.yaml, or of this one"):
        run(written(tmp_path, **other), Fake())
    with pytest.raises(ValueError, match="has other files"):
        run(written(tmp_path, output="."), Fake())


def test_a_folder_without_results_takes_a_sweep_that_was_mended(tmp_path: Path) -> None:
    wrong = {"grid": {"Seed of both.value": ["text"]}, "output": "out"}
    with pytest.raises(ValueError, match=r"cell 1: .* takes a whole number"):
        run(written(tmp_path, **wrong), Fake())
    run(written(tmp_path, **GRID), Fake())
    assert len(table(tmp_path / "out")) == 4


def test_parts_that_a_killed_sweep_left_are_removed(tmp_path: Path) -> None:
    file = written(tmp_path, **GRID)
    run(file, Fake())
    part = tmp_path / "out" / "pictures" / "0009_After.png.part"
    part.touch()
    run(file, Fake())
    assert not part.exists()


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"set": {"9.value": 1}}, "no node for '9.value'"),
        ({"set": {"2.valu": 1}}, "cell 1: input '2.valu': node 'Seed of both' has no input"),
        ({"set": {"2.value": 1, "Seed of both.value": 2}}, "are the same input"),
        ({"outputs": ["Model"]}, "no output 'Model'; there are 'Before', 'After'"),
        ({"measure": "nothing:here"}, "'nothing:here' names no function"),
    ],
)
def test_mistakes_are_named_before_a_cell_runs(
    tmp_path: Path, said: dict[str, Any], message: str
) -> None:
    fake = Fake()
    with pytest.raises(ValueError, match=message):
        run(written(tmp_path, output="out", **said), fake)
    assert fake.cells == []


def test_text_of_a_cell_is_escaped_in_the_page(tmp_path: Path) -> None:
    values = ["<script>", "b"]
    run(written(tmp_path, grid={"3.text": values}, output="out"), Fake())
    page = (tmp_path / "out" / "sheet.html").read_text("utf-8")
    assert "<script>" not in page and "&lt;script&gt;" in page
