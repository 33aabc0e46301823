"""Inputs as users type, paint and set them, sent to a server: the picture shows what was asked for.

Each row of `CASES` once gave another picture, or was refused; right values are those of the kind
written plainly. Fuzz tests draw inputs of these kinds for every node, see `drawn.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from selfguidance.tests.host.gallery import things
from selfguidance.tools.host import serve
from selfguidance.tools.shapes.measure import Found
from selfguidance.tools.workflows import workflows

Inputs = dict[str, Any]

PLAIN = "a red circle and a blue square"
SIDE = 128
NEAR = 0.03  # fractions of the side
RUN = {"steps": 25, "cfg": 4.0, "sampler_name": "euler", "scheduler": "normal", "denoise": 1.0}
WINDOW = {"weight": 1.0, "start_percent": 0.0, "end_percent": 0.7}
AS_IT_IS = {"dx": 0.0, "dy": 0.0, "scale_x": 1.0, "scale_y": 1.0, "rotation": 0.0}
RAW = {"weighting": "raw (paper)", "strength": 7500.0}
BOXES = [
    {"x": 75, "y": 70, "width": 40, "height": 40},
    {"x": 12, "y": 12, "width": 40, "height": 40},
]
DRAGGED = (
    '{"version":1,"objects":[{"phrase":"red circle","kind":"move","start":{"x":0.277,"y":0.709,'
    '"width":0.27,"height":0.27},"x":0.7,"y":0.7,"scale":1.0,"rotation":0.0}]}'
)


@dataclass(frozen=True)
class Thing:
    """Where a thing of the picture shall be.

    x, y: of its middle; near: how far off it may be; area: range of its fraction of the picture.
    """

    x: float
    y: float
    area: tuple[float, float] = (0.0, 1.0)
    near: tuple[float, float] = (NEAR, NEAR)


UNMOVED = Thing(0.277, 0.709, (0.054, 0.058), (0.005, 0.005))  # seed 2 without guidance
UNMOVED_0 = Thing(0.249, 0.730, (0.052, 0.056), (0.005, 0.005))  # seed 0
ON_ITS_WAY = Thing(0.452, 0.709, (0.04, 0.08), (0.18, NEAR))  # seed 2, from .277 to .627
ARRIVED = Thing(0.627, 0.709, (0.04, 0.08))
IN_FEW_STEPS = Thing(0.627, 0.709, (0.04, 0.08), (0.06, NEAR))
WEIGHTED = Thing(0.593, 0.757)
PAINTED = Thing(90 / SIDE, 90 / SIDE, (0.08, 0.2), (2 * NEAR, 2 * NEAR))
IN_BOXES = {"red circle": Thing(0.74, 0.71), "blue square": Thing(0.25, 0.25)}


@dataclass(frozen=True)
class Case:
    """One term, what is sent with it, and what comes of it.

    Attributes:
        node: whose id is SelfGuidance and this.
        asked: its inputs beside reference, image, mask and what `WINDOW` has.
        right: the red circle, or things by their names, as they shall be.
        prompt: inputs of the prompt's node.
        seed: of both runs.
        run: inputs of the guided sampler.
        grey: of a square painted as the node's mask; None for nodes that need a reference instead.
        refused: what the message says, where the request is refused.
    """

    node: str
    asked: Mapping[str, Any]
    right: Thing | Mapping[str, Thing] = ARRIVED
    prompt: Mapping[str, str] = field(default_factory=lambda: {"text": PLAIN})
    seed: int = 2
    run: Mapping[str, Any] = field(default_factory=dict)
    grey: float | None = None
    refused: str = ""


def move(dx: float, right: Thing = ARRIVED, **more: Any) -> Case:
    """Move the red circle to the right; inputs of Move Object are among `more`."""
    asked = {name: more.pop(name) for name in ("object", *WINDOW) if name in more}
    return Case("MoveObject", {"object": "red circle", "dx": dx, "dy": 0.0, **asked}, right, **more)


def lists(objects: str) -> dict[str, Any]:
    """A prompt whose objects are listed."""
    return {"prompt": {"text": PLAIN, "objects": objects}}


def boxed(text: str, names: str = "") -> Case:
    """Both objects of a prompt into their boxes."""
    asked = {"layout": "", "boxes": {"__value__": BOXES}, "box_objects": names}
    return Case("Layout", asked, IN_BOXES, {"text": text}, 7)


def painted(node: str, grey: float, **asked: Any) -> Case:
    """The red circle under a painted square."""
    return Case(node, {"object": "red circle", **asked}, PAINTED, grey=grey)


def raw(dx: float, seed: int) -> Case:
    """A recipe with the paper's weighting, which cannot follow it."""
    return move(dx, seed=seed, run=RAW, refused="set weighting to 'normalised'")


