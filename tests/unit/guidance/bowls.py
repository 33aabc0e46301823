"""A toy term with known energy and gradient, and a toy model whose maps are its input."""

from dataclasses import dataclass

import torch
from selfguidance.guidance.acting import Acting
from selfguidance.guidance.maps.properties import Properties
from selfguidance.guidance.terms.base import EnergyTerm, Term
from selfguidance.tests.unit.guidance.toys import SITE, TABLE, always
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Bowl(EnergyTerm):
    """Half the squared distance of the map from a level; the gradient is their difference."""

    level: float = 0.0
    factor: float = 1.0

    def __call__(self, seen: Properties) -> Tensor:
        (shown,) = seen.map(self.object)
        return self.factor * (shown - self.level).square().sum((1, 2)) / 2


def shown(x: Tensor, sigma: float = 1.0) -> Properties:
    """The properties of a pass of the toy model with input x, [B, 3, H, W]."""
    return Properties(sigma, TABLE, {SITE: x})


def inputs(batch: int = 2, seed: int = 0) -> Tensor:
    """Random inputs of the toy model, [B, 3, 2, 4]."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, 3, 2, 4, generator=generator).requires_grad_()


def acting(*terms: Term, strength: float = 1.0, raw: bool = False) -> Acting:
    """The terms that act in a model call with the prompt of `TABLE`."""
    return always(*terms, strength=strength, raw=raw).at(1.0, TABLE)
