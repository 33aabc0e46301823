"""Wait for something with a limit, whose error says what was waited for and how far it came."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from .serve import Server

Told = TypeVar("Told")
PATIENCE = 10.0  # seconds for a server to say what it does


def until(
    read: Callable[[], Told], what: str, seconds: float, so_far: Callable[[], str] | None = None
) -> Told:
    """What `read` tells, once it tells anything.

    Args:
        what: what is waited for, for the error.
        so_far: tells how far it has come, for the error.

    Raises:
        TimeoutError: it told nothing for so many seconds.
    """
    end = time.monotonic() + seconds
    while not (told := read()):
        if time.monotonic() > end:
            rest = f"; {so_far()}" if so_far else ""
            raise TimeoutError(f"waited {seconds:.0f} s for {what}{rest}")
        time.sleep(0.2)
    return told


def finished(server: Server, prompt: str, what: str, seconds: float = 300) -> dict[str, Any]:
    """What ComfyUI's history has of a prompt, once it has run.

    Args:
        prompt: the id that ComfyUI gave it.
        what: what the prompt is, for the error.

    Raises:
        TimeoutError: it has not run; the message says which node runs, and how far that is.
    """
    found: dict[str, Any] = until(
        lambda: server.json(f"/history/{prompt}").get(prompt),
        f"{what} to end",
        seconds,
        lambda: progress(server, prompt),
    )
    return found


def working(server: Server) -> str:
    """How far ComfyUI is with the prompt that it runs, in words."""
    for entry in server.json("/queue")["queue_running"]:
        return progress(server, entry[1])
    return "ComfyUI runs nothing"


def progress(server: Server, prompt: str) -> str:
    """How far ComfyUI is with a prompt, in words."""
    queue = server.json("/queue")
    running = {entry[1]: entry for entry in queue["queue_running"]}
    waiting = [entry[1] for entry in sorted(queue["queue_pending"], key=lambda entry: entry[0])]
    if prompt in waiting:
        return f"{waiting.index(prompt) + len(running)} prompts come before it"
    if prompt not in running:
        return "it neither runs nor waits"
    _, _, graph, extra, *_ = running[prompt]
    seen: dict[str, str] = {}
    try:
        watch = _watch(server, extra.get("client_id", ""), seen)
        asyncio.run(asyncio.wait_for(watch, PATIENCE))
    except (asyncio.TimeoutError, OSError):
        pass
    if "node" not in seen:
        return "it runs, ComfyUI does not say which node"
    node = graph.get(seen["node"], {})
    title = node.get("_meta", {}).get("title", node.get("class_type", ""))
    return f"node {seen['node']} '{title}' runs, " + seen.get("step", "and tells no step")


async def _watch(server: Server, client: str, seen: dict[str, str]) -> None:
    """Note the node that runs and its next step: ComfyUI tells a client that comes back."""
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
