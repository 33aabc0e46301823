"""The nodes of a model in a workflow: loaders in the place of the demo model, nodes of prompts."""

from __future__ import annotations

from . import graphs
from .graphs import Graph
from .kinds import Kind, Part

COLUMN, GAP = 460, 80  # pixels: width of a column of nodes, space for a node's title and more
SCROLL = 560  # by a column, which Nodes 2.0 draws wider
ZERO = Part(
    *("ConditioningZeroOut", ("CONDITIONING",), {}),
    *({"conditioning": "CONDITIONING"}, (), 40),
)


def load(graph: Graph, demo: Graph, kind: Kind) -> None:
    """Replace the demo model by the nodes of a kind.

    The node that gives the samplers their MODEL takes the place of the demo model, the others are
    a group at the left.
    """
    links = {output["type"]: output["links"] or [] for output in demo["outputs"]}
    last = [part for part in kind.parts if "MODEL" in part.gives][-1]
    x, y = min(node["pos"][0] for node in graph["nodes"]) - COLUMN, 0
    given: dict[str, graphs.End] = {}
    for part in kind.parts:
        if part is last:
            node = demo
            graphs.become_part(node, part)
        else:
            node = graphs.add(graph, part, (x, y))
            y += part.height + GAP
        for name, wanted in part.takes.items():
            graphs.connect(graph, given[wanted], node, name)
        given |= {what: (node, slot) for slot, what in enumerate(part.gives)}
    for what, numbers in links.items():
        graphs.carry(graph, numbers, given[what])
    if y:
        graph["extra"]["ds"]["offset"][0] += SCROLL
        box = {"bounding": [x - 20, -90, 370, y + 50], "color": "#3f789e", "font_size": 24}
        title = "Files of the model"
        group = {"id": len(graph["groups"]) + 1, "title": title, **box, "flags": {}}
        graph["groups"].append(group)


def condition(graph: Graph, kind: Kind) -> None:
    """Put what a kind needs behind the prompt, and a negative of zeros where none counts."""
    if kind.behind is None and kind.negative is not None:
        return
    prompts = [node for node in graph["nodes"] if node["type"] == "SelfGuidancePrompt"]
    positive, negative = sorted(prompts, key=lambda node: node["title"] == "Negative prompt")
    if kind.behind is not None:
        x, y = negative["pos"]
        _behind(graph, kind.behind, positive, (x, y + ZERO.height + GAP))
    if kind.negative is None:
        _zero(graph, positive, negative)


def _behind(graph: Graph, part: Part, prompt: Graph, place: tuple[int, int]) -> None:
    """Add a node between a prompt and what takes it."""
    output = prompt["outputs"][0]
    links, output["links"] = output["links"], None
    node = graphs.add(graph, part, place)
    node["size"][0] = prompt["size"][0]
    graphs.carry(graph, links, (node, 0))
    graphs.connect(graph, (prompt, 0), node, next(iter(part.takes)))


def _zero(graph: Graph, positive: Graph, negative: Graph) -> None:
    """Replace the negative prompt by zeros in the form of the positive one."""
    links = negative["outputs"][0]["links"]
    graphs.disconnect(graph, negative["inputs"][0]["link"])
    graphs.become_part(negative, ZERO)
    negative["size"], negative["title"] = [320, ZERO.height], "No negative prompt: cfg is 1"
    graphs.carry(graph, links, (negative, 0))
    graphs.connect(graph, (positive, 0), negative, "conditioning")
