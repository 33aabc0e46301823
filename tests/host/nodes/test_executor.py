"""The whole graph in a real server: progress and previews as in any KSampler, stop and go on."""

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from selfguidance.tools.host import serve, waiting

STEPS = 6
LIMIT = 240  # seconds for a graph
Graph = dict[str, dict[str, Any]]


TIMES = {"weight": 1.0, "start_percent": 0.0, "end_percent": 1.0}
SAMPLER = {
    "cfg": 4.0,
    "denoise": 1.0,
    "sampler_name": "euler",
    "scheduler": "normal",
    "strength": 1.0,
    "model": ["model", 0],
    "positive": ["positive", 0],
    "negative": ["negative", 0],
    "latent_image": ["latent", 0],
}
SIDE = {"width": 128, "height": 128, "batch_size": 1}


def node(kind: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs}


def ours(kind: str, **inputs: Any) -> dict[str, Any]:
    return node(f"SelfGuidance{kind}", **inputs)


def graph(steps: int = STEPS, seed: int = 2, dx: float = 0.2) -> Graph:
    """Sample, look at the attention, move the circle, sample again, plot."""
    sampler = {**SAMPLER, "seed": seed, "steps": steps}
    move = {"object": "red circle", "dx": dx, "dy": 0.0, "reference": ["plain", 1]}
    return {
        "model": ours("DemoModel"),
        "positive": ours("Prompt", clip=["model", 1], text="a red circle and a blue square"),
        "negative": ours("Prompt", clip=["model", 1], text=""),
        "latent": node("EmptyLatentImage", **SIDE),
        "plain": ours("KSampler", **sampler),
        "move": ours("MoveObject", **move, **TIMES),
        "guided": ours("KSampler", **sampler, terms=["move", 0]),
        "decode": node("VAEDecode", samples=["guided", 0], vae=["model", 2]),
        "picture": node("PreviewImage", images=["decode", 0]),
        "attention": ours("AttentionPreview", record=["guided", 1], object="red circle", step=-1),
        "plot": ours("EnergyPlot", record=["guided", 1]),
    }


class Run:
    """What the server sends while it runs a graph.

    Args:
        server: the server.
        prompt: the graph.
        stop_at: the guided step from which on the run is interrupted.
        page: whether to listen as ComfyUI's page does, not as a script.
    """

    def __init__(
        self, server: serve.Server, prompt: Graph, stop_at: int | None = None, page: bool = False
    ) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        watch = self._watch(server, prompt, stop_at, page)
        try:
            identity = asyncio.run(asyncio.wait_for(watch, LIMIT))
        except asyncio.TimeoutError:
            last = self.events[-1] if self.events else "nothing"
            raise TimeoutError(
                f"waited {LIMIT} s for a graph to end; it last told {last}"
            ) from None
        self.end = self.events[-1]
        self.history = waiting.finished(server, identity, "the history of a graph that has run", 60)

    async def _watch(
        self, server: serve.Server, prompt: Graph, stop_at: int | None, page: bool
    ) -> str:
        import aiohttp

        address = f"{server.address}/ws?clientId=test"
        async with aiohttp.ClientSession() as session, session.ws_connect(address) as socket:
            if page:
                flags = {"supports_preview_metadata": True}
                await socket.send_json({"type": "feature_flags", "data": flags})
                while json.loads((await socket.receive()).data)["type"] != "feature_flags":
                    pass
            body = {"prompt": prompt, "client_id": "test"}
            async with session.post(server.address + "/prompt", json=body) as reply:
                assert reply.status == 200, await reply.text()
                identity: str = (await reply.json())["prompt_id"]
            while True:
                message = await socket.receive()
                if message.type is aiohttp.WSMsgType.BINARY:
                    continue
                event = json.loads(message.data)
                kind, data = event["type"], event["data"]
                self.events.append((kind, data))
                values = self.progress("guided")
                if stop_at is not None and values and values[-1] >= stop_at:
                    stop_at = None
                    await session.post(server.address + "/interrupt")
                if kind in ("execution_success", "execution_error", "execution_interrupted"):
                    return identity

    def progress(self, node: str) -> list[int]:
        """The values of a node's progress bar."""
        return [
            data["value"]
            for kind, data in self.events
            if kind == "progress" and data["node"] == node
        ]


@pytest.fixture(scope="module")
def done(server: serve.Server) -> Run:
    """The graph, run once."""
    return Run(server, graph())


@pytest.mark.compat("Front ends", "A graph in a real server: runs, progress, previews")
def test_the_graph_runs_to_its_end(done: Run) -> None:
    assert done.end[0] == "execution_success", done.end
    assert done.history["status"]["status_str"] == "success"


@pytest.mark.compat("Front ends", "A graph in a real server: runs, progress, previews")
def test_both_samplers_show_their_progress(done: Run) -> None:
    for node in ("plain", "guided"):
        values = done.progress(node)  # newer servers leave out what comes faster than one can see
        assert values == sorted(values)
        assert {1, STEPS} <= set(values) <= set(range(STEPS + 1))


def test_every_picture_can_be_seen(done: Run, server: serve.Server) -> None:
    outputs = done.history["outputs"]
    assert set(outputs) == {"picture", "attention", "plot"}
    for output in outputs.values():
        (image,) = output["images"]
        path = f"/view?filename={image['filename']}&type={image['type']}"
        assert server.get(path + f"&subfolder={image['subfolder']}")[:4] == b"\x89PNG"


