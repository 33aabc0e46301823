"""The edits of the report: objects and targets, drawn by a fixed rule and not chosen by hand."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from ..shapes.measure import Found
from .space import fits
from .studio import Shot, Studio

PROMPTS = (
    "a red circle and a blue square",
    "a yellow star and a purple heart",
    "a green triangle and an orange circle",
    "a blue heart and a red star",
    "a purple square and a green circle",
    "an orange triangle and a yellow square",
    "a red heart and a green star",
    "a blue circle and a yellow triangle",
)
DISTANCE = (0.15, 0.4)  # fractions of the side
FACTOR = (0.5, 1.8)  # times the area
TRIES = 200


@dataclass(frozen=True)
class Edit:
    """One edit of an unguided picture: `thing` moves to (x, y) and gets `factor` times its area."""

    prompt: str
    object: str
    seed: int
    before: Shot
    thing: Found
    x: float
    y: float
    factor: float = 1.0

    @property
    def offset(self) -> tuple[float, float]:
        """The displacement (x, y) of the edit, as fractions of the side."""
        return self.x - self.thing.x, self.y - self.thing.y


def edits(studio: Studio, kind: str, seeds: int, **run: Any) -> Iterator[Edit | None]:
    """Edits of the first object of every prompt; None for a seed without an edit.

    A seed has an edit if its unguided picture shows each of the two objects exactly once, because
    otherwise it is undefined what to move and what to keep, and if there is room at the target.

    Args:
        studio: draws the unguided pictures.
        kind: "move" or "resize".
        seeds: number of edits of each prompt.
        run: inputs of the KSampler.
    """
    rng = Random(f"{kind} {sorted(run.items())}")
    for prompt in PROMPTS:
        wanted, seed = seeds, 0
        while wanted:
            before = studio.shoot(prompt, seed, **run)
            edit = _edit(rng, kind, prompt, seed, before, vertical=bool(wanted % 2))
            wanted -= edit is not None
            seed += 1
            yield edit


def _edit(
    rng: Random, kind: str, prompt: str, seed: int, before: Shot, vertical: bool
) -> Edit | None:
    names = before.record.table.objects
    found = [[f for f in before.objects if name == f"{f.colour} {f.shape}"] for name in names]
    if len(before.objects) != len(names) or any(len(f) != 1 for f in found):
        return None
    thing, other = found[0][0], found[1][0]
    if kind == "resize":
        factor = rng.uniform(*FACTOR)
        if not fits(thing, other, thing.x, thing.y, factor):
            return None
        return Edit(prompt, names[0], seed, before, thing, thing.x, thing.y, factor)
    for _ in range(TRIES):
        distance = rng.choice((-1, 1)) * rng.uniform(*DISTANCE)
        x, y = thing.x + distance * (not vertical), thing.y + distance * vertical
        if fits(thing, other, x, y):
            return Edit(prompt, names[0], seed, before, thing, x, y)
    return None
