"""A toy term whose energy and gradient are known in closed form, and passes of a toy model."""

from dataclasses import dataclass

import torch
from selfguidance.guidance.acting import Acting
from selfguidance.guidance.maps.properties import Properties
from selfguidance.guidance.terms.base import EnergyTerm, Term
from selfguidance.tests.unit.guidance.toys import SITE, TABLE, always
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Bowl(EnergyTerm):
    """Half the squared distance of the map to a level; its gradient is their difference."""

    level: float = 0.0
    factor: float = 1.0

    def __call__(self, seen: Properties) -> Tensor:
        (shown,) = seen.map(self.object)
        return self.factor * (shown - self.level).square().sum((1, 2)) / 2


def shown(x: Tensor, sigma: float = 1.0) -> Properties:
    """A pass of a model whose maps are its input."""
    return Properties(sigma, TABLE, {SITE: x})


def inputs(batch: int = 2, seed: int = 0) -> Tensor:
    """Inputs of that model, [B, 3, 2, 4]."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, 3, 2, 4, generator=generator).requires_grad_()


def acting(*terms: Term, strength: float = 1.0, raw: bool = False) -> Acting:
    """What terms do in a call whose prompt is that of `TABLE`."""
    return always(*terms, strength=strength, raw=raw).at(1.0, TABLE)
