"""Subgraph blueprints: the main recipes as single nodes of ComfyUI's node library.

Each is extracted from an example workflow: some nodes become the subgraph; their links from other
nodes, and some of their widgets, become its inputs. The files are ASCII, because ComfyUI reads them
with the default encoding of the system.
"""

from __future__ import annotations

import copy
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..host import host
from . import variants

FOLDER = host.ROOT / "subgraphs"
INSIDE, OUTSIDE = -10, -20  # ComfyUI's ids of the nodes for a subgraph's inputs and outputs
WIDGETS = ("INT", "FLOAT", "STRING")
Graph = dict[str, Any]


@dataclass(frozen=True)
class Blueprint:
    """A subgraph and how to extract it from a workflow.

    Attributes:
        name: title in the node library.
        recipe: name of the workflow.
        text: description in the node library.
        inside: titles of the nodes of the subgraph; their types if they have no title.
        outputs: by name of the output, title of a node and index of its output.
        names: other names for inputs, by title of the node outside that they were linked to.
        widgets: widgets that become inputs: title of the node, widget, name of the input.
        wires: links to add inside: title of a node, its input, title of the node that feeds it.
    """

    name: str
    recipe: str
    text: str
    inside: tuple[str, ...]
    outputs: dict[str, tuple[str, int]]
    names: dict[str, str] = field(default_factory=dict)
    widgets: tuple[tuple[str, str, str], ...] = ()
    wires: tuple[tuple[str, str, str], ...] = ()


RUN, EDIT, AGAIN = "1. Sample without terms", "2. What to change", "3. Sample again with terms"
EDITED = {"image": (AGAIN + " decoded", 0), "before": (RUN + " decoded", 0), "record": (AGAIN, 1)}
PAIR = (RUN, RUN + " decoded", EDIT, AGAIN, AGAIN + " decoded")
FIRST, LOOK = "1. Sample the reference", "2. Its layout, not its look"
NEW = "3. Sample the new prompt with terms"
SEEN, SAMPLED = "Look at the photo", "3. Sample with terms"
BLUEPRINTS = (
    Blueprint(
        "Move Object (Self-Guidance)",
        "move_an_object",
        "Draws a picture, and the same picture with one object moved and the rest kept.",
        PAIR,
        EDITED,
        widgets=((EDIT, "dx", "dx"), (EDIT, "dy", "dy")),
    ),
    Blueprint(
        "Resize Object (Self-Guidance)",
        "resize_an_object",
        "Draws a picture, and the same picture with one object resized and the rest kept.",
        PAIR,
        EDITED,
        widgets=((EDIT, "scale", "scale"),),
    ),
    Blueprint(
        "Swap Look (Self-Guidance)",
        "keep_layout_change_look",
        "Draws a picture, and other things in its layout.",
        (FIRST, FIRST + " decoded", LOOK, NEW, NEW + " decoded"),
        {
            "image": (NEW + " decoded", 0),
            "reference": (FIRST + " decoded", 0),
            "record": (NEW, 1),
        },
        {"Prompt of the reference": "positive", "New prompt": "new_positive"},
        ((FIRST, "seed", "reference_seed"), (LOOK, "objects", "objects")),
    ),
    Blueprint(
        "Edit Photo (Self-Guidance)",
        "move_object_in_a_photo",
        "Moves an object of a photo and keeps the rest; the positive prompt is its caption.",
        ("VAEEncode", SEEN, EDIT, SAMPLED, SAMPLED + " decoded"),
        {"image": (SAMPLED + " decoded", 0), "record": (SEEN, 0)},
        {"Stand-in for a photo": "image"},
        ((EDIT, "object", "object"), (EDIT, "dx", "dx"), (EDIT, "dy", "dy")),
        ((SAMPLED, "latent_image", "VAEEncode"),),
    ),
)


