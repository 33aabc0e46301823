"""The layout canvas over a reference of several pictures, each with its objects elsewhere."""

import json
from types import ModuleType
from typing import Any

import numpy as np
import torch
from selfguidance.guidance.layout.canvas import Layout
from selfguidance.guidance.layout.terms import layout_terms
from selfguidance.tests.host.gallery import NEAR, distance, things
from selfguidance.tools.shapes.measure import Found

START = {"x": 0.3, "y": 0.3, "width": 0.3, "height": 0.3}
SMALLER = 0.65  # of the side
STEPS = 20


def resized(scale: float) -> Layout:
    """The circle as the canvas has it where only its size was dragged."""
    circle = {"phrase": "red circle", "kind": "move", "start": START, "rotation": 0}
    circle |= {"x": START["x"], "y": START["y"], "scale": scale}
    return Layout.parse(json.dumps({"version": 1, "objects": [circle]}))


def test_every_picture_has_the_object_resized_at_its_own_place(
    lab: ModuleType, shapes: tuple[Any, Any, Any], pair: dict[str, Any]
) -> None:
    model, _, vae = shapes
    run = {"latent_image": lab.latent(3, 16, 16), **pair, "steps": STEPS}

    def found(latent: torch.Tensor) -> list[dict[str, Found]]:
        with torch.inference_mode():
            return [things(np.asarray(picture)) for picture in vae.decode(latent)]

    plain, then = lab.guided(model, **run)
    drawn, _ = lab.guided(model, layout_terms(resized(SMALLER), then), **run)
    for before, after in zip(found(plain), found(drawn), strict=True):
        for name, thing in before.items():
            assert distance(after[name], thing.x, thing.y) < NEAR
        ratios = {name: after[name].area / thing.area for name, thing in before.items()}
        assert abs(ratios["red circle"] - SMALLER**2) < 0.2
        assert abs(ratios["blue square"] - 1) < 0.2
