"""The example workflows that edit photos, compose, or place by mask and box do what they say."""

from typing import Any

import numpy as np
import pytest
from scipy import ndimage
from selfguidance.tests.host.gallery import (
    NEAR,
    background_shift,
    colour,
    distance,
    marked,
    node,
    overlap,
    things,
)
from selfguidance.tools.shapes.measure import find_objects


def test_each_object_stands_as_in_its_own_picture(shown: Any) -> None:
    pictures = shown("compose_from_two_pictures")
    after = things(pictures["Composed"])
    names = []
    for source in ("First picture", "Second picture"):
        asked = node("compose_from_two_pictures", "SelfGuidanceCopyObject", source.lower())
        was = things(pictures[source])[asked["object"]]
        now = after[asked["object"]]
        assert distance(now, was.x, was.y) < NEAR
        assert now.area / was.area == pytest.approx(1, abs=0.25)
        names.append(asked["object"])
    assert sorted(after) == sorted(names)


def test_the_copied_object_stands_where_it_was_asked_to(shown: Any) -> None:
    asked = node("copy_object_from_a_photo", "SelfGuidanceCopyObject")
    pictures = shown("copy_object_from_a_photo")
    was, after = things(pictures["Photo"])[asked["object"]], things(pictures["Copied"])
    assert sorted(after) == sorted(things(pictures["Without guidance"]))
    now = after[asked["object"]]
    assert distance(now, was.x + asked["dx"], was.y + asked["dy"]) < NEAR
    assert now.area / was.area == pytest.approx(asked["scale"], rel=0.25)


def test_the_object_of_the_photo_moved_and_the_rest_of_the_photo_stayed(shown: Any) -> None:
    asked = node("move_object_in_a_photo", "SelfGuidanceMoveObject")
    pictures = shown("move_object_in_a_photo")
    before, after = things(pictures["Photo"]), things(pictures["Moved"])
    assert sorted(before) == sorted(after)
    was, now = before.pop(asked["object"]), after.pop(asked["object"])
    assert distance(now, was.x + asked["dx"], was.y + asked["dy"]) < NEAR
    assert now.area / was.area == pytest.approx(1, abs=0.2)
    assert all(overlap(before[name].mask, after[name].mask) > 0.8 for name in before)
    assert background_shift(pictures["Photo"], pictures["Moved"]) < 0.02


def test_the_removed_object_is_gone_and_the_rest_of_the_photo_stayed(shown: Any) -> None:
    asked = node("remove_object_from_a_photo", "SelfGuidanceRemoveObject")["object"]
    pictures = shown("remove_object_from_a_photo")
    before, after = things(pictures["Photo"]), things(pictures["Removed"])
    gone = before.pop(asked)
    assert sorted(before) == sorted(after)
    assert all(overlap(before[name].mask, after[name].mask) > 0.8 for name in before)
    assert background_shift(pictures["Photo"], pictures["Removed"]) < 0.02
    around = ndimage.binary_dilation(gone.mask, iterations=6) & ~ndimage.binary_dilation(
        gone.mask, iterations=3
    )
    filled, beside = (colour(pictures["Removed"], mask) for mask in (gone.mask, around))
    assert np.abs(filled - beside).max() < 0.03


def test_the_object_fills_the_mask(shown: Any) -> None:
    name = node("place_by_mask", "SelfGuidanceMask")["object"]
    pictures = shown("place_by_mask")
    free, after = things(pictures["Without guidance"]), things(pictures["Placed"])
    mask = marked(pictures["Mask"])
    assert sorted(free) == sorted(after)
    assert overlap(after[name].mask, mask) > 0.75
    assert overlap(free[name].mask, mask) < 0.3


def test_the_object_found_by_a_head_goes_into_the_mask(shown: Any) -> None:
    name = node("place_with_a_fitted_head", "SelfGuidanceMask")["object"]
    pictures = shown("place_with_a_fitted_head")
    free, after = things(pictures["Without guidance"]), things(pictures["Placed"])
    asked = marked(pictures["Asked"])
    for example, mask in (("First example", "Mask 1"), ("Second example", "Mask 2")):
        assert overlap(things(pictures[example])[name].mask, marked(pictures[mask])) > 0.9
    assert sorted(free) == sorted(after)
    assert overlap(after[name].mask, asked) > 0.6  # a circle covers 0.79 of its square
    assert overlap(free[name].mask, asked) < 0.3


def test_all_but_the_region_stays(shown: Any) -> None:
    pictures = shown("preserve_a_region")
    region = marked(pictures["May change"])
    new = node("preserve_a_region", "SelfGuidanceMask", "new object")["object"]
    kept = ~ndimage.binary_dilation(region, iterations=4)
    reference, free, after = (
        pictures[title] for title in ("Reference", "Without guidance", "The rest preserved")
    )
    assert np.abs(after - reference)[kept].mean() < 0.015
    assert np.abs(free - reference)[kept].mean() > 0.05
    assert new not in things(reference)
    assert overlap(things(after)[new].mask, region) > 0.5


@pytest.mark.parametrize("which", ["first", "second"])
def test_each_object_lies_in_its_box_and_fills_it(shown: Any, which: str) -> None:
    asked = node("boxes_and_presence", "SelfGuidanceBox", which)
    pictures = shown("boxes_and_presence")
    after = things(pictures["In their boxes"])
    mask = after[asked["object"]].mask
    height, width = mask.shape
    left, top = asked["x"] * width, asked["y"] * height
    box = np.zeros_like(mask)
    box[
        round(top) : round(top + asked["height"] * height),
        round(left) : round(left + asked["width"] * width),
    ] = True
    assert len(after) == 2
    assert (mask & box).sum() / mask.sum() > 0.85
    assert (mask & box).sum() / box.sum() > 0.6
    free = find_objects(pictures["Without guidance"])
    assert max((overlap(thing.mask, mask) for thing in free), default=0) < 0.5
