"""Runs one cell of a sweep in this process; what it made comes back as bytes.

So a worker needs no folder that other machines see.
"""

from __future__ import annotations

import json
import re
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import measures
from .comfy import Comfy, Graph, NodeError, comfy

FOLDERS = {"images": "pictures", "gifs": "pictures"}  # by kind of entry; "files" for others
KINDS = (*FOLDERS, "self_guidance_files", "latents", "audio", "video", "3d")
FULL = "No space left on device"


@dataclass
class Result:
    """What a cell made.

    Attributes:
        files: contents by path, which begins with the name of a folder.
        numbers: what was measured, by name.
        error: why it failed, in one line; empty if it did not.
        trace: where it failed.
        seconds: how long it took.
        full: whether a disk was full.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    numbers: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    trace: str = ""
    seconds: float = 0.0
    full: bool = False


def schemas(kinds: Iterable[str]) -> dict[str, dict[str, Any]]:
    """See `Comfy.schemas`."""
    found: dict[str, dict[str, Any]] = _json(comfy().schemas(kinds))
    return found


def _json(value: Any) -> Any:
    """The value without types of ComfyUI or numpy, which other processes may not have."""
    return json.loads(
        json.dumps(value, default=lambda v: v.item() if hasattr(v, "item") else str(v))
    )


def run(graph: Graph, outputs: list[str], records: bool, measure: str) -> Result:
    """Run a cell.

    Args:
        graph: its graph.
        outputs: ids of the nodes that are wanted.
        records: whether records are wanted.
        measure: see `measures`.
    """
    here = comfy()  # not an error of the cell if there is none
    result, start = Result(), time.monotonic()
    try:
        made = _Made(here, graph, here.run(graph, outputs))
        result.numbers = _json(made.numbers(measure))
        result.files = made.files(records)
    except NodeError as error:
        result.error, result.trace = str(error), error.trace
    except Exception as error:
        result.error = " ".join(f"{type(error).__name__}: {error}".split())
        result.trace = traceback.format_exc()
    result.seconds = time.monotonic() - start
    result.full = FULL in result.error
    return result


class _Made:
    """What a graph made.

    Args:
        here: where it ran.
        graph: the graph.
        shown: see `Comfy.run`.
    """

    def __init__(self, here: Comfy, graph: Graph, shown: Mapping[str, Mapping[str, list]]) -> None:
        self._here, self._graph, self._shown = here, graph, shown
        self._records = [(self._title(key), record) for key, record in here.records(graph)]
        self._entries = [
            (FOLDERS.get(kind, "files"), self._title(key), here.file(entry))
            for key, output in shown.items()
            for kind in KINDS
            for entry in output.get(kind, ())
        ]

    def _title(self, key: str) -> str:
        node = self._graph.get(key, {})
        title = (node.get("_meta") or {}).get("title") or node.get("class_type", "")
        same = [k for k, n in self._graph.items() if (n.get("_meta") or {}).get("title") == title]
        return title if len(same) == 1 else f"{title} {key}"

    def numbers(self, measure: str) -> dict[str, Any]:
        """What can be measured."""
        found = measures.texts({self._title(key): out for key, out in self._shown.items()})
        for title, record in self._records:
            found |= measures.energies(title, record)
        if measure:
            pictures = {
                title: path for folder, title, path in self._entries if folder == "pictures"
            }
            found |= measures.measured(measure, pictures, dict(self._records))
        return found

    def files(self, records: bool) -> dict[str, bytes]:
        """Contents by folder and name."""
        found: dict[str, bytes] = {}
        for folder, title, path in self._entries:
            found[_free(f"{folder}/{_plain(title)}", path.suffix, found)] = path.read_bytes()
        for title, record in self._records if records else ():
            found[_free(f"records/{_plain(title)}", ".safetensors", found)] = _bytes(record)
        self._here.forget_all_but({path for _, _, path in self._entries})
        return found


def _plain(title: str) -> str:
    """A title as part of a file's name on any system."""
    return re.sub(r"[^\w.-]+", "_", title).strip("._")[:60] or "node"


def _free(stem: str, suffix: str, taken: Mapping[str, bytes]) -> str:
    names: Iterator[str] = (f"{stem}_{count}{suffix}" for count in range(2, len(taken) + 3))
    return next(name for name in (stem + suffix, *names) if name not in taken)


def _bytes(record: Any) -> bytes:
    from ...guidance.record import file as record_file

    path = comfy().folder / "record.safetensors"
    try:
        record_file.save(path, record)
        return path.read_bytes()
    finally:
        path.unlink(missing_ok=True)
