"""A ComfyUI in this process that runs graphs as its server does, with its own executor and cache.

Models stay loaded from graph to graph. Output and temp folders are private and vanish with the
process; models, inputs and custom nodes are those of the ComfyUI at hand.
"""

from __future__ import annotations

import asyncio
import atexit
import gc
import inspect
import logging
import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from .. import boot
from ..host import host

Graph = dict[str, Any]
OPTIONS = ("default", "min", "max", "options")  # of inputs, in schemas
RECORD = "SELF_GUIDANCE_RECORD"
EVERY = 10.0  # seconds after which memory is given back
CLIENT = "sweep"  # without a client ComfyUI leaves out what cached nodes show


class NodeError(Exception):
    """A node failed or refused its inputs; the message names it in one line.

    Attributes:
        trace: where it failed, as text; empty if it refused.
    """

    def __init__(self, message: str, trace: str = "") -> None:
        super().__init__(" ".join(message.split()))
        self.trace = trace


@cache
def comfy() -> Comfy:
    """The ComfyUI of this process, started by the first call.

    Raises:
        FileNotFoundError: there is none.
    """
    return Comfy(host.find(), base())


def base() -> Path | None:
    """The folder with models, input and custom_nodes; None: that of the user's own ComfyUI."""
    named = os.environ.get("SELF_GUIDANCE_BASE", "")
    own = host.own()
    if own and own != host.cached().resolve() and named in ("", str(host.CACHE / "base")):
        return None
    return Path(named or host.CACHE / "base")