NAMED = "(red circle:1.3)"
CASES = {
    "weight 0, move": move(0.35, UNMOVED, weight=0.0),
    "weight 0, layout": Case("Layout", {"layout": DRAGGED, "weight": 0.0}, UNMOVED),
    "weight 0, resize": Case(
        "ResizeObject", {"object": "red circle", "scale": 1.8, "weight": 0.0}, UNMOVED
    ),
    "weight 0, move, seed 0": move(0.25, UNMOVED_0, weight=0.0, seed=0),
    "weight .01": move(0.35, ON_ITS_WAY, weight=0.01),
    "4 steps": move(0.35, IN_FEW_STEPS, run={"steps": 4}),
    "10 steps": move(0.35, IN_FEW_STEPS, run={"steps": 10}),
    "no window": move(0.35, UNMOVED, end_percent=0.0),
    "spaces": boxed("red circle, blue square"),
    "tags": boxed("red_circle, blue_square"),
    "tags by name": boxed("red_circle, blue_square", "red_circle, blue_square"),
    "hyphens by name": boxed("red-circle, blue-square", "red-circle, blue-square"),
    "white mask, place": painted("Mask", 1.0, mode="place"),
    "grey mask, place": painted("Mask", 0.25, mode="place"),
    "white mask, shape": painted("Shape", 1.0, **AS_IT_IS),
    "grey mask, shape": painted("Shape", 0.25, **AS_IT_IS),
    "raw recipe, seed 2": raw(0.3, 2),
    "raw recipe, seed 5": raw(-0.3, 5),
    "raw recipe, seed 7": raw(0.3, 7),
    "weighted name": move(
        0.3, WEIGHTED, object=NAMED, prompt={"text": f"a {NAMED} and a blue square"}
    ),
    "weighted name, listed": move(
        0.3,
        WEIGHTED,
        object=NAMED,
        prompt={"text": f"a {NAMED} and a blue square", "objects": f"{NAMED}; blue square"},
    ),
    "full-width comma": move(0.35, **lists("red circle\N{FULLWIDTH COMMA}blue square")),
    "list over lines": move(0.35, **lists("red circle\nblue square")),
}


class Graph:
    """A graph in API form that grows node by node.

    Args:
        case: whose prompt and seed its samplers have.
    """

    def __init__(self, case: Case) -> None:
        self.nodes: Inputs = {}
        self._case = case
        model = self.add("SelfGuidanceDemoModel")
        positive = self.add("SelfGuidancePrompt", clip=[model, 1], **case.prompt)
        negative = self.add("SelfGuidancePrompt", clip=[model, 1], text="")
        latent = self.add("EmptyLatentImage", width=SIDE, height=SIDE, batch_size=1)
        self._vae = [model, 2]
        self._wires: Inputs = {"model": [model, 0], "latent_image": [latent, 0]}
        self._wires |= {"positive": [positive, 0], "negative": [negative, 0]}

    def add(self, kind: str, **inputs: Any) -> str:
        """The id of a new node."""
        name = str(len(self.nodes) + 1)
        self.nodes[name] = {"class_type": kind, "inputs": inputs, "_meta": {"title": name}}
        return name

    def sampled(self, **more: Any) -> str:
        """A new sampler."""
        settings = {"seed": self._case.seed, "strength": 1.0, **RUN, **self._wires, **more}
        return self.add("SelfGuidanceKSampler", **settings)

    def shown(self, sampler: str) -> str:
        """A node that shows the picture of a sampler."""
        return self.add("VAEDecode", samples=[sampler, 0], vae=self._vae)

    def painted(self, grey: float) -> str:
        """A mask with a grey square of 48 pixels at (66, 66)."""
        ground = self.add("SolidMask", value=0.0, width=SIDE, height=SIDE)
        square = self.add("SolidMask", value=grey, width=48, height=48)
        wires = {"destination": [ground, 0], "source": [square, 0]}
        return self.add("MaskComposite", **wires, x=66, y=66, operation="add")


def picture(server: serve.Server, case: Case) -> dict[str, Found]:
    """What the guided picture of a case shows."""
    graph = Graph(case)
    wires: Inputs = {}
    if case.grey is not None:
        wires["mask"] = [graph.painted(case.grey), 0]
    else:
        first = graph.sampled()
        wires["reference"] = [first, 1]
        if "boxes" in case.asked:
            wires["image"] = [graph.shown(first), 0]
    terms = graph.add(f"SelfGuidance{case.node}", **{**WINDOW, **case.asked}, **wires)
    guided = graph.shown(graph.sampled(terms=[terms, 0], **case.run))
    title = graph.add("SaveImage", images=[guided, 0], filename_prefix="asked")
    (image,) = workflows.run(server, graph.nodes)[title]
    return things(np.asarray(image) / 255)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_picture_shows_what_was_asked_for(server: serve.Server, case: Case) -> None:
    if case.refused:
        with pytest.raises(RuntimeError, match=case.refused):
            picture(server, case)
        return
    after = picture(server, case)
    right = case.right if isinstance(case.right, Mapping) else {"red circle": case.right}
    for name, wanted in right.items():
        found = after[name]
        off = abs(found.x - wanted.x), abs(found.y - wanted.y)
        assert off[0] < wanted.near[0] and off[1] < wanted.near[1], (name, found.x, found.y)
        assert wanted.area[0] < found.area < wanted.area[1], (name, found.area)
