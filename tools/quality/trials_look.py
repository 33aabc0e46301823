"""Trials of terms and recipes that set the appearance of objects.

The prompt does not name the colour of the object ("a circle and a blue square"), as if a user
wanted the appearance of another picture. Measured is the mean colour of the object's pixels.
"""

from random import Random
from typing import Any

import numpy as np

from ..shapes.measure import Found, background_colour
from .studio import Shot, Studio, call
from .trials import (
    Original,
    Trial,
    as_mask,
    colour_of,
    distance,
    names,
    photo,
    place_error,
    prompt,
    right,
    sampled,
)

Inputs = dict[str, Any]


def appearance(studio: Studio, rng: Random, seed: int) -> Trial | None:
    """The appearance of an object in another run, by the Appearance term."""
    original = sampled(studio, names(rng), seed)
    if original is None:
        return None
    return _look(studio, rng, seed, original, reference=original.record)


def feature(studio: Studio, rng: Random, seed: int) -> Trial | None:
    """The appearance in a Feature, which is read from a masked region of a photo."""
    original = photo(studio, rng, seed)
    vector = call(
        "SelfGuidanceFeature",
        record=original.record,
        object="",
        mask=as_mask(original.objects[0].mask),
    )
    return _look(studio, rng, seed, original, feature=vector)


def _look(
    studio: Studio, rng: Random, seed: int, original: Original, **target: Any
) -> Trial | None:
    """An object without colour word gets the appearance of the original's first object."""
    model, other = original.names[0], names(rng, 1, original.names)[0]
    shape = model.split()[1]
    text = f"a {shape} and {prompt([other])}"
    before = studio.shoot(text, seed + 1000)
    if _open(before.objects, other, shape) is None:
        return None
    inputs: Inputs = {"reference_object": model} if "reference" in target else {}
    terms = call("SelfGuidanceAppearance", object=shape, **target, **inputs)
    after = studio.shoot(text, seed + 1000, terms)
    wanted = colour_of(original.image, original.thing(model))
    pictures = {"reference": original.image, "before": before.image, "after": after.image}
    numbers = [_numbers(shot, before, wanted, other, shape) for shot in (after, before)]
    return Trial(f"'{text}' with the look of the {model}", pictures, *numbers)


def _open(objects: list[Found], other: str, shape: str) -> Found | None:
    """The object without colour word: the largest that has not the colour of `other`."""
    rest = [found for found in objects if found.colour != other.split()[0]]
    alike = [found for found in rest if found.shape == shape]
    return next(iter(alike or rest), None)


def _numbers(
    shot: Shot, before: Shot, wanted: np.ndarray, other: str, shape: str
) -> dict[str, float | bool]:
    found, first = _open(shot.objects, other, shape), _open(before.objects, other, shape)
    start = colour_of(before.image, first) if first else background_colour(before.image)
    now = colour_of(shot.image, found) if found else background_colour(shot.image)
    whole = float(np.linalg.norm(wanted - start))
    left = float(np.linalg.norm(wanted - now))
    return {
        "colour distance": left,
        "share of the way": 1 - left / max(whole, 1e-6),
        "shape right": found is not None and found.shape == shape,
        "other there": right(shot.objects, other),
    }


def layout_and_look(studio: Studio, rng: Random, seed: int) -> Trial | None:
    """The layout of one run, with the appearance of one object from another run."""
    places = sampled(studio, names(rng), seed)
    looks = sampled(studio, names(rng), seed + 500)
    if places is None or looks is None:
        return None
    shape, other = places.names[0].split()[1], places.names[1]
    text = f"a {shape} and {prompt([other])}"
    terms = _image(places, {shape: places.names[0], other: other}, layout=1.0, appearance=0.0)
    terms += _image(looks, {shape: looks.names[0]}, layout=0.0, appearance=1.0)
    before = studio.shoot(text, seed + 1000)
    after = studio.shoot(text, seed + 1000, terms)
    place, wanted = places.objects[0], colour_of(looks.image, looks.objects[0])

    def numbers(shot: Shot) -> dict[str, float | bool]:
        found = _open(shot.objects, other, shape)
        now = background_colour(shot.image) if found is None else colour_of(shot.image, found)
        return {
            **place_error(distance(found, place.x, place.y)),
            "colour distance": float(np.linalg.norm(wanted - now)),
            "other there": right(shot.objects, other),
        }

    pictures = {"layout": places.image, "look": looks.image, "before": before.image}
    asked = f"'{text}' laid out as '{places.prompt}', the {shape} like the {looks.names[0]}"
    return Trial(asked, {**pictures, "after": after.image}, numbers(after), numbers(before))


def _image(original: Original, pairs: dict[str, str], **weights: float) -> tuple:
    objects = ", ".join(f"{ours} = {theirs}" for ours, theirs in pairs.items())
    return call("SelfGuidanceImage", reference=original.record, objects=objects, **weights)
