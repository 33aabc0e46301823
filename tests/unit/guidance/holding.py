"""Toy runs with a picture, and what hold terms make of a prediction."""

import torch
from selfguidance.guidance.maps.affine import Affine
from selfguidance.guidance.maps.properties import Properties
from selfguidance.guidance.record.record import Record
from selfguidance.guidance.terms.base import HoldTerm
from selfguidance.guidance.terms.hold import HoldMask, HoldRest
from selfguidance.tests.unit.guidance.toys import TABLE, always, record, seen
from torch import Tensor

GRID = (8, 16)


def box(rows: slice, columns: slice, grid: tuple[int, int] = GRID) -> Tensor:
    maps = torch.zeros(grid)
    maps[rows, columns] = 1.0
    return maps


OBJECT = box(slice(3, 5), slice(2, 4))
AWAY = box(slice(3, 5), slice(10, 12))
MOVE = Affine(dx=8 / 16)
# both places, each with a margin of one cell
FREE = torch.maximum(box(slice(2, 6), slice(1, 5)), box(slice(2, 6), slice(9, 13)))


def random(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def run(*maps: Tensor, sigma: float = 1.0, latent: Tensor | None = None) -> Properties:
    """A pass with the object's map by site and a picture."""
    batch = len(maps[0]) if maps[0].ndim == 3 else 1
    latent = random(0, batch, 4, *GRID) if latent is None else latent
    return seen(*maps, sigma=sigma, denoised=latent)


def kept(reference: Record, **options) -> HoldRest:
    return HoldRest(object="circle", reference=reference, **options)


def hold(
    *terms: HoldTerm, now: Tensor, sigma: float = 1.0, strength: float = 1.0
) -> tuple[Tensor, dict[str, Tensor]]:
    return always(*terms, strength=strength).at(sigma, TABLE).held(now)


def masked(mask: Tensor, then: Tensor, **options) -> HoldMask:
    """What a mask marks is held as in a picture."""
    return HoldMask(mask=mask, reference=record(run(OBJECT, latent=then)), **options)
