"""Inputs as users type and paint them, sent to a server: the picture shows what was asked for."""

from typing import Any

import numpy as np
import pytest
from selfguidance.tests.host.gallery import distance, things
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
BOXES = [
    {"x": 75, "y": 70, "width": 40, "height": 40},
    {"x": 12, "y": 12, "width": 40, "height": 40},
]


class Graph:
    """A graph in API form that grows node by node."""

    def __init__(self) -> None:
        self.nodes: Inputs = {}

    def add(self, kind: str, **inputs: Any) -> str:
        """The id of a new node."""
        name = str(len(self.nodes) + 1)
        self.nodes[name] = {"class_type": kind, "inputs": inputs, "_meta": {"title": name}}
        return name

    def sampled(self, prompt: Inputs, seed: int, **more: Any) -> str:
        """A sampler of the Shapes model, once for the reference and once with its terms."""
        model = self.add("SelfGuidanceDemoModel")
        positive = self.add("SelfGuidancePrompt", clip=[model, 1], **prompt)
        negative = self.add("SelfGuidancePrompt", clip=[model, 1], text="")
        latent = self.add("EmptyLatentImage", width=SIDE, height=SIDE, batch_size=1)
        wires = {"positive": [positive, 0], "negative": [negative, 0], "latent_image": [latent, 0]}
        return self.add(
            "SelfGuidanceKSampler",
            model=[model, 0],
            seed=seed,
            strength=1.0,
            **wires,
            **RUN,
            **more,
        )

    def shown(self, sampler: str) -> str:
        """A node that shows the picture of a sampler."""
        vae = self.nodes[sampler]["inputs"]["model"][0]
        return self.add("VAEDecode", samples=[sampler, 0], vae=[vae, 2])

    def picture(self, server: serve.Server, sampler: str) -> dict[str, Found]:
        """What the picture of a sampler shows."""
        title = self.add("SaveImage", images=[self.shown(sampler), 0], filename_prefix="asked")
        (image,) = workflows.run(server, self.nodes)[title]
        return things(np.asarray(image) / 255)

    def painted(self, grey: float) -> str:
        """A mask with a grey square of 48 pixels at (66, 66)."""
        ground = self.add("SolidMask", value=0.0, width=SIDE, height=SIDE)
        square = self.add("SolidMask", value=grey, width=48, height=48)
        wires = {"destination": [ground, 0], "source": [square, 0]}
        return self.add("MaskComposite", **wires, x=66, y=66, operation="add")


def edited(server: serve.Server, kind: str, prompt: Inputs, seed: int, **asked: Any) -> Any:
    """The picture of a second run, whose term has the first as its reference."""
    graph = Graph()
    first = graph.sampled(prompt, seed)
    if kind == "SelfGuidanceLayout":
        asked["image"] = [graph.shown(first), 0]
    terms = graph.add(kind, reference=[first, 1], **WINDOW, **asked)
    return graph.picture(server, graph.sampled(prompt, seed, terms=[terms, 0]))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("red_circle, blue_square", ""),
        ("red_circle, blue_square", "red_circle, blue_square"),
        ("red-circle, blue-square", "red-circle\uff0cblue-square"),
    ],
)
def test_words_of_a_tag_prompt_go_into_their_boxes(
    server: serve.Server, text: str, names: str
) -> None:
    boxes = {"boxes": {"__value__": BOXES}, "box_objects": names}
    after = edited(server, "SelfGuidanceLayout", {"text": text}, 7, layout="", **boxes)
    assert distance(after["red circle"], 0.74, 0.71) < NEAR
    assert distance(after["blue square"], 0.25, 0.25) < NEAR


@pytest.mark.parametrize("grey", [0.25, 1.0])
@pytest.mark.parametrize("kind", ["Mask", "Shape"])
def test_a_grey_mask_places_as_a_white_one(server: serve.Server, kind: str, grey: float) -> None:
    graph = Graph()
    asked = {"mode": "place"} if kind == "Mask" else AS_IT_IS
    mask = [graph.painted(grey), 0]
    terms = graph.add(f"SelfGuidance{kind}", object="red circle", mask=mask, **WINDOW, **asked)
    after = graph.picture(server, graph.sampled({"text": PLAIN}, 2, terms=[terms, 0]))
    assert after["red circle"].area > 0.08
    assert distance(after["red circle"], 90 / SIDE, 90 / SIDE) < 2 * NEAR


@pytest.mark.parametrize("objects", ["", "(red circle:1.3); blue square"])
def test_an_object_is_found_as_the_prompt_has_it(server: serve.Server, objects: str) -> None:
    prompt = {"text": "a (red circle:1.3) and a blue square", "objects": objects}
    asked = {"object": "(red circle:1.3)", "dx": 0.3, "dy": 0.0}
    after = edited(server, "SelfGuidanceMoveObject", prompt, 2, **asked)
    assert distance(after["red circle"], 0.593, 0.757) < NEAR


@pytest.mark.parametrize("separator", ["\uff0c", "\n"], ids=["full-width", "new line"])
def test_a_list_of_objects_takes_other_separators(server: serve.Server, separator: str) -> None:
    prompt = {"text": PLAIN, "objects": f"red circle{separator}blue square"}
    asked = {"object": "red circle", "dx": 0.35, "dy": 0.0}
    after = edited(server, "SelfGuidanceMoveObject", prompt, 2, **asked)
    assert distance(after["red circle"], 0.277 + 0.35, 0.709) < 2 * NEAR
