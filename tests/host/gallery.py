"""Read the example workflows, run them, and measure what their pictures show."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from selfguidance.tools.host import serve
from selfguidance.tools.shapes.measure import Found, background_colour, find_objects
from selfguidance.tools.workflows import workflows

Graph = dict[str, Any]
Picture = np.ndarray  # [H, W, 3] in 0..1

NEAR = 0.06  # largest distance of a thing from its target, a fraction of the side


def read(*parts: str) -> Graph:
    """A file in the folder of workflows; the last part is its name with `.json`, without number."""
    *folders, last = parts
    file = workflows.file_of(Path(last).stem, Path(workflows.FOLDER, *folders))
    return json.loads(file.read_text("utf-8"))


class Gallery:
    """Runs workflows and caches their pictures.

    Args:
        server: the ComfyUI that runs them.
    """

    def __init__(self, server: serve.Server) -> None:
        self._server = server
        self._done: dict[str, dict[str, Picture]] = {}

    def __call__(self, name: str) -> dict[str, Picture]:
        """Pictures of a workflow by the title of the node that shows them."""
        if name not in self._done:
            pictures = workflows.run(self._server, read("api", f"{name}.json"), name)
            self._done[name] = {title: np.asarray(p[0]) / 255 for title, p in pictures.items()}
        return self._done[name]


def node(name: str, kind: str, title: str = "") -> dict[str, Any]:
    """Inputs of the only node of a type, and with a title that contains a text, in a workflow.

    Links from primitive nodes are replaced by their values.
    """
    graph = read("api", f"{name}.json")
    (found,) = [
        n["inputs"]
        for n in graph.values()
        if n["class_type"] == kind and title in n["_meta"]["title"]
    ]
    sources = {k: graph[v[0]]["inputs"] for k, v in found.items() if isinstance(v, list)}
    return {**found, **{k: source["value"] for k, source in sources.items() if "value" in source}}


def pairs(objects: str) -> dict[str, str]:
    """The input `objects` of an Image node: the prompt's object by that of the reference."""
    return {
        theirs.strip(): ours.strip()
        for ours, theirs in (part.split("=") for part in objects.split(","))
    }


def things(picture: Picture) -> dict[str, Found]:
    """The things of a picture by name; two of one name are an error."""
    found = find_objects(picture)
    named = {f"{thing.colour} {thing.shape}": thing for thing in found}
    assert len(named) == len(found), [f"{thing.colour} {thing.shape}" for thing in found]
    return named


def distance(a: Found, x: float, y: float) -> float:
    """Distance of a thing's centre from a point, as a fraction of the side."""
    return float(np.hypot(a.x - x, a.y - y))


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two masks."""
    return float((a & b).sum() / (a | b).sum())


def colour(picture: Picture, mask: np.ndarray) -> np.ndarray:
    """Mean RGB of the pixels in a mask, [3] in 0..1."""
    return picture[mask].mean(0)


def background_shift(a: Picture, b: Picture) -> float:
    """Largest difference of a channel of the mean background colour."""
    return float(np.abs(background_colour(a) - background_colour(b)).max())


def marked(picture: Picture) -> np.ndarray:
    """The picture of a mask as bool [H, W]."""
    return picture[..., 0] > 0.5
