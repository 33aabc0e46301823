"""Trials on photos, and of recipes that compose a picture from parts of others.

The photos are scenes of the renderer, since the Shapes model knows nothing else.
"""

from random import Random

import numpy as np

from ..shapes.measure import background_colour
from .edits import FACTOR
from .space import APART, fits, radius
from .studio import Studio, call
from .trials import (
    GONE,
    Original,
    Seen,
    Trial,
    colour_of,
    distance,
    largest,
    names,
    off,
    overlap,
    photo,
    place_error,
    prompt,
    right,
    room,
)


def move_in_photo(studio: Studio, rng: Random, seed: int) -> Trial | None:
    """An object of a photo is moved."""
    original = photo(studio, rng, seed)
    thing, other = original.objects
    place = room(rng, radius(thing), [other], thing)
    if place is None:
        return None
    dx, dy = place[0] - thing.x, place[1] - thing.y
    terms = call(
        "SelfGuidanceMoveObject", object=original.names[0], reference=original.record, dx=dx, dy=dy
    )
    asked = f"{original.names[0]} by ({dx:+.2f}, {dy:+.2f})"
    return _edited(studio, original, asked, terms, *place, thing.area)


def resize_in_photo(studio: Studio, rng: Random, seed: int) -> Trial | None:
    """An object of a photo is resized."""
    original = photo(studio, rng, seed)
    thing, other = original.objects
    factor = rng.uniform(*FACTOR)
    if not fits(thing, other, thing.x, thing.y, factor):
        return None
    terms = call(
        "SelfGuidanceResizeObject",
        object=original.names[0],
        reference=original.record,
        scale=factor,
    )
    asked = f"{original.names[0]} x {factor:.2f}"
    return _edited(studio, original, asked, terms, thing.x, thing.y, thing.area * factor)


def _edited(
    studio: Studio,
    original: Original,
    asked: str,
    terms: tuple,
    x: float,
    y: float,
    area: float,
) -> Trial:
    name, other = original.names
    before = studio.shoot(original.prompt, original.seed)
    after = studio.shoot(original.prompt, original.seed, terms)

    def numbers(seen: Seen) -> dict[str, float | bool]:
        found = largest(seen.objects, name.split()[0])
        return {
            **place_error(distance(found, x, y)),
            "area off": off(found, area),
            "shape right": right(seen.objects, name),
        } | _kept(seen, original, other)

    pictures = {"photo": original.image, "before": before.image, "after": after.image}
    return Trial(asked, pictures, numbers(after), numbers(before))


def _kept(seen: Seen, original: Original, name: str) -> dict[str, float | bool]:
    """Changes of an object and of the background of an original, which should be kept."""
    was, now = original.thing(name), largest(seen.objects, name.split()[0])
    shift = background_colour(seen.image) - background_colour(original.image)
    kept = {
        "kept moved": distance(now, was.x, was.y),
        "kept overlap": overlap(now, was.mask),
        "kept colour": GONE,
        "background": float(np.abs(shift).max()),
    }
    if now is not None:
        change = colour_of(seen.image, now) - colour_of(original.image, was)
        kept["kept colour"] = float(np.abs(change).max())
    return kept


def remove_in_photo(studio: Studio, rng: Random, seed: int) -> Trial | None:
    """An object of a photo is removed."""
    original = photo(studio, rng, seed)
    name, other = original.names
    terms = call("SelfGuidanceRemoveObject", object=name, reference=original.record)
    before = studio.shoot(prompt([other]), seed)
    after = studio.shoot(prompt([other]), seed, terms)
    gone = original.thing(name).mask

    def numbers(seen: Seen) -> dict[str, float | bool]:
        place = seen.image[gone].mean(0) - background_colour(original.image)
        return {
            "only the other left": right(seen.objects, other) and len(seen.objects) == 1,
            "its place and the background": float(np.abs(place).max()),
        } | _kept(seen, original, other)

    pictures = {"photo": original.image, "before": before.image, "after": after.image}
    return Trial(f"without the {name}", pictures, numbers(after), numbers(before))


def copy_from_photo(studio: Studio, rng: Random, seed: int) -> Trial | None:
    """An object of a photo is copied into a new scene, to another place."""
    original = photo(studio, rng, seed)
    name = original.names[0]
    thing = original.thing(name)
    place = room(rng, radius(thing), [], thing)
    if place is None:
        return None
    x, y = place
    phrases = [name, *names(rng, 1, original.names)]
    terms = call(
        "SelfGuidanceCopyObject",
        object=name,
        reference=original.record,
        dx=x - thing.x,
        dy=y - thing.y,
    )
    before = studio.shoot(prompt(phrases), seed + 1000)
    after = studio.shoot(prompt(phrases), seed + 1000, terms)

    def numbers(seen: Seen) -> dict[str, float | bool]:
        found = largest(seen.objects, name.split()[0])
        return {
            **place_error(distance(found, x, y)),
            "area off": off(found, thing.area),
            "shape right": right(seen.objects, name),
            "other there": right(seen.objects, phrases[1]),
        }

    pictures = {"photo": original.image, "before": before.image, "after": after.image}
    asked = f"{name} to ({x:.2f}, {y:.2f}) in '{prompt(phrases)}'"
    return Trial(asked, pictures, numbers(after), numbers(before))


def compose(studio: Studio, rng: Random, seed: int) -> Trial | None:
    """The first objects of two photos, each at its place, in one picture."""
    one, two = photo(studio, rng, seed), photo(studio, rng, seed + 500)
    a, b = one.objects[0], two.objects[0]
    apart = np.hypot(a.x - b.x, a.y - b.y)
    if a.colour == b.colour or apart < APART * (radius(a) + radius(b)):
        return None
    phrases = [one.names[0], two.names[0]]
    terms: tuple = ()
    for original, name in ((one, phrases[0]), (two, phrases[1])):
        terms = call("SelfGuidanceCopyObject", object=name, reference=original.record, terms=terms)
    before = studio.shoot(prompt(phrases), seed + 1000)
    after = studio.shoot(prompt(phrases), seed + 1000, terms)

    def numbers(seen: Seen) -> dict[str, float | bool]:
        found = [largest(seen.objects, name.split()[0]) for name in phrases]
        errors = [distance(f, t.x, t.y) for f, t in zip(found, (a, b), strict=True)]
        return {
            **place_error(max(errors)),
            "area off": max(off(f, t.area) for f, t in zip(found, (a, b), strict=True)),
            "shapes right": all(right(seen.objects, name) for name in phrases),
        }

    pictures = {"first": one.image, "second": two.image, "before": before.image}
    return Trial(
        prompt(phrases), {**pictures, "after": after.image}, numbers(after), numbers(before)
    )
