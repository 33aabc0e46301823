"""Runs of one server, and of one graph, share the model and nothing else."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image
from selfguidance.tests.host.nodes.test_executor import SAMPLER, TIMES, Graph, graph, node, ours
from selfguidance.tools.host import serve, waiting

NAMES = ("first", "second", "plain")
SAMPLED = {**SAMPLER, "seed": 2, "steps": 3}


def branches(number: int, *names: str) -> Graph:
    """A graph with these samplers on one model: ours, Apply with another term, ComfyUI's own.

    Args:
        number: of the graph. It changes the blanks of the negative prompt, which no picture
            shows, so that the server samples again instead of taking what it has.
    """
    parts = {name: graph()[name] for name in ("model", "positive", "negative", "latent")}
    parts["negative"]["inputs"]["text"] = number * " "
    theirs = {name: value for name, value in SAMPLED.items() if name != "strength"}
    for side, x in (("left", 0.2), ("right", 0.8)):
        place = {"object": "red circle", "x": x, "y": 0.3, "relative": False}
        parts[side] = ours("Position", **place, **TIMES)
    parts["apply"] = ours("Apply", model=["model", 0], strength=1.0, terms=["left", 0])
    parts["first"] = ours("KSampler", **SAMPLED, terms=["right", 0])
    parts["second"] = node("KSampler", **{**theirs, "model": ["apply", 0]})
    parts["plain"] = node("KSampler", **theirs)
    for name in names:
        parts[f"decode {name}"] = node("VAEDecode", samples=[name, 0], vae=["model", 2])
        parts[f"show {name}"] = node("PreviewImage", images=[f"decode {name}", 0])
    return parts


def pictures(server: serve.Server, *graphs: Graph) -> dict[str, np.ndarray]:
    """Pictures of graphs that are queued at once, by the name of their sampler."""
    queued = [server.json("/prompt", {"prompt": graph})["prompt_id"] for graph in graphs]
    found = {}
    for number, identity in enumerate(queued, 1):
        entry = waiting.finished(server, identity, f"graph {number} of {len(queued)} in the queue")
        cached = [d["nodes"] for k, d in entry["status"]["messages"] if k == "execution_cached"]
        assert entry["status"]["status_str"] == "success", entry["status"]
        for shown, output in entry["outputs"].items():
            name = shown.removeprefix("show ")
            assert not any(name in nodes for nodes in cached), "it was not sampled anew"
            (image,) = output["images"]
            data = server.get(f"/view?filename={image['filename']}&type={image['type']}")
            found[name] = np.asarray(Image.open(io.BytesIO(data)))
    return found


@pytest.fixture(scope="module")
def alone(server: serve.Server) -> dict[str, np.ndarray]:
    """The picture of each sampler in a graph of its own."""
    found: dict[str, np.ndarray] = {}
    for number, name in enumerate(NAMES):
        found |= pictures(server, branches(number, name))
    for i, name in enumerate(NAMES):
        assert all(not np.array_equal(found[name], found[other]) for other in NAMES[i + 1 :])
    return found


@pytest.mark.compat("Lifecycle", "Prompts queued back to back do not see each other's terms")
def test_prompts_queued_back_to_back_are_their_own(server: serve.Server, alone: Any) -> None:
    orders = (NAMES, NAMES[::-1])
    for first, names in enumerate(orders):
        numbers = range(10 + 3 * first, 13 + 3 * first)
        queued = [branches(n, name) for n, name in zip(numbers, names, strict=True)]
        found = pictures(server, *queued)
        assert [name for name in NAMES if not np.array_equal(found[name], alone[name])] == []


@pytest.mark.compat("Lifecycle", "Samplers of one graph do not see each other's terms")
def test_samplers_of_one_graph_that_share_a_model_are_their_own(
    server: serve.Server, alone: Any
) -> None:
    found = pictures(server, branches(20, *NAMES))
    assert [name for name in NAMES if not np.array_equal(found[name], alone[name])] == []
