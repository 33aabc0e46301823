"""Trials of moves in pictures that are not square."""

from random import Random

import numpy as np

from ..shapes.measure import Found
from .edits import DISTANCE
from .space import APART, FRAME
from .studio import Studio, call
from .trials import Seen, Trial, distance, largest, names, overlap, place_error, right, sampled

TRIES = 100


def move_wide(studio: Studio, rng: Random, seed: int) -> Trial | None:
    """A move along the long side of 256 x 128 pixels."""
    return _moved(studio, rng, seed, width=256, height=128)


def move_tall(studio: Studio, rng: Random, seed: int) -> Trial | None:
    """A move along the long side of 128 x 256 pixels."""
    return _moved(studio, rng, seed, width=128, height=256)


def _moved(studio: Studio, rng: Random, seed: int, width: int, height: int) -> Trial | None:
    original = sampled(studio, names(rng), seed, width=width, height=height)
    if original is None:
        return None
    name, other = original.names
    offset = _offset(rng, original.objects[0], original.objects[1], width, height)
    if offset is None:
        return None
    dx, dy = offset
    x, y = original.objects[0].x + dx, original.objects[0].y + dy
    terms = call("SelfGuidanceMoveObject", object=name, reference=original.record, dx=dx, dy=dy)
    after = studio.shoot(original.prompt, original.seed, terms, width=width, height=height)

    def numbers(seen: Seen) -> dict[str, float | bool]:
        found = largest(seen.objects, name.split()[0])
        error = distance(found, x, y)
        kept = largest(seen.objects, other.split()[0])
        return {
            **place_error(error),
            "shape right": right(seen.objects, name),
            "kept overlap": overlap(kept, original.objects[1].mask),
        }

    pictures = {"before": original.image, "after": after.image}
    return Trial(f"{name} by ({dx:+.2f}, {dy:+.2f})", pictures, numbers(after), numbers(original))


def _offset(
    rng: Random, thing: Found, other: Found, width: int, height: int
) -> tuple[float, float] | None:
    """A random displacement along the long side to a place with room; None if no draw has room."""
    radius = float(np.sqrt(thing.area * width * height / np.pi))
    reach = APART * (radius + np.sqrt(other.area * width * height / np.pi))
    for _ in range(TRIES):
        shift = rng.choice((-1, 1)) * rng.uniform(*DISTANCE)
        dx, dy = (shift, 0.0) if width > height else (0.0, shift)
        x, y = (thing.x + dx) * width, (thing.y + dy) * height
        inside = FRAME * radius < min(x, y, width - x, height - y)
        if inside and np.hypot(x - other.x * width, y - other.y * height) > reach:
            return dx, dy
    return None
