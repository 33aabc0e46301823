"""What the report tries: one recipe, one prompt and seed, with its picture before and after.

A trial asks for something that can be measured in pixels by `measure`, and measures the same of an
unguided picture with the same prompt and seed, so that an effect cannot be luck.
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
TRIES = 8  # seeds for a reference that shows what its prompt says
GONE = 1.0  # the error of an object that is not there
CLOSE = 0.06  # of the side: up to this error an object counts as being at its target


@dataclass(frozen=True)
class Trial:
    """One try of a recipe.

    Attributes:
        asked: what was asked for, in words.
        pictures: [H, W, 3] in 0..1 by caption, from the reference to the result.
        guided, unguided: what was measured with and without the terms; shares are booleans.
    """

    asked: str
    pictures: Mapping[str, np.ndarray]
    guided: Numbers
    unguided: Numbers


# studio, random numbers of this try, its number; None where the draw allows no trial
Kind = Callable[[Studio, Random, int], Trial | None]


@dataclass(frozen=True)
class Source:
    """A picture that shows each named object once, and what the model saw in it."""

    image: np.ndarray
    record: Record
    names: tuple[str, ...]
    objects: tuple[Found, ...]
    seed: int

    @property
    def prompt(self) -> str:
        """A prompt that names its objects."""
        return prompt(self.names)

    def thing(self, name: str) -> Found:
        """The object of this name."""
        return self.objects[self.names.index(name)]


def names(rng: Random, count: int = 2, but: Sequence[str] = ()) -> list[str]:
    """Phrases of different colours and shapes, none with a colour or a shape of those in `but`."""
    used = {word for name in but for word in name.split()}
    colours = rng.sample([c for c in COLOURS if c not in used], count)
    shapes = [s for s in SHAPES if s not in used]
    shapes = shapes if len(shapes) >= count else list(SHAPES)
    return [f"{c} {s}" for c, s in zip(colours, rng.sample(shapes, count), strict=True)]


def prompt(phrases: Sequence[str]) -> str:
    """'a red circle and an orange star'."""
    return " and ".join(f"{'an' if p.startswith('orange') else 'a'} {p}" for p in phrases)


def drawn(
    studio: Studio, phrases: Sequence[str], seed: int, width: int = SIZE, height: int = SIZE
) -> Source | None:
    """A run of the model that shows exactly what its prompt says; None if no seed in a row does."""
    for offset in range(TRIES):
        shot = studio.shoot(prompt(phrases), seed + offset, width=width, height=height)
        found = _each(shot.objects, phrases)
        if found is not None:
            return Source(shot.image, shot.record, tuple(phrases), found, seed + offset)
    return None


def photo(studio: Studio, rng: Random, seed: int, count: int = 2) -> Source:
    """A rendered scene, which stands for a real picture, recorded with its caption."""
    while True:
        scene = random_scene(rng, count)
        phrases = tuple(f"{thing.colour} {thing.shape}" for thing in scene.things)
        image = render(scene).astype(np.float32) / 255
        found = _each(find_objects(image), phrases)
        if found is not None and len({thing.colour for thing in scene.things}) == count:
            seen = record(studio, image, caption(scene), seed)
            return Source(image, seen, phrases, found, seed)


def record(studio: Studio, image: np.ndarray, text: str, seed: int) -> Record:
    """What the model sees in a picture [H, W, 3]."""
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
    """A picture and what stands in it, largest first: a `Source` or a `studio.Shot`."""

    @property
    def image(self) -> np.ndarray:
        """[H, W, 3] in 0..1."""

    @property
    def objects(self) -> Sequence[Found]:
        """What stands in it."""


def _each(found: Sequence[Found], phrases: Sequence[str]) -> tuple[Found, ...] | None:
    matches = [[f for f in found if f"{f.colour} {f.shape}" == p] for p in phrases]
    once = len(found) == len(phrases) and all(len(m) == 1 for m in matches)
    return tuple(m[0] for m in matches) if once else None


def largest(objects: Sequence[Found], colour: str) -> Found | None:
    """The largest object of a colour."""
    return next((found for found in objects if found.colour == colour), None)


def distance(found: Found | None, x: float, y: float) -> float:
    """How far an object stands from a point, as a fraction of the side."""
    return GONE if found is None else float(np.hypot(found.x - x, found.y - y))


def place_error(error: float) -> dict[str, float | bool]:
    """Rows of the report for the distance of an object from its target."""
    return {"error": error, f"within {CLOSE}": error <= CLOSE}


def overlap(found: Found | None, mask: np.ndarray) -> float:
    """Intersection over union of an object with a mask [H, W]."""
    return 0.0 if found is None else float((found.mask & mask).sum() / (found.mask | mask).sum())


def off(found: Found | None, area: float) -> float:
    """By what share an object's area misses the asked one."""
    return GONE if found is None else abs(found.area / area - 1)


def right(objects: Sequence[Found], name: str) -> bool:
    """Whether the object is there once, in its own colour and shape."""
    colour, shape = name.split()
    return [f.shape for f in objects if f.colour == colour] == [shape]


def colour_of(image: np.ndarray, found: Found) -> np.ndarray:
    """Mean RGB of an object, [3]."""
    return image[found.mask].mean(0)


def room(
    rng: Random, own: float, others: Sequence[Found], far: Found | None = None
) -> tuple[float, float] | None:
    """A point (x, y) in [0, 1] with room for an object, or None where none is drawn in time.

    Args:
        rng: draws the point.
        own: radius of the object, as a fraction of the side.
        others: objects that the object must not touch.
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
    """Where a thing of this name would stand, [H, W]; radius in pixels."""
    colour, shape = name.split()
    return coverage(Thing(colour, shape, x, y, radius), SIZE, SIZE) > 0.5


def as_mask(mask: np.ndarray) -> torch.Tensor:
    """A mask [H, W] as ComfyUI's MASK [1, H, W]."""
    return torch.from_numpy(np.asarray(mask, dtype=np.float32))[None]
