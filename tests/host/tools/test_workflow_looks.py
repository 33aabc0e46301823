"""The example workflows that take the layout or the look of a reference do what they say."""

from typing import Any

import numpy as np
import pytest
from selfguidance.tests.host.gallery import NEAR, colour, distance, node, pairs, things

SAME_COLOUR = 0.2  # of a unit cube; the nearest two colours of the model are 0.46 apart


def of_shape(picture: np.ndarray, shape: str) -> Any:
    """The one thing of a shape, whatever its colour."""
    (found,) = [thing for thing in things(picture).values() if thing.shape == shape]
    return found


def colour_distance(picture: np.ndarray, thing: Any, other: np.ndarray, model: Any) -> float:
    return float(np.linalg.norm(colour(picture, thing.mask) - colour(other, model.mask)))


def test_new_objects_stand_where_those_of_the_reference_stood(shown: Any) -> None:
    asked = pairs(node("keep_layout_change_look", "SelfGuidanceImage")["objects"])
    pictures = shown("keep_layout_change_look")
    before = things(pictures["Reference"])
    free, after = things(pictures["Without guidance"]), things(pictures["With its layout"])
    assert sorted(before) == sorted(asked)
    assert sorted(free) == sorted(after) == sorted(asked.values())
    for old, new in asked.items():
        was, now = before[old], after[new]
        assert distance(now, was.x, was.y) < NEAR
        assert now.area / was.area == pytest.approx(1, abs=0.3)
        assert distance(free[new], was.x, was.y) > 2 * NEAR


def test_new_objects_have_the_colours_of_the_reference(shown: Any) -> None:
    asked = pairs(node("keep_look_change_layout", "SelfGuidanceImage")["objects"])
    pictures = shown("keep_look_change_layout")
    reference, after = pictures["Reference"], pictures["With its look"]
    before = things(reference)
    for old, shape in asked.items():
        was, now = before[old], of_shape(after, shape)
        free = of_shape(pictures["Without guidance"], shape)
        assert now.colour == was.colour != free.colour
        assert colour_distance(after, now, reference, was) < SAME_COLOUR
        assert distance(now, was.x, was.y) > 2 * NEAR


def test_the_layout_is_that_of_one_and_the_look_that_of_the_other(shown: Any) -> None:
    name = "layout_of_one_look_of_another"
    layout = pairs(node(name, "SelfGuidanceImage", "layout")["objects"])
    pictures = shown(name)
    stands, looks = things(pictures["Layout"]), things(pictures["Look"])
    free, after = things(pictures["Without guidance"]), things(pictures["Layout and look"])
    assert sorted(free) == sorted(after) == sorted(looks) == sorted(layout.values())
    for old, new in layout.items():
        was, now = stands[old], after[new]
        assert distance(now, was.x, was.y) < NEAR
        assert now.area / was.area == pytest.approx(1, abs=0.3)
        assert distance(free[new], was.x, was.y) > 2 * NEAR
        picture, look = pictures["Layout and look"], pictures["Look"]
        assert colour_distance(picture, now, look, looks[new]) < SAME_COLOUR / 2


def test_the_object_has_the_look_of_the_feature(shown: Any) -> None:
    name = "look_from_a_feature"
    asked = node(name, "SelfGuidanceFeature")["object"]
    shape = node(name, "SelfGuidanceAppearance")["object"]
    pictures = shown(name)
    model = things(pictures["Photo"])[asked]
    now, free = (of_shape(pictures[t], shape) for t in ("With the look", "Without guidance"))
    assert now.colour == model.colour != free.colour
    assert colour_distance(pictures["With the look"], now, pictures["Photo"], model) < SAME_COLOUR
    assert len(things(pictures["With the look"])) == 2
