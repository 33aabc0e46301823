"""Run a workflow with many values of its inputs: `nox -s sweep -- FILE.yaml`; docs/pipelines.md."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from . import inputs, measures
from .progress import Progress
from .results import FullError, Results, opened
from .runner import LostError, Runner, runner
from .table import Graph, Table, Values, numbered, read
from .worker import Result

RUN, SCHEMAS = "tools.sweep.worker:run", "tools.sweep.worker:schemas"
Start = Callable[[], AbstractContextManager[Runner]]
SEEDS = ("seed", "noise_seed")


def main(arguments: list[str]) -> None:
    """Run a sweep, or what is left of it."""
    parser = argparse.ArgumentParser(prog="nox -s sweep --", description=__doc__)
    parser.add_argument("file", type=Path, help="the YAML file, see docs/pipelines.md")
    parser.add_argument("--output", type=Path, help="folder for the results")
    parser.add_argument("--workers", type=int, default=1, help="processes; 1 is this one alone")
    parser.add_argument("--scheduler", default="", help="address of a Dask scheduler with workers")
    parser.add_argument("--again", action="store_true", help="also run cells that failed")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C, also in the background
    try:
        table = read(options.file)
        if options.output:
            table = replace(table, output=options.output.resolve())
        start = partial(runner, max(options.workers, 1), options.scheduler)
        run(table, start, options.again)
    except (ValueError, FileNotFoundError, FullError) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("\nstopped; the same command goes on with what is left")


def run(table: Table, start: Start = runner, again: bool = False) -> Results:
    """Run the cells that are not done.

    Args:
        table: the sweep.
        start: starts what runs them, if there are any.
        again: whether cells that failed count as not done.

    Raises:
        ValueError: the sweep cannot be run, or its folder is in use.
        FullError: the disk is full.
    """
    for name in table.cells[0]:
        inputs.find(name, table.graph)
    if table.measure:
        measures.function(table.measure)
    about = {key: value for key, value in asdict(table).items() if key != "output"}
    with opened(table.output, {**about, "file": str(table.file)}) as results:
        done = {n for n, row in results.rows.items() if not (again and row["error"])}
        left = [number for number, _ in numbered(table) if number not in done]
        if left:
            with start() as here:
                _run(table, left, here, results)
        results.show()
    _say_end(results, len(table.cells))
    return results


def _run(table: Table, left: list[int], here: Runner, results: Results) -> None:
    schemas = here.ask(SCHEMAS, sorted({node["class_type"] for node in table.graph.values()}))
    cells, outputs = checked_cells(table, schemas), wanted(table, schemas)
    print(f"{table.file}: {len(left)} of {len(cells)} cells to run", flush=True)
    progress = Progress(len(cells), len(cells) - len(left))
    graphs: dict[int, Graph] = {}

    def jobs() -> Iterator[tuple[int, tuple[Any, ...]]]:
        for number in left:
            graphs[number] = inputs.with_values(table.graph, cells[number])
            yield number, (graphs[number], outputs, table.records, table.measure)

    for number, result in here.each(RUN, jobs()):
        if isinstance(result, LostError):
            result = Result(error=str(result))
        if result.full:
            raise FullError(f"the disk of a worker is full, cell {number}: {result.error}")
        row = {"cell": number, "inputs": cells[number], "seeds": seeds(graphs.pop(number))}
        results.add(row, result)
        progress.add(bool(result.error), here.workers)


def checked_cells(table: Table, schemas: inputs.Schemas) -> dict[int, Values]:
    """The cells by number, with values as the inputs take them.

    Raises:
        ValueError: a node is unknown, an input is named twice or does not exist, or a value is of
            another type.
    """
    for key, node in table.graph.items():
        if node["class_type"] not in schemas:
            title = inputs.title(table.graph, key)
            raise ValueError(
                f"{table.file}: node '{title}' is of type {node['class_type']!r}, which this "
                "ComfyUI does not have: install the pack that it is from"
            )
    found: dict[inputs.Target, str] = {}
    for name in table.cells[0]:
        other = found.setdefault(inputs.find(name, table.graph), name)
        if other != name:
            raise ValueError(f"{table.file}: {other!r} and {name!r} are the same input")
    made = {}
    for number, values in numbered(table):
        try:
            made[number] = {
                name: inputs.check(name, value, table.graph, schemas)
                for name, value in values.items()
            }
        except ValueError as error:
            raise ValueError(f"{table.file}, cell {number}: {error}") from error
    return made


def wanted(table: Table, schemas: inputs.Schemas) -> list[str]:
    """Ids of the nodes that show or save what is wanted.

    Raises:
        ValueError: there is none, or one that was named shows nothing.
    """
    shows = [key for key, node in table.graph.items() if schemas[node["class_type"]]["shows"]]
    titles = ", ".join(f"'{inputs.title(table.graph, key)}'" for key in shows)
    if not shows:
        raise ValueError(f"{table.file}: no node of the workflow shows or saves anything")
    chosen = []
    for name in table.outputs:
        found = [key for key in inputs.nodes(name, table.graph) if key in shows]
        if not found:
            raise ValueError(f"{table.file}: no output {name!r}; there are {titles}")
        chosen += found
    return chosen or shows


def seeds(graph: Graph) -> dict[str, Any]:
    """The seeds of a graph by NODE.INPUT, also those that a node of a plain value gives."""
    found = {}
    for key, node in graph.items():
        for name in [name for name in SEEDS if name in node["inputs"]]:
            value = node["inputs"][name]
            if isinstance(value, list):
                value = graph.get(value[0], {}).get("inputs", {}).get("value")
            if isinstance(value, int):
                found[f"{inputs.title(graph, key)}.{name}"] = value
    return found


def _say_end(results: Results, total: int) -> None:
    failed = [row for row in results.rows.values() if row["error"]]
    print(f"{len(results.rows)} of {total} cells are done, {len(failed)} of them failed")
    for row in failed[:3]:
        print(f"  cell {row['cell']}: {row['error'][:200]}")
    print(f"sheet.html with all pictures, table.csv: {results.folder}")