class Cut:
    """The extraction of one blueprint from its workflow."""

    def __init__(self, plan: Blueprint) -> None:
        file = variants.shapes_file(plan.recipe)
        self.plan = plan
        self.graph: Graph = copy.deepcopy(json.loads(file.read_text("utf-8")))
        self.links = {link[0]: link for link in self.graph["links"]}
        self.named = {self._title(node): node for node in self.graph["nodes"]}
        self.nodes = [self.named[title] for title in plan.inside]
        self.inputs: list[Graph] = []
        self.wires: list[Graph] = []

    def _title(self, node: Graph) -> str:
        """The title of a node; for a VAE Decode node, that of its sampler with 'decoded'."""
        if node["type"] != "VAEDecode":
            return str(node.get("title", node["type"]))
        source = self.links[node["inputs"][0]["link"]][1]
        (sampler,) = [other for other in self.graph["nodes"] if other["id"] == source]
        return f"{sampler['title']} decoded"

    def identity(self, *parts: str) -> str:
        """A UUID from these words, the same in every run."""
        return str(uuid.uuid5(variants.SPACE, " ".join((self.plan.name, *parts))))

    def wire(self, origin: tuple[int, int], target: tuple[int, int], socket_type: str) -> int:
        """Add a link; returns its id.

        Args:
            origin, target: id of a node and index of its output or input.
            socket_type: such as MODEL.
        """
        number = len(self.wires) + 1
        ends = zip(("origin", "target"), (origin, target), strict=True)
        link: Graph = {"id": number, "type": socket_type}
        for end, (node, slot) in ends:
            link |= {f"{end}_id": node, f"{end}_slot": slot}
        self.wires.append(link)
        return number

    def enter(self, name: str, node: Graph, slot: int) -> None:
        """Link an input of a node to the subgraph's input `name`, which is added if necessary."""
        socket_type = node["inputs"][slot]["type"]
        known = [one["name"] for one in self.inputs]
        if name not in known:
            new = {
                "id": self.identity("in", name),
                "name": name,
                "type": socket_type,
                "linkIds": [],
            }
            self.inputs.append(new)
            known.append(name)
        place = known.index(name)
        link = self.wire((INSIDE, place), (node["id"], slot), socket_type)
        self.inputs[place]["linkIds"].append(link)
        node["inputs"][slot]["link"] = link

    def connect(self) -> None:
        """Replace the links of the workflow by those of the subgraph."""
        for node in self.nodes:
            for output in node["outputs"]:
                output["links"] = []
        for node in self.nodes:
            for slot in range(len(node["inputs"])):
                self._connect(node, slot)

    def _connect(self, node: Graph, slot: int) -> None:
        title, socket = self._title_of(node), node["inputs"][slot]
        old, name = self.links.get(socket["link"]), socket["name"]
        fed = [source for t, n, source in self.plan.wires if (t, n) == (title, name)]
        own = [inner for t, n, inner in self.plan.widgets if (t, n) == (title, name)]
        origin = (self.named[fed[0]]["id"], 0) if fed else (old[1], old[2]) if old else None
        if origin and self._by_id(origin[0]) in self.nodes:
            socket["link"] = self.wire(origin, (node["id"], slot), socket["type"])
            self._by_id(origin[0])["outputs"][origin[1]]["links"].append(socket["link"])
        elif origin:
            theirs = self._title_of(self._by_id(origin[0]))
            self.enter(self.plan.names.get(theirs, name), node, slot)
        elif own:
            self.enter(own[0], node, slot)

    def _by_id(self, number: int) -> Graph:
        (node,) = [node for node in self.graph["nodes"] if node["id"] == number]
        found: Graph = node
        return found

    def _title_of(self, node: Graph) -> str:
        return next(title for title, other in self.named.items() if other is node)

    def outputs(self) -> list[Graph]:
        """The outputs of the subgraph; their links are added."""
        made = []
        for place, (name, (title, slot)) in enumerate(self.plan.outputs.items()):
            node = self.named[title]
            socket_type = node["outputs"][slot]["type"]
            link = self.wire((node["id"], slot), (OUTSIDE, place), socket_type)
            node["outputs"][slot]["links"].append(link)
            identity = self.identity("out", name)
            made.append({"id": identity, "name": name, "type": socket_type, "linkIds": [link]})
        return made

    def value(self, socket: Graph) -> Any:
        """Default of a widget of the subgraph: the value in the first node that it is linked to."""
        wire = self.wires[socket["linkIds"][0] - 1]
        node = self._by_id(wire["target_id"])
        names = [one["name"] for one in node["inputs"] if "widget" in one]
        if "seed" in names:
            names.insert(names.index("seed") + 1, "control_after_generate")
        target = node["inputs"][wire["target_slot"]]["name"]
        return node["widgets_values"][names.index(target)]


def written() -> dict[Path, str]:
    """The text of every blueprint by its file."""
    made = {FOLDER / f"{plan.name}.json": blueprint(plan) for plan in BLUEPRINTS}
    return {file: json.dumps(graph, indent=1) + "\n" for file, graph in made.items()}


def blueprint(plan: Blueprint) -> Graph:
    """The blueprint as ComfyUI stores it: a workflow with the subgraph as its only node."""
    cut = Cut(plan)
    cut.connect()
    outputs = cut.outputs()
    boxes = [(*node["pos"], *node["size"]) for node in cut.nodes]
    left, top = (min(box[i] for box in boxes) for i in (0, 1))
    right = max(x + width for x, _, width, _ in boxes)
    subgraph = {
        "id": cut.identity(),
        "version": 1,
        "state": _state(cut),
        "revision": 0,
        "config": {},
        "name": plan.name,
        "inputNode": {"id": INSIDE, "bounding": [left - 260, top, 140, 260]},
        "outputNode": {"id": OUTSIDE, "bounding": [right + 120, top, 120, 120]},
        "inputs": cut.inputs,
        "outputs": outputs,
        "widgets": [],
        "nodes": cut.nodes,
        "groups": [],
        "links": cut.wires,
        "extra": {},
    }
    return {
        "revision": 0,
        "last_node_id": 1,
        "last_link_id": 0,
        "nodes": [_instance(cut, outputs)],
        "links": [],
        "version": 0.4,
        "definitions": {"subgraphs": [subgraph]},
        "extra": {"BlueprintDescription": plan.text},
    }


def _state(cut: Cut) -> Mapping[str, int]:
    last = max(node["id"] for node in cut.nodes)
    return {
        "lastGroupId": 0,
        "lastNodeId": last,
        "lastLinkId": len(cut.wires),
        "lastRerouteId": 0,
    }


def _instance(cut: Cut, outputs: list[Graph]) -> Graph:
    shown = [one for one in cut.inputs if one["type"] in WIDGETS]
    inputs = [
        {"name": one["name"], "type": one["type"], "link": None}
        | ({"widget": {"name": one["name"]}} if one in shown else {})
        for one in cut.inputs
    ]
    return {
        "id": 1,
        "type": cut.identity(),
        "pos": [0, 0],
        "size": [340, 120 + 24 * len(inputs)],
        "flags": {},
        "order": 0,
        "mode": 0,
        "inputs": inputs,
        "outputs": [{"name": o["name"], "type": o["type"], "links": None} for o in outputs],
        "title": cut.plan.name,
        "properties": {"proxyWidgets": [["-1", one["name"]] for one in shown]},
        "widgets_values": [cut.value(one) for one in shown],
    }


def main(_: list[str]) -> None:
    """Write all blueprints."""
    FOLDER.mkdir(exist_ok=True)
    for file, text in written().items():
        file.write_text(text, "ascii")
        print(file.relative_to(host.ROOT))
