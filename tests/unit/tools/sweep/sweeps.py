"""A small workflow, its schemas and a runner that needs no ComfyUI; functions for workers."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from selfguidance.tools.sweep import sweep, table
from selfguidance.tools.sweep.results import Results
from selfguidance.tools.sweep.worker import Result

GRAPH = {
    "1": {"class_type": "Loader", "inputs": {"name": "a"}, "_meta": {"title": "Model"}},
    "2": {"class_type": "Number", "inputs": {"value": 7}, "_meta": {"title": "Seed of both"}},
    "3": {
        "class_type": "Sampler",
        "inputs": {"seed": ["2", 0], "strength": 1.0, "model": ["1", 0]},
        "_meta": {"title": "v1.5 sampler"},
    },
    "4": {"class_type": "Show", "inputs": {"images": ["3", 0]}, "_meta": {"title": "Before"}},
    "5": {"class_type": "Show", "inputs": {"images": ["3", 0]}, "_meta": {"title": "After"}},
}
NUMBER = {"min": 0.0, "max": 10.0}
SCHEMAS: dict[str, dict[str, Any]] = {
    "Loader": {"inputs": {"name": [["a", "b"], {}]}, "outputs": ["MODEL"], "shows": False},
    "Number": {"inputs": {"value": ["INT", {"min": 0}]}, "outputs": ["INT"], "shows": False},
    "Sampler": {
        "inputs": {
            "seed": ["INT", {}],
            "strength": ["FLOAT", NUMBER],
            "text": ["STRING", {}],
            "free": ["BOOLEAN", {}],
            "kind": ["COMBO", {"options": ["x", "y"]}],
            "file": [["old"], {"free": True}],
            "model": ["MODEL", {}],
        },
        "outputs": ["IMAGE"],
        "shows": False,
    },
    "Show": {"inputs": {"images": ["IMAGE", {}]}, "outputs": [], "shows": True},
}


def written(folder: Path, **said: Any) -> Path:
    """A sweep's file beside its workflow."""
    (folder / "graph.json").write_text(json.dumps(GRAPH), "utf-8")
    file = folder / "sweep.yaml"
    file.write_text(yaml.safe_dump({"workflow": "graph.json", **said}, sort_keys=False), "utf-8")
    return file


def ran(graph: dict[str, Any]) -> Result:
    """A picture of the seed; seed 3 fails."""
    seed = graph["2"]["inputs"]["value"]
    if seed == 3:
        return Result(error="node 'v1.5 sampler' failed: ValueError: no", trace="line 1")
    return Result(files={"pictures/After.png": b"%d" % seed}, numbers={"x": seed / 2}, seconds=1.0)


class Fake:
    """A runner that gives `ran`, or what `results` has for a cell."""

    workers = 1

    def __init__(self) -> None:
        self.cells: list[int] = []
        self.asked: list[Any] = []
        self.results: dict[int, Any] = {}

    def ask(self, name: str, *arguments: Any) -> Any:
        assert name == sweep.SCHEMAS
        return {kind: SCHEMAS[kind] for kind in arguments[0]}

    def each(self, name: str, jobs: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
        assert name == sweep.RUN
        for number, (graph, *_) in jobs:
            self.cells.append(number)
            result = self.results.get(number) or ran(graph)
            if isinstance(result, BaseException) and not isinstance(result, sweep.LostError):
                raise result
            yield number, result

    @contextmanager
    def start(self) -> Iterator[Fake]:
        yield self


def run(file: Path, fake: Fake, again: bool = False, **changes: Any) -> Results:
    """Run the sweep of a file."""
    return sweep.run(table.read(file), fake.start, again, **changes)


def work(folder: str, number: int) -> tuple[int, int]:
    """A job for a worker: job 4 ends its process the first time, job 6 always."""
    Path(folder, f"{number}-{time.monotonic_ns()}").touch()
    tries = len([*Path(folder).glob(f"{number}-*")])
    if number == 6 or (number == 4 and tries == 1):
        os._exit(1)
    return number, os.getpid()


def broken(number: int) -> None:
    """A job that raises."""
    raise ZeroDivisionError(number)
