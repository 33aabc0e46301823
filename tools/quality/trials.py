"""Trials of the report: a recipe on one prompt and seed, measured with and without guidance.

The target of a trial can be measured in pixels by `measure`. The unguided picture of the same
prompt and seed is measured in the same way, so that chance is not counted as an effect.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Protocol

import numpy as np
import torch

from ...demo.scenes import COLOURS, SHAPES, SIZE, Thing, caption, coverage, random_scene, render
from ...guidance.record.record import Record
from ..shapes.measure import Found, find_objects
from .space import APART, FRAME, radius
from .studio import Studio, call

Numbers = Mapping[str, float | bool]
TRIES = 8  # seeds that are tried for a picture that shows what its prompt says
GONE = 1.0  # error of an object that is missing
CLOSE = 0.06  # largest error, a fraction of the side, of an object at its target


@dataclass(frozen=True)
class Trial:
    """One application of a recipe.

    Attributes:
        asked: the target, as text.
        pictures: [H, W, 3] in 0..1 by caption, from the reference to the result.
        guided, unguided: measurements with and without the terms; the report shows the share of
            true booleans and the median of numbers.
    """

    asked: str
    pictures: Mapping[str, np.ndarray]
    guided: Numbers
    unguided: Numbers


# Of the studio, the random numbers of a draw and its seed; None if the draw allows no trial.
TrialMaker = Callable[[Studio, Random, int], Trial | None]


@dataclass(frozen=True)
class Original:
    """A picture that shows each named object once, with its record: the original of an edit."""

    image: np.ndarray
    record: Record
    names: tuple[str, ...]
    objects: tuple[Found, ...]
    seed: int

    @property
    def prompt(self) -> str:
        """A prompt that names the objects."""
        return prompt(self.names)

    def thing(self, name: str) -> Found:
        """The object of this name."""
        return self.objects[self.names.index(name)]


def names(rng: Random, count: int = 2, but: Sequence[str] = ()) -> list[str]:
    """Phrases that share no colour or shape with each other or with those in `but`."""
    used = {word for name in but for word in name.split()}
    colours = rng.sample([c for c in COLOURS if c not in used], count)
    shapes = [s for s in SHAPES if s not in used]
    shapes = shapes if len(shapes) >= count else list(SHAPES)
    return [f"{c} {s}" for c, s in zip(colours, rng.sample(shapes, count), strict=True)]


def prompt(phrases: Sequence[str]) -> str:
    """The phrases as a prompt: 'a red circle and an orange star'."""
    return " and ".join(f"{'an' if p.startswith('orange') else 'a'} {p}" for p in phrases)


def sampled(
    studio: Studio, phrases: Sequence[str], seed: int, width: int = SIZE, height: int = SIZE
) -> Original | None:
    """A picture of the model with exactly these objects; None if `TRIES` seeds show no such one."""
    for offset in range(TRIES):
        shot = studio.shoot(prompt(phrases), seed + offset, width=width, height=height)
        found = _each(shot.objects, phrases)
        if found is not None:
            return Original(shot.image, shot.record, tuple(phrases), found, seed + offset)
    return None


def photo(studio: Studio, rng: Random, seed: int, count: int = 2) -> Original:
    """A rendered scene in place of a photo, with its record."""
    while True:
        scene = random_scene(rng, count)
        phrases = tuple(f"{thing.colour} {thing.shape}" for thing in scene.things)
        image = render(scene).astype(np.float32) / 255
        found = _each(find_objects(image), phrases)
        if found is not None and len({thing.colour for thing in scene.things}) == count:
            seen = record(studio, image, caption(scene), seed)
            return Original(image, seen, phrases, found, seed)


def record(studio: Studio, image: np.ndarray, text: str, seed: int) -> Record:
    """The record of a picture [H, W, 3] in 0..1 with the caption `text`."""
    with torch.inference_mode():
        latent = studio.vae.encode(torch.from_numpy(image)[None])
    return call(
        "SelfGuidanceRecordImage",
        model=studio.model,
        positive=studio.encode(text),
        latent_image={"samples": latent},
        seed=seed,
    )


class Seen(Protocol):
    """A picture and its objects: an `Original` or a `studio.Shot`."""

    @property
    def image(self) -> np.ndarray:
        """The picture, [H, W, 3] in 0..1."""

    @property
    def objects(self) -> Sequence[Found]:
        """The objects that are visible in it."""


def _each(found: Sequence[Found], phrases: Sequence[str]) -> tuple[Found, ...] | None:
    matches = [[f for f in found if f"{f.colour} {f.shape}" == p] for p in phrases]
    once = len(found) == len(phrases) and all(len(m) == 1 for m in matches)
    return tuple(m[0] for m in matches) if once else None


def largest(objects: Sequence[Found], colour: str) -> Found | None:
    """The largest object of a colour; None if there is none."""
    return next((found for found in objects if found.colour == colour), None)


def distance(found: Found | None, x: float, y: float) -> float:
    """Distance of an object from a point, as a fraction of the side; `GONE` if it is missing."""
    return GONE if found is None else float(np.hypot(found.x - x, found.y - y))


def place_error(error: float) -> dict[str, float | bool]:
    """The report's numbers for the distance of an object from its target."""
    return {"error": error, f"within {CLOSE}": error <= CLOSE}


def overlap(found: Found | None, mask: np.ndarray) -> float:
    """Intersection over union of an object and a mask [H, W]; 0 if the object is missing."""
    return 0.0 if found is None else float((found.mask & mask).sum() / (found.mask | mask).sum())


def off(found: Found | None, area: float) -> float:
    """Relative error of an object's area; `GONE` if the object is missing."""
    return GONE if found is None else abs(found.area / area - 1)


def right(objects: Sequence[Found], name: str) -> bool:
    """Whether there is exactly one object of this colour, and it has the right shape."""
    colour, shape = name.split()
    return [f.shape for f in objects if f.colour == colour] == [shape]


def colour_of(image: np.ndarray, found: Found) -> np.ndarray:
    """Mean RGB of an object, [3]."""
    return image[found.mask].mean(0)


def room(
    rng: Random, own: float, others: Sequence[Found], far: Found | None = None
) -> tuple[float, float] | None:
    """A random point (x, y) in [0, 1] with room for an object; None if no draw has room.

    Args:
        rng: draws the point.
        own: radius of the object, as a fraction of the side.
        others: objects that it must not touch.
        far: an object whose centre must be at least 0.15 of the side away.
    """
    for _ in range(200):
        x, y = (rng.uniform(FRAME * own, 1 - FRAME * own) for _ in "xy")
        gaps = [np.hypot(o.x - x, o.y - y) / (own + radius(o)) for o in others]
        away = far is None or np.hypot(far.x - x, far.y - y) > 0.15
        if away and min(gaps, default=9) > APART:
            return x, y
    return None


def drawn_mask(name: str, x: float, y: float, radius: float) -> np.ndarray:
    """Mask [H, W] of the shape in a phrase, at (x, y) in [0, 1] and with a radius in pixels."""
    colour, shape = name.split()
    return coverage(Thing(colour, shape, x, y, radius), SIZE, SIZE) > 0.5


def as_mask(mask: np.ndarray) -> torch.Tensor:
    """A mask [H, W] as ComfyUI's MASK [1, H, W]."""
    return torch.from_numpy(np.asarray(mask, dtype=np.float32))[None]
