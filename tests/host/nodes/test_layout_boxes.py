"""Bounding boxes into the layout canvas: on hosts that have them, and as values in a request.

A host without bounding boxes takes the same value from the request, so these run everywhere.
"""

import copy
from types import ModuleType
from typing import Any
from urllib.error import HTTPError

import numpy as np
import pytest
from selfguidance.tests.host.gallery import NEAR, distance, overlap, read, things
from selfguidance.tools.host import serve
from selfguidance.tools.workflows import workflows

CIRCLE = {"x": 76, "y": 70, "width": 36, "height": 50}  # pixels of 128 x 128
SCALED = 36 / 128  # the narrower side, which the circle fills
BOX_NODE = "PrimitiveBoundingBox"


def graph(boxes: Any, objects: str = "", **changed: Any) -> dict[str, Any]:
    """The workflow with a canvas, where boxes place the objects."""
    made = copy.deepcopy(read("api", "drag_an_object.json"))
    (canvas,) = [n for n in made.values() if n["class_type"] == "SelfGuidanceLayout"]
    canvas["inputs"] |= {"layout": "", "boxes": boxes, "box_objects": objects, **changed}
    return made


def told(server: serve.Server) -> dict[str, Any]:
    """What the canvas got from the last run."""
    last = list(server.json("/history").values())[-1]
    (shown,) = [out for out in last["outputs"].values() if "self_guidance_layout" in out]
    return shown["self_guidance_layout"][0]


def pictures(server: serve.Server, prompt: dict[str, Any]) -> dict[str, np.ndarray]:
    shown = workflows.run(server, prompt)
    return {title: np.asarray(images[0]) / 255 for title, images in shown.items()}


def check(shown: dict[str, np.ndarray]) -> None:
    """The circle is in its box, the square where it was."""
    before, after = things(shown["Before"]), things(shown["After"])
    assert sorted(before) == sorted(after) == ["blue square", "red circle"]
    circle, square = after["red circle"], after["blue square"]
    assert distance(circle, (76 + 18) / 128, (70 + 25) / 128) < NEAR
    assert circle.area == pytest.approx(np.pi / 4 * SCALED**2, rel=0.25)
    assert overlap(before["blue square"].mask, square.mask) > 0.7


@pytest.mark.compat("Front ends", "Bounding boxes into Layout: of a request")
def test_a_box_of_a_request_places_its_object_and_keeps_the_other(server: serve.Server) -> None:
    check(pictures(server, graph(CIRCLE, "red circle")))


@pytest.mark.compat("Front ends", "Bounding boxes into Layout: of a request")
def test_the_canvas_gets_the_boxes_as_fractions(server: serve.Server) -> None:
    pictures(server, graph(CIRCLE, "red circle"))
    place = {"x": 94 / 128, "y": 95 / 128, "width": 36 / 128, "height": 50 / 128}
    (shown,) = told(server)["boxes"]
    assert shown.pop("phrase") == "red circle"
    assert shown == pytest.approx(place, abs=1e-4)


def test_the_canvas_of_the_help_page_gets_what_a_run_tells(
    server: serve.Server, lab: ModuleType
) -> None:
    from selfguidance.tools.docs import panels, pictures_canvas

    pictures(server, graph(None, layout=""))
    sent, drawn = told(server), pictures_canvas._message()
    assert sorted(drawn) == sorted(sent)
    same = ("version", "prompt", "words", "boxes", "aspect")
    assert [drawn[name] for name in same] == [sent[name] for name in same]
    assert [o["phrase"] for o in drawn["objects"]] == [panels.CIRCLE, panels.SQUARE]


@pytest.mark.compat("Front ends", "Bounding boxes into Layout: of a request")
def test_boxes_of_a_detector_come_as_a_list_with_labels(server: serve.Server) -> None:
    found = {"__value__": [[{**CIRCLE, "label": "red circle", "score": 0.9}]]}
    check(pictures(server, graph(found)))


@pytest.mark.compat("Front ends", "Bounding boxes into Layout: ComfyUI's own node")
def test_comfyuis_own_box_goes_in(server: serve.Server, known: dict[str, Any]) -> None:
    if BOX_NODE not in known:
        pytest.skip("this ComfyUI has no bounding boxes")
    made = graph(["90", 0], "red circle")
    made["90"] = {"class_type": BOX_NODE, "inputs": CIRCLE, "_meta": {"title": "Box"}}
    check(pictures(server, made))


@pytest.mark.compat("Front ends", "Boxes that cannot be placed", refuses=True)
@pytest.mark.parametrize(
    ("boxes", "changed", "why"),
    [
        ({**CIRCLE, "x": 100}, {}, "reaches out of the picture"),
        ({**CIRCLE, "width": 0}, {}, "has no area"),
        ({"__value__": [[CIRCLE] * 3]}, {}, "3 boxes came, but there are 2 objects"),
        (None, {"box_objects": "red circle"}, "boxes is missing: box_objects names 'red circle'"),
        (CIRCLE, {"image": None}, "image is missing: boxes are in its pixels"),
    ],
)
def test_what_cannot_be_placed_is_said_on_the_node(
    server: serve.Server, boxes: Any, changed: dict[str, Any], why: str
) -> None:
    with pytest.raises((RuntimeError, HTTPError), match=why):
        workflows.run(server, graph(boxes, **changed))
