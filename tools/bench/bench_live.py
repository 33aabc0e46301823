"""Cost of the live view: a run queued by ComfyUI's page against the same run queued by a script.

Both receive ComfyUI's own messages; those of the live view are sent to a page only. A real server
runs the same short guided graph repeatedly, the two variants in turn. Measured is the CPU time of
the server's process during each run, because wall time depends on the load of the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from ..host import host, serve
from ..workflows import workflows

WORKFLOW = "drag_an_object"
VARIANTS = ("script", "page")


def main(arguments: Sequence[str]) -> None:
    """Time both variants and print the median of the ratios of the rounds."""
    parser = argparse.ArgumentParser(prog="bench_live", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--steps", type=int, default=50)
    options = parser.parse_args(arguments)
    file = workflows.file_of(WORKFLOW)
    graph = json.loads((workflows.FOLDER / "api" / file.name).read_text("utf-8"))
    for node in graph.values():
        if "steps" in node["inputs"]:
            node["inputs"]["steps"] = options.steps
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        port, log = serve.free_port(), base / "comfyui.log"
        with serve.Server(host.find(), base, port, log=log) as server:
            server.wait()
            _print(asyncio.run(_measured(server, graph, options.rounds)))


def _print(runs: dict[str, list[tuple[float, int]]]) -> None:
    pairs = list(zip(runs["page"], runs["script"], strict=True))
    ratios = sorted(page[0] / script[0] for page, script in pairs)
    messages = [count for _, count in runs["page"]]
    cost = median((page[0] - script[0]) / page[1] for page, script in pairs)
    for name, values in runs.items():
        print(f"{name:>6}: {median(seconds for seconds, _ in values):.2f} s of CPU a run")
    print(f"messages a run: {median(messages):.0f}, each {1000 * cost:.1f} ms")
    low, high = ratios[len(ratios) // 4], ratios[-1 - len(ratios) // 4]
    print(f"page over script: {median(ratios):.3f} (half of the rounds {low:.3f} to {high:.3f})")


async def _measured(
    server: serve.Server, graph: dict[str, Any], rounds: int
) -> dict[str, list[tuple[float, int]]]:
    """CPU seconds and number of live messages of every run, by variant."""
    runs: dict[str, list[tuple[float, int]]] = {name: [] for name in VARIANTS}
    await _run(server, graph, "script")  # warm-up, not timed
    for number in range(rounds):
        for name in VARIANTS if number % 2 else reversed(VARIANTS):
            runs[name].append(await _run(server, graph, name))
    return runs


async def _run(server: serve.Server, graph: dict[str, Any], name: str) -> tuple[float, int]:
    import aiohttp

    server.get("/free", b'{"free_memory": true}')  # else the run is answered from the cache
    process = psutil.Process(server.process.pid)
    address = f"{server.address}/ws?clientId={name}"
    async with aiohttp.ClientSession() as session, session.ws_connect(address) as socket:
        flags = {"supports_preview_metadata": name == "page"}
        await socket.send_json({"type": "feature_flags", "data": flags})
        while json.loads((await socket.receive()).data)["type"] != "feature_flags":
            pass
        await asyncio.sleep(1)  # ComfyUI empties its caches with a delay
        before = process.cpu_times()
        body = {"prompt": graph, "client_id": name}
        async with session.post(server.address + "/prompt", json=body) as reply:
            reply.raise_for_status()
        messages = await _live_messages(socket)
        after = process.cpu_times()
    return after.user - before.user + after.system - before.system, messages


async def _live_messages(socket: Any) -> int:
    """Number of live messages until the run succeeded.

    Raises:
        RuntimeError: the run failed or was interrupted.
    """
    messages = 0
    while True:
        message = await socket.receive()
        if not isinstance(message.data, str):
            continue
        event = json.loads(message.data)
        messages += event["type"] == "self_guidance.live"
        if event["type"] in ("execution_error", "execution_interrupted"):
            raise RuntimeError(f"the run failed: {event['data']}")
        if event["type"] == "execution_success":
            return messages
