"""Compare two checkouts bit by bit: `nox -s same -- BEFORE_FOLDER [AFTER_FOLDER] [--only PATTERN]`.

Both packs run the same graphs in turn, each in a real ComfyUI server on the CPU. All latents,
records, heads and pictures that their nodes output are saved under output/same and compared.
Nothing of the two packs is imported, so their folders may have any structure.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

from ..host import host, serve
from ..workflows import workflows
from .same_files import differences
from .same_graphs import Graph, edits, front_ends

OUTPUT = host.ROOT / "output" / "same"
SAVERS = {  # by type of output: the node that saves it, and the name of its input
    "LATENT": ("SaveLatent", "samples"),
    "IMAGE": ("SaveImage", "images"),
    "SELF_GUIDANCE_RECORD": ("SelfGuidanceSaveRecord", "record"),
    "SELF_GUIDANCE_HEAD": ("SelfGuidanceSaveHead", "head"),
}
CONTRACT = "contract"  # folder of the nodes' schemas, help pages and texts
SECONDS = 3600  # time limit of one graph


def graphs(pack: Path, known: Mapping[str, Any]) -> dict[str, Graph]:
    """All graphs to compare, by name.

    Args:
        pack: the checkout whose example workflows are run.
        known: /object_info of the server, with the defaults of inputs that a graph omits.
    """
    files = sorted((pack / "examples_workflows" / "api").glob("*.json"))
    found = {file.stem: _runnable(json.loads(file.read_text("utf-8"))) for file in files}
    found |= {"front_ends": front_ends(), **edits()}
    return {name: _saving(name, _filled(graph, known), known) for name, graph in found.items()}


def _runnable(graph: Graph) -> Graph:
    """The graph with the demo model and its picture size in place of a checkpoint."""
    if any(node["class_type"] == "CheckpointLoaderSimple" for node in graph.values()):
        for node in graph.values():
            if node["class_type"] == "CheckpointLoaderSimple":
                node |= {"class_type": "SelfGuidanceDemoModel", "inputs": {}}
            if node["class_type"] in ("EmptyLatentImage", "ImageScale"):
                node["inputs"] |= {"width": 128, "height": 128}
    return graph


def _filled(graph: Graph, known: Mapping[str, Any]) -> Graph:
    for node in graph.values():
        inputs = known.get(node["class_type"], {}).get("input", {}).get("required", {})
        node["inputs"] = {
            name: options[0]["default"]
            for name, (_, *options) in inputs.items()
            if options and "default" in options[0]
        } | node["inputs"]
    return graph


def _saving(name: str, graph: Graph, known: Mapping[str, Any]) -> Graph:
    """The graph with a save node for each output of a type in `SAVERS`."""
    more = copy.deepcopy(graph)
    for key, node in graph.items():
        for slot, socket_type in enumerate(known.get(node["class_type"], {}).get("output", ())):
            if socket_type in SAVERS:
                saver, taker = SAVERS[socket_type]
                prefix = f"{name}/{key}_{node['class_type']}_{slot}"
                more[f"{key}_{slot}_save"] = {
                    "class_type": saver,
                    "inputs": {taker: [key, slot], "filename_prefix": prefix},
                    "_meta": {"title": prefix},
                }
    return more


def run(pack: Path, workflows_of: Path, base: Path, only: str) -> dict[str, float | str]:
    """Run graphs with a pack.

    Args:
        pack: the checkout that runs them.
        workflows_of: the checkout whose example workflows are run.
        base: the server's folder, emptied before; results are in its folder `output`.
        only: pattern for the names of the graphs to run.

    Returns:
        for each graph the seconds it took, or the error as text.
    """
    shutil.rmtree(base, ignore_errors=True)
    base.mkdir(parents=True)
    (base / "input").mkdir()
    shutil.copyfile(host.find() / "input" / "example.png", base / "input" / "example.png")
    done: dict[str, float | str] = {}
    log = base / "comfyui.log"
    with serve.Server(host.find(), base, serve.free_port(), log=log, pack=pack) as server:
        server.wait()
        known = server.json("/object_info")
        _save_contract(server, known, base / "output" / CONTRACT)
        for name, graph in graphs(workflows_of, known).items():
            if Path(name).match(only):
                start = time.monotonic()
                try:
                    workflows.run(server, graph, name, SECONDS)
                    done[name] = time.monotonic() - start
                except (RuntimeError, OSError) as error:  # refused, failed or timed out
                    done[name] = f"{type(error).__name__}: {error}"
                print(f"{pack.name}: {name}: {done[name]}", flush=True)
    return done


def _save_contract(server: serve.Server, known: Mapping[str, Any], folder: Path) -> None:
    """Save schemas, help pages and translations of our nodes, as the server delivers them."""
    folder.mkdir(parents=True)
    texts = server.json("/i18n")
    ours = {name: node for name, node in known.items() if name.startswith("SelfGuidance")}
    (folder / "nodes.json").write_text(json.dumps(ours), "utf-8")
    (folder / "texts.json").write_text(json.dumps(texts), "utf-8")
    for name in ours:
        for page in (f"{name}.md", *(f"{name}/{language}.md" for language in texts)):
            try:
                text = server.get(f"/extensions/{serve.PACK}/docs/{page}")
            except HTTPError:
                continue
            (folder / page.replace("/", "_")).write_bytes(text)


def report(before: Mapping[str, float | str], after: Mapping[str, float | str]) -> list[str]:
    """Lines of the report: each graph with its differences below it, then their total."""
    lines, total = [f"{'graph':36} files  different  seconds before and after"], 0
    for name in (CONTRACT, *dict.fromkeys([*before, *after])):
        first, second = (OUTPUT / side / "output" / name for side in ("before", "after"))
        compared, found = differences(first, second)
        for side, one in (("before", before), ("after", after)):
            if isinstance(one.get(name, ""), str) and name != CONTRACT:
                found.append(f"{side}: {one.get(name, 'was not run')}")
        if not compared:
            found.append("there is no file to compare")
        times = " ".join(f"{t:7.1f}" for t in (before.get(name), after.get(name)) if is_time(t))
        lines += [f"{name:36} {compared:5}  {len(found):9}  {times}", *(f"    {f}" for f in found)]
        total += len(found)
    return [*lines, f"{total} differences"]


def is_time(value: Any) -> bool:
    """Whether a result of `run` is a time, so that the graph succeeded."""
    return isinstance(value, float)


def main(arguments: list[str]) -> None:
    """Run both checkouts and print the report; exit code 1 if anything differs."""
    parser = argparse.ArgumentParser(prog="nox -s same --")
    parser.add_argument("before", type=Path, help="folder of the checkout before the change")
    parser.add_argument("after", type=Path, nargs="?", default=host.ROOT, help="after it")
    parser.add_argument("--only", default="*", help="graphs to run, such as '1*' or 'move_*'")
    options = parser.parse_args(arguments)
    os.environ |= {"OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    before, after = options.before.resolve(), options.after.resolve()
    done = [
        run(pack, after, OUTPUT / side, options.only)
        for side, pack in (("before", before), ("after", after))
    ]
    lines = report(*done)
    (OUTPUT / "report.txt").write_text("\n".join(lines) + "\n", "utf-8")
    print("\n".join(lines))
    sys.exit(not lines[-1].startswith("0 "))
