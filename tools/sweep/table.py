"""What a sweep runs: a workflow and values of its inputs, read from a YAML file.

    workflow: 11_move_an_object         an example, or a file in the API form beside this one
    output: results                     a folder; output/sweep/NAME OF THIS FILE by default
    outputs: [After]                    nodes that show or save, by title or id; all by default
    records: true                       whether records of the runs are kept as files
    measure: module:function            more numbers of each cell, see `measures`
    set: {12.dy: 0.1}                   values of every cell
    grid: {12.dx: [0.1, 0.2], 5.value: {from: 1, to: 9, count: 3}}      every combination
    list: [{6.value: red circle, 12.weight: 1}, {6.value: blue square, 12.weight: 0.5}]
    draw: {count: 20, seed: 0, values: {5.value: {integer: [0, 999]}}}  at random

Values are those of NODE.INPUT, where NODE is the id, the title or the type of a node. Cells are all
combinations of the draws, the rows of the list and the grid.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import yaml

from ..host import host

EXAMPLES = host.ROOT / "examples_workflows" / "api"
LIMIT = 100_000  # cells
Graph = dict[str, Any]
Values = dict[str, Any]  # by NODE.INPUT


@dataclass(frozen=True)
class Table:
    """A sweep.

    Attributes:
        file: where it was read from.
        graph: the workflow in the API form.
        output: folder for its results.
        outputs: ids or titles of the nodes whose outputs are wanted; empty: all.
        records: whether the records of all runs are kept.
        measure: `module:function` that measures a cell, or empty.
        cells: values of each cell, in order.
    """

    file: Path
    graph: Graph
    output: Path
    outputs: tuple[str, ...]
    records: bool
    measure: str
    cells: tuple[Values, ...]


KINDS: dict[str, tuple[type, str]] = {
    "workflow": (str, "the name of an example or of a file"),
    "output": (str, "a folder"),
    "outputs": (list, "a list of titles or ids of nodes"),
    "records": (bool, "true or false"),
    "measure": (str, "module:function"),
    "set": (dict, "values by NODE.INPUT"),
    "grid": (dict, "lists of values by NODE.INPUT"),
    "list": (list, "a list of rows, each with values by NODE.INPUT"),
    "draw": (dict, "count, seed and values by NODE.INPUT"),
}


def read(file: Path) -> Table:
    """Read a sweep.

    Raises:
        ValueError: the file cannot be read or says something that is not understood.
    """
    try:
        said = yaml.load(file.read_text("utf-8"), _Loader)
    except OSError as error:
        raise ValueError(f"{file} cannot be read: {error.strerror}; name a YAML file") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{file} is no YAML: {' '.join(str(error).split())}") from error
    try:
        _check_kinds(said)
        folder = file.resolve().parent
        default = host.ROOT / "output" / "sweep" / file.stem
        return Table(
            file=file,
            graph=_graph(said["workflow"], folder),
            output=folder / said["output"] if "output" in said else default,
            outputs=tuple(map(str, said.get("outputs", ()))),
            records=said.get("records", True),
            measure=said.get("measure", ""),
            cells=cells(said),
        )
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error


class _Loader(yaml.SafeLoader):
    """Refuses a key that is given twice, of which YAML would silently keep the last."""

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        made = super().construct_mapping(node, deep)
        if len(made) != len(node.value):
            keys = [self.construct_object(key) for key, _ in node.value]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise yaml.constructor.ConstructorError(
                None, None, f"{twice!r} is given twice", node.start_mark
            )
        return made


def _check_kinds(said: Any) -> None:
    if not isinstance(said, dict) or "workflow" not in said:
        raise ValueError("expected keys and values with a 'workflow'; see docs/pipelines.md")
    for key, value in said.items():
        if key not in KINDS:
            raise ValueError(f"unknown key {key!r}; there are: {', '.join(KINDS)}")
        kind, wanted = KINDS[key]
        if not isinstance(value, kind):
            raise ValueError(f"{key} must be {wanted}, got {value!r:.60}")


def _graph(name: str, folder: Path) -> Graph:
    known = {file.stem: file for file in EXAMPLES.glob("*.json")}
    path = known.get(name.removesuffix(".json"), folder / name)
    try:
        graph = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ValueError(
            f"workflow {name!r} is neither an example nor a file in {folder} that can be read "
            f"({error.strerror}); examples: {', '.join(sorted(known)[:4])}, ..."
        ) from error
    except ValueError as error:
        raise ValueError(f"workflow {name!r} is no JSON: {error}") from error
    if isinstance(graph, dict) and isinstance(graph.get("nodes"), list):
        raise ValueError(
            f"workflow {name!r} is in the form of ComfyUI's page; open it there and save it by "
            "File, Export (API)"
        )
    nodes = graph.values() if isinstance(graph, dict) else ()
    if not nodes or not all(
        isinstance(n, dict) and {"class_type", "inputs"} <= {*n} for n in nodes
    ):
        raise ValueError(f"workflow {name!r} is no graph in the API form: save it by Export (API)")
    return graph


def cells(said: Mapping[str, Any]) -> tuple[Values, ...]:
    """The values of each cell: draws change slowest, the last input of the grid fastest.

    Raises:
        ValueError: something is not understood, an input is in two places, or there are more than
            `LIMIT` cells.
    """
    fixed, rows = said.get("set", {}), said.get("list", [{}])
    grid = {name: _values(name, values) for name, values in said.get("grid", {}).items()}
    draws = _draws(said.get("draw"))
    if not rows or not all(isinstance(row, dict) and {*row} == {*rows[0]} for row in rows):
        raise ValueError("list must have rows with the same inputs")
    names = [*fixed, *draws[0], *rows[0], *grid]
    for name in names:
        if names.count(name) > 1 or not isinstance(name, str):
            why = "must be NODE.INPUT" if not isinstance(name, str) else "stands in two places"
            raise ValueError(f"input {name!r} {why}")
    count = len(draws) * len(rows) * math.prod(map(len, grid.values()))
    if count > LIMIT:
        raise ValueError(f"these are {count} cells, at most {LIMIT} are run; use fewer values")
    return tuple(
        {**fixed, **drawn, **row, **dict(zip(grid, combined, strict=True))}
        for drawn in draws
        for row in rows
        for combined in itertools.product(*grid.values())
    )


def _values(name: str, values: Any) -> Sequence[Any]:
    if isinstance(values, list) and values:
        return values
    if isinstance(values, dict) and {*values} == {"from", "to", "count"}:
        first, last = _pair(name, [values["from"], values["to"]])
        count = values["count"]
        if _whole(count) and count > 1:
            steps = [first + (last - first) * i / (count - 1) for i in range(count)]
            return [int(s) if _whole(first, last) and s == int(s) else s for s in steps]
    raise ValueError(
        f"grid of {name!r} must be a list of values, or {{from: 0, to: 1, count: 5}} with a count "
        f"above 1, got {values!r:.60}"
    )


def _draws(said: Mapping[str, Any] | None) -> list[Values]:
    if said is None:
        return [{}]
    if not {"count", "values"} <= {*said} <= {"count", "seed", "values"}:
        raise ValueError(f"draw must have count, values and maybe a seed, got {', '.join(said)}")
    count, seed, values = said["count"], said.get("seed", 0), said["values"]
    if not (_whole(count) and count > 0) or not isinstance(values, dict):
        raise ValueError("draw needs a count above 0, and values by NODE.INPUT")
    made = {name: _draw(name, how) for name, how in values.items()}
    # a generator for each value: those of other inputs stay when one is added
    return [
        {name: draw(Random(f"{seed} {name} {number}")) for name, draw in made.items()}
        for number in range(count)
    ]


def _draw(name: str, how: Any) -> Callable[[Random], Any]:
    kind, value = next(iter(how.items())) if isinstance(how, dict) and len(how) == 1 else ("", how)
    if kind == "choice" and isinstance(value, list) and value:
        return lambda rng: rng.choice(value)
    if kind in ("uniform", "log", "integer"):
        low, high = _pair(name, value)
        if kind == "integer" and _whole(low, high):
            return lambda rng: rng.randint(low, high)
        if kind == "uniform":
            return lambda rng: rng.uniform(low, high)
        if kind == "log" and low > 0:
            return lambda rng: math.exp(rng.uniform(math.log(low), math.log(high)))
    raise ValueError(
        f"draw of {name!r} must be {{uniform: [0, 1]}}, {{log: [0.01, 1]}}, {{integer: [0, 9]}} or "
        f"{{choice: [a, b]}}, got {how!r:.60}"
    )


def _pair(name: str, value: Any) -> tuple[Any, Any]:
    """Two numbers, the lower one first unless they are a `from` and a `to`."""
    numbers = value if isinstance(value, list) and len(value) == 2 else []
    if not numbers or not all(_number(one) for one in numbers) or numbers[0] == numbers[1]:
        raise ValueError(f"{name!r} needs two different numbers, got {value!r:.60}")
    return numbers[0], numbers[1]


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _whole(*values: Any) -> bool:
    return all(isinstance(value, int) and not isinstance(value, bool) for value in values)


def numbered(table: Table) -> Iterator[tuple[int, Values]]:
    """The cells with their numbers, from 1."""
    return enumerate(table.cells, 1)
