"""Waiting with a time limit; the error names what was waited for and how far it had come."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from .serve import Server

Value = TypeVar("Value")
PATIENCE = 10.0  # seconds for a server to report its progress


def until(
    read: Callable[[], Value], what: str, seconds: float, so_far: Callable[[], str] | None = None
) -> Value:
    """Call `read` until it returns a true value, and return that value.

    Args:
        read: called every 0.2 seconds.
        what: what is waited for, for the error.
        seconds: time limit.
        so_far: returns the progress, for the error.

    Raises:
        TimeoutError: the time limit was reached.
    """
    end = time.monotonic() + seconds
    while not (value := read()):
        if time.monotonic() > end:
            rest = f"; {so_far()}" if so_far else ""
            raise TimeoutError(f"waited {seconds:.0f} s for {what}{rest}")
        time.sleep(0.2)
    return value


def finished(server: Server, prompt: str, what: str, seconds: float = 300) -> dict[str, Any]:
    """Wait until a queued graph has run; returns its entry in ComfyUI's history.

    Args:
        server: the server that runs it.
        prompt: id of the queued graph.
        what: what the graph is, for the error.
        seconds: time limit.

    Raises:
        TimeoutError: the time limit was reached; the message names the running node and its step.
    """
    found: dict[str, Any] = until(
        lambda: server.json(f"/history/{prompt}").get(prompt),
        f"{what} to end",
        seconds,
        lambda: progress(server, prompt),
    )
    return found


def working(server: Server) -> str:
    """Progress of the graph that the server runs, as text."""
    for entry in server.json("/queue")["queue_running"]:
        return progress(server, entry[1])
    return "ComfyUI runs nothing"


def progress(server: Server, prompt: str) -> str:
    """Progress of a queued graph, as text."""
    queue = server.json("/queue")
    running = {entry[1]: entry for entry in queue["queue_running"]}
    waiting = [entry[1] for entry in sorted(queue["queue_pending"], key=lambda entry: entry[0])]
    if prompt in waiting:
        return f"{waiting.index(prompt) + len(running)} prompts come before it"
    if prompt not in running:
        return "it neither runs nor waits"
    _, _, graph, extra, *_ = running[prompt]
    seen: dict[str, str] = {}
    watch = asyncio.wait_for(_watch(server, extra.get("client_id", ""), seen), PATIENCE)
    try:
        with ThreadPoolExecutor(1) as thread:  # in this one playwright may have a loop
            thread.submit(asyncio.run, watch).result()
    except (asyncio.TimeoutError, OSError):
        pass
    if "node" not in seen:
        return "it runs, ComfyUI does not say which node"
    node = graph.get(seen["node"], {})
    title = node.get("_meta", {}).get("title", node.get("class_type", ""))
    return f"node {seen['node']} '{title}' runs, " + seen.get("step", "and tells no step")


async def _watch(server: Server, client: str, seen: dict[str, str]) -> None:
    """Write the running node, which ComfyUI sends on reconnection, and its next step to `seen`."""
    import aiohttp

    address = f"{server.address}/ws?clientId={client}"
    async with aiohttp.ClientSession() as session, session.ws_connect(address) as socket:
        async for message in socket:
            if message.type is not aiohttp.WSMsgType.TEXT:
                continue
            event = json.loads(message.data)
            if event["type"] == "executing" and event["data"]["node"]:
                seen["node"] = event["data"]["node"]
            elif event["type"] == "progress":
                seen["step"] = f"step {event['data']['value']} of {event['data']['max']}"
                return