@pytest.mark.compat("Lifecycle", "Interrupt in a real server, the next prompt runs")
def test_an_interrupt_ends_the_guided_run_and_the_next_one_works(
    done: Run, server: serve.Server
) -> None:
    stopped = Run(server, graph(steps=40, seed=11), stop_at=3)
    assert stopped.end[0] == "execution_interrupted"
    assert stopped.end[1]["node_id"] == "guided"
    assert max(stopped.progress("guided")) < 40
    again = Run(server, graph(seed=11))
    assert again.end[0] == "execution_success"


def test_the_second_time_only_what_changed_runs(done: Run, server: serve.Server) -> None:
    Run(server, graph())
    other = Run(server, graph(dx=0.1))
    ran = {data["node"] for kind, data in other.events if kind == "executing" and data["node"]}
    assert "guided" in ran and "plain" not in ran


def test_a_wrong_object_is_reported_at_its_node(server: serve.Server) -> None:
    wrong = graph()
    wrong["move"]["inputs"]["object"] = "green star"
    run = Run(server, wrong)
    kind, data = run.end
    assert kind == "execution_error"
    assert data["node_id"] == "move" and data["exception_type"] == "ValueError"
    assert "green star" in data["exception_message"] and "circle" in data["exception_message"]


def front_ends() -> Graph:
    """The same run by our KSampler, by Apply in ComfyUI's KSampler and by our Guider, and plain."""
    begin = {name: graph(4)[name] for name in ("model", "positive", "negative", "latent")}
    wires = {name: SAMPLER[name] for name in ("model", "positive", "negative", "cfg")}
    theirs = {**SAMPLER, "seed": 2, "steps": 4}
    del theirs["strength"]
    follow = {"strength": 1.0, "terms": ["term", 0]}
    target = {"object": "red circle", "x": 0.8, "y": 0.3, "relative": False}
    schedule = {"model": ["model", 0], "scheduler": "normal", "steps": 4, "denoise": 1.0}
    parts = {name: [name, 0] for name in ("noise", "guider", "sampler", "sigmas")}
    samplers = {
        "ours": ours("KSampler", **theirs, **follow),
        "applied": node("KSampler", **{**theirs, "model": ["apply", 0]}),
        "custom": node("SamplerCustomAdvanced", **parts, latent_image=["latent", 0]),
        "plain": node("KSampler", **theirs),
    }
    result = {
        **begin,
        "term": ours("Position", **target, **TIMES),
        "apply": ours("Apply", model=["model", 0], **follow),
        "guider": ours("Guider", **wires, **follow),
        "noise": node("RandomNoise", noise_seed=2),
        "sampler": node("KSamplerSelect", sampler_name="euler"),
        "sigmas": node("BasicScheduler", **schedule),
        **samplers,
    }
    for name in samplers:
        result[f"decode {name}"] = node("VAEDecode", samples=[name, 0], vae=["model", 2])
        result[f"show {name}"] = node("PreviewImage", images=[f"decode {name}", 0])
    return result


@pytest.mark.compat("Front ends", "Every front end in a real server draws the same picture")
def test_every_front_end_draws_the_same_picture(server: serve.Server) -> None:
    run = Run(server, front_ends())
    assert run.end[0] == "execution_success", run.end
    pictures = {}
    for name in ("ours", "applied", "custom", "plain"):
        (image,) = run.history["outputs"][f"show {name}"]["images"]
        pictures[name] = server.get(f"/view?filename={image['filename']}&type={image['type']}")
    assert pictures["ours"] == pictures["applied"] == pictures["custom"] != pictures["plain"]
    wrong = front_ends()
    wrong["term"]["inputs"]["object"] = "green star"
    for name in ("ours", "custom", "plain"):
        del wrong[f"show {name}"]
    kind, data = Run(server, wrong).end
    assert kind == "execution_error" and data["node_id"] == "applied"
    assert "green star" in data["exception_message"] and "circle" in data["exception_message"]


def test_comfyuis_own_step_previews_come_from_guided_runs(
    lab: Any, shapes: tuple[Any, Any, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import comfy.cli_args
    import comfy.utils
    from comfy.cli_args import LatentPreviewMethod
    from selfguidance.nodes.prompts import Prompt

    seen: list[SimpleNamespace] = []

    def listen(value: int, total: int, preview: Any, **_: Any) -> None:
        seen.append(SimpleNamespace(value=value, total=total, preview=preview))

    monkeypatch.setattr(comfy.cli_args.args, "preview_method", LatentPreviewMethod.Latent2RGB)
    monkeypatch.setattr(comfy.utils, "PROGRESS_BAR_HOOK", listen)
    monkeypatch.setattr(comfy.utils, "PROGRESS_BAR_ENABLED", True)
    positive = Prompt.execute(shapes[1], "a red circle and a blue square").args[0]
    negative = Prompt.execute(shapes[1], "").args[0]
    words, latent = {"positive": positive, "negative": negative}, lab.latent(1, 16, 16)
    lab.guided(shapes[0], [lab.position()], latent_image=latent, steps=STEPS, **words)
    assert [event.value for event in seen if event.preview] == list(range(1, STEPS + 1))
    assert all(event.preview[1].size[0] >= 16 for event in seen if event.preview)