class Comfy:
    """See the module; there can be one in a process."""

    def __init__(self, path: Path, base: Path | None) -> None:
        boot.start(path, base)
        logging.getLogger().addHandler(logging.NullHandler())  # errors become rows of the table
        import comfy.model_management
        import comfy.utils
        import execution
        import folder_paths
        import nodes

        self.folder = Path(tempfile.mkdtemp(prefix="self-guidance-sweep-"))
        atexit.register(shutil.rmtree, self.folder, ignore_errors=True)
        self._left: set[Path] = set()
        self._folders = {name: self.folder / name for name in ("output", "temp")}
        for made in self._folders.values():
            made.mkdir()
        self._folders["input"] = Path(folder_paths.get_input_directory())
        folder_paths.set_output_directory(str(self._folders["output"]))
        folder_paths.set_temp_directory(str(self._folders["temp"]))
        comfy.utils.set_progress_bar_enabled(False)
        _extra_models(path)
        self._memory, self._tidied = comfy.model_management, time.monotonic()
        self._classes = nodes.NODE_CLASS_MAPPINGS
        self._execution = execution
        asyncio.run(self._load(nodes))
        self._executor = _executor(execution, self._server)

    async def _load(self, nodes: Any) -> None:
        """Load all nodes; those of an installed copy of this pack are preferred to our own."""
        self._server = _server(asyncio.get_running_loop())
        await nodes.init_extra_nodes(init_custom_nodes=True, init_api_nodes=False)
        if "SelfGuidanceKSampler" not in self._classes:
            from ..host import pack

            self._classes.update({node.GET_SCHEMA().node_id: node for node in pack.NODES})

    def schemas(self, kinds: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Of types of nodes: inputs (type and options by name), types of outputs, and whether they
        show or save. Unknown types are left out; an input that its node checks itself is free."""
        return {kind: _schema(self._classes[kind]) for kind in kinds if kind in self._classes}

    def run(self, graph: Graph, outputs: Iterable[str]) -> dict[str, dict[str, list[Any]]]:
        """Run a graph in the API form up to some of its nodes.

        Returns:
            what these nodes show, as in ComfyUI's history: lists of entries by kind, by node.

        Raises:
            NodeError: see there.
        """
        identity, wanted = uuid.uuid4().hex, list(outputs)
        checked = self._execution.validate_prompt(identity, graph, wanted)
        valid, error, _, wrong = asyncio.run(checked)
        if not valid or wrong:
            raise NodeError(_refused(graph, error, wrong))
        self._tidy()
        self._server.last_prompt_id = identity
        self._executor.execute(graph, identity, {"client_id": CLIENT}, wanted)
        if not self._executor.success:
            raise _failed(graph, self._executor.status_messages)
        shown: dict[str, dict[str, list[Any]]] = self._executor.history_result["outputs"]
        return shown

    def _tidy(self) -> None:
        """Give back memory now and then, as ComfyUI's server does between graphs."""
        if time.monotonic() - self._tidied > EVERY:
            gc.collect()
            self._memory.soft_empty_cache()
            self._tidied = time.monotonic()

    def file(self, entry: Mapping[str, str]) -> Path:
        """Where a file lies that a node shows."""
        return self._folders[entry["type"]] / entry.get("subfolder", "") / entry["filename"]

    def forget_all_but(self, used: set[Path]) -> None:
        """Remove the private files of earlier graphs; those of the last one stay in the cache."""
        for path in self._left - used:
            path.unlink(missing_ok=True)
        private = (self._folders["output"], self._folders["temp"])
        self._left = {path for path in used if any(map(path.is_relative_to, private))}

    def records(self, graph: Graph) -> Iterator[tuple[str, Any]]:
        """Node and record of each run of the graph that was run last."""
        for key, node in graph.items():
            kinds = getattr(self._classes[node["class_type"]], "RETURN_TYPES", ())
            loaded = node["class_type"].startswith("SelfGuidanceLoad")
            for slot in [i for i, kind in enumerate(kinds) if kind == RECORD and not loaded]:
                for record in self._cached(key, slot):
                    if getattr(record, "steps", ()):  # none where a prompt told no words
                        yield key, record

    def _cached(self, key: str, slot: int) -> list[Any]:
        entry = self._executor.caches.outputs.get(key)
        entry = asyncio.run(_awaited(entry)) if inspect.isawaitable(entry) else entry
        outputs = getattr(entry, "outputs", entry) or ()
        return list(outputs[slot]) if slot < len(outputs) else []


async def _awaited(value: Any) -> Any:
    return await value


def _extra_models(path: Path) -> None:
    """Folders of models that the user's ComfyUI knows from its extra_model_paths.yaml."""
    file = path / "extra_model_paths.yaml"
    if file.is_file():
        from utils.extra_config import load_extra_path_config

        load_extra_path_config(str(file))


def _server(loop: Any) -> Any:
    """ComfyUI's server, which packs expect, but it listens to nobody and sends nothing."""
    from server import PromptServer

    class Silent(PromptServer):
        last_prompt_id = ""

        def send_sync(self, *_: Any, **__: Any) -> None:
            pass

    return Silent(loop)


def _executor(execution: Any, server: Any) -> Any:
    """ComfyUI's executor with the cache that forgets what the last graph did not use."""
    made, kind = execution.PromptExecutor, execution.CacheType.CLASSIC
    if "cache_args" in inspect.signature(made).parameters:
        sizes = {"lru": 0, "ram": 0.0, "ram_inactive": 0.0}
        return made(server, cache_type=kind, cache_args=sizes)
    return made(server, cache_type=kind, cache_size=0)


def _schema(node: Any) -> dict[str, Any]:
    groups = node.INPUT_TYPES()
    check = getattr(node, "VALIDATE_INPUTS", None) or getattr(node, "validate_inputs", None)
    own = inspect.getfullargspec(check) if check else None
    inputs = {}
    for name, (kind, *rest) in (groups.get("required", {}) | groups.get("optional", {})).items():
        given = rest[0] if rest else {}
        options = {key: given[key] for key in OPTIONS if key in given}
        if own and (name in own.args or own.varkw):
            options["free"] = True
        inputs[name] = (kind if isinstance(kind, (str, list)) else str(kind), options)
    return {
        "inputs": inputs,
        "outputs": [str(kind) for kind in getattr(node, "RETURN_TYPES", ())],
        "shows": bool(getattr(node, "OUTPUT_NODE", False)),
    }


def _name(graph: Graph, key: str) -> str:
    return f"'{(graph[key].get('_meta') or {}).get('title') or graph[key]['class_type']}'"


def _refused(graph: Graph, error: Mapping[str, Any] | None, wrong: Mapping[str, Any]) -> str:
    """The message of a graph that ComfyUI does not run."""
    said = [
        f"node {_name(graph, key)} refused: {one['message']}: {one['details']}"
        for key, node in wrong.items()
        for one in node["errors"]
    ]
    return "; ".join(said) or f"{(error or {}).get('message')} {(error or {}).get('details')}"


def _failed(graph: Graph, messages: Iterable[tuple[str, Mapping[str, Any]]]) -> BaseException:
    for kind, data in messages:
        if kind == "execution_interrupted":
            return KeyboardInterrupt()
        if kind == "execution_error":
            where = _name(graph, data["node_id"]) if data["node_id"] in graph else data["node_type"]
            text = f"node {where} failed: {data['exception_type']}: {data['exception_message']}"
            return NodeError(text, "".join(data["traceback"]))
    return NodeError("ComfyUI ended the graph and told no reason")
