"""The folder of a sweep: files of its cells, a row for each, a table and a sheet of pictures.

    sweep.json      the sweep that the folder belongs to
    cells/0001.json the row of a cell, written after its files: with it the cell is done
    pictures/       0001_After.png, ... and likewise records/ and files/
    table.csv       all rows; made anew while the sweep runs
    sheet.html      all pictures with their values

Files appear whole, so that a sweep that ended anywhere goes on with the cells that have no row.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ..host import lock
from . import sheet
from .worker import Result

Row = dict[str, Any]
ABOUT, TABLE, SHEET = "sweep.json", "table.csv", "sheet.html"
LOCK, OWNER = ".lock", ".owner"
PART = ".part"
EVERY = 5.0  # seconds between two tables, at least
SHARE = 0.05  # of the time that writing them may take


class FullError(Exception):
    """The disk is full; nothing of the cell was kept."""


class Results:
    """The folder of a running sweep, see `opened`.

    Attributes:
        rows: those of the cells that are done, by number.
    """

    def __init__(self, folder: Path, title: str) -> None:
        self.folder, self._title = folder, title
        self._next = 0.0  # time of the next table
        for part in folder.rglob(f"*{PART}"):  # of a sweep that was killed
            part.unlink()
        files = sorted((folder / "cells").glob("*.json"))
        rows = [json.loads(file.read_text("utf-8")) for file in files]
        self.rows: dict[int, Row] = {row["cell"]: row for row in rows}

    def add(self, row: Row, result: Result) -> None:
        """Keep what a cell made, and then its row, with its files and numbers.

        Raises:
            FullError: the disk is full.
            OSError: the folder cannot be written to.
        """
        number = row["cell"]
        files: dict[str, list[str]] = {}
        try:
            for path, content in result.files.items():
                folder, _, name = path.partition("/")
                files.setdefault(folder, []).append(f"{folder}/{number:04}_{name}")
                self._write(files[folder][-1], content)
            whole = {
                **row,
                "numbers": result.numbers,
                "seconds": round(result.seconds, 3),
                "files": files,
                "error": result.error,
                "trace": result.trace,
            }
            self._write(f"cells/{number:04}.json", _json(whole))
        except OSError as error:
            self._forget(files)
            raise _full(error, self.folder) from error
        self.rows[number] = whole
        if time.monotonic() > self._next:
            self.show()

    def _forget(self, files: Mapping[str, Sequence[str]]) -> None:
        for name in [name for names in files.values() for name in names]:
            with suppress(OSError):
                (self.folder / name).unlink()

    def show(self) -> None:
        """Write the table and the sheet; one that another program keeps open is left as it is."""
        start, rows = time.monotonic(), [self.rows[number] for number in sorted(self.rows)]
        try:
            for name, text in ((TABLE, table(rows)), (SHEET, sheet.page(self._title, rows))):
                with suppress(PermissionError):
                    self._write(name, text.encode())
        except OSError as error:
            raise _full(error, self.folder) from error
        now = time.monotonic()
        self._next = now + max(EVERY, (now - start) / SHARE)

    def _write(self, name: str, content: bytes) -> None:
        write(self.folder / name, content)


def write(path: Path, content: bytes) -> None:
    """Write a file that appears whole or not at all."""
    path.parent.mkdir(exist_ok=True)
    part = path.with_name(path.name + PART)
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise


def _full(error: OSError, folder: Path) -> Exception:
    if error.errno not in (28, 122):  # no space left, no quota left
        return error
    return FullError(
        f"the disk of {folder} is full: free some space and run the same command again, which goes "
        "on where it stopped"
    )


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False, default=str) + "\n").encode()


@contextmanager
def opened(folder: Path, about: Mapping[str, Any]) -> Iterator[Results]:
    """The folder of a sweep, for this process alone; a new one is made.

    Args:
        folder: its path.
        about: the sweep, as JSON; the same one goes on where it stopped.

    Raises:
        ValueError: another process uses the folder, or it belongs to another sweep.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / ABOUT
    mark = {"sweep": about["file"], "hash": _hash(about)}
    with open(folder / LOCK, "a+", encoding="utf-8") as held:
        if not lock.take(held.fileno()):
            raise ValueError(
                f"folder {folder} is in use by another sweep{_holder(folder)}: wait until it ends, "
                "or name another --output"
            )
        if file.exists():
            found = json.loads(file.read_text("utf-8"))
            if found["hash"] != mark["hash"] and any((folder / "cells").glob("*.json")):
                raise ValueError(
                    f"folder {folder} has the results of another sweep, {found['sweep']}, or of "
                    "this one before it was changed: name another --output, or remove the folder"
                )
        elif any(path.name[0] != "." and path.suffix != PART for path in folder.iterdir()):
            raise ValueError(f"folder {folder} has other files: name another --output")
        _say_who(folder)
        try:
            write(file, _json({**mark, **about}))
            yield Results(folder, about["file"])
        except OSError as error:
            raise _full(error, folder) from error
        finally:
            (folder / OWNER).unlink(missing_ok=True)


def _say_who(folder: Path) -> None:
    # beside the lock, which others cannot read on Windows
    with suppress(OSError):
        write(folder / OWNER, f"process {os.getpid()} on {socket.gethostname()}".encode())


def _holder(folder: Path) -> str:
    try:
        return f" ({(folder / OWNER).read_text('utf-8')})"
    except OSError:
        return ""


def _hash(about: Mapping[str, Any]) -> str:
    text = json.dumps({k: v for k, v in about.items() if k != "file"}, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def table(rows: Sequence[Row]) -> str:
    """The rows as CSV: inputs, seeds, numbers, time, files and error of each cell."""
    groups = ("inputs", "seeds", "numbers")
    names = {group: list(dict.fromkeys(n for row in rows for n in row[group])) for group in groups}
    names["seeds"] = [name for name in names["seeds"] if name not in names["inputs"]]
    folders = list(dict.fromkeys(folder for row in rows for folder in row["files"]))
    heads = [name for group in groups for name in names[group]]
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    out.writerow(["cell", *heads, "seconds", *folders, "error"])
    for row in rows:
        values = [row[group].get(name, "") for group in groups for name in names[group]]
        files = [" ".join(row["files"].get(folder, ())) for folder in folders]
        out.writerow([row["cell"], *values, row["seconds"], *files, row["error"]])
    return text.getvalue()
