"""Toy layouts, and boxes in pixels for their objects."""

import json
from typing import Any

from selfguidance.guidance.layout.boxes import assigned, boxed
from selfguidance.guidance.layout.canvas import Layout, Place

HEIGHT, WIDTH = 100, 200  # of the picture, in pixels
BOX = {"x": 20, "y": 10, "width": 80, "height": 30}
PLACE = Place(x=0.3, y=0.25, width=0.4, height=0.3)  # the same, as fractions
NEXT = {"x": 100, "y": 50, "width": 40, "height": 40}


def layout(*objects: dict[str, Any]) -> Layout:
    return Layout.parse(json.dumps({"version": 1, "objects": objects}))


def other(phrase: str, kind: str) -> dict[str, Any]:
    return {"phrase": phrase, "kind": kind, "start": None}


def moved(phrase: str) -> dict[str, Any]:
    return {**other(phrase, "move"), "x": 0.9, "y": 0.9, "scale": 3.0, "rotation": 20.0}


def added(phrase: str) -> dict[str, Any]:
    return {"phrase": phrase, "kind": "add", "x": 0.9, "y": 0.9, "width": 0.1, "height": 0.1}


def placed(boxes: Any, names: str = "", objects: Layout | None = None, then: Any = None) -> Layout:
    canvas = objects or Layout()
    return boxed(canvas, assigned(canvas, boxes, names, HEIGHT, WIDTH, then), then)


def names(result: Layout, *kinds: str) -> list[str]:
    return [o.phrase for o in result.of(*(kinds or ("move", "keep", "free", "add")))]
