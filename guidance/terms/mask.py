"""Mask guidance: an object goes where a mask is.

A segmentation is computed from the attention maps, without training: a softmax over the objects of
the prompt and the background at every cell. The energy is its cross-entropy with the mask. Not in
the paper; a fitted head can replace the maps.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from ..families import Family
from ..head.head import Head, check_head
from ..maps.attention import normalised
from ..maps.masks import placing
from ..maps.properties import Properties, centroid, resample
from .base import EnergyTerm
from .checks import check_mask

# s of the paper's sharpening (arXiv 2306.00986, section 3): logits are from -s / 2 to s / 2.
STEEPNESS = 10.0


def logits(seen: Properties, name: str) -> tuple[Tensor, ...]:
    """Log-odds that a cell shows the object, at every site, each [B, H, W].

    Every object has the logit s (N(A) - 0.5), which is that of the paper's sigmoid before its
    second normalisation; the background has 0. The log-odds of one class of a softmax are its logit
    less the log-sum-exp of the others.
    """
    rivals = seen.table.others(name)
    result = []
    for index in range(len(seen.maps)):
        here = STEEPNESS * (normalised(seen.map(name)[index]) - 0.5)
        others = [torch.zeros_like(here)]
        others += [STEEPNESS * (normalised(seen.map(o)[index]) - 0.5) for o in rivals]
        result.append(here - torch.stack(others).logsumexp(0))
    return tuple(result)


@dataclass(frozen=True, kw_only=True)
class Mask(EnergyTerm):
    """Mean cross-entropy of the object's segmentation with a mask, over the picture and the sites.

    All cells have the same weight. With equal weights of the mask's inside and outside, whatever
    its size, objects became a cell too large on every side.

    Attributes:
        mask: [B or 1, H, W] in [0, 1] of any size, divided by its peak, see `masks.outline`;
            values are target probabilities.

    Raises:
        ValueError: a mask that is not finite, or in some picture empty or without room around it.
    """

    mask: Tensor

    def __post_init__(self) -> None:
        object.__setattr__(self, "mask", placing(self.mask, self.object))

    def goal(self, seen: Properties) -> Tensor:
        """Centroid of the mask."""
        return centroid(self.mask.cpu())

    def check(self, family: Family, batch: int) -> None:
        """See `Term`; and a mask of another batch size."""
        super().check(family, batch)
        check_mask(self.label, self.mask, batch)

    def logits(self, seen: Properties) -> tuple[Tensor, ...]:
        """Log-odds that a cell shows the object, one map [B, H, W] for every site."""
        return logits(seen, self.object)

    def __call__(self, seen: Properties) -> Tensor:
        """See `EnergyTerm`."""
        values = []
        for logit in self.logits(seen):
            # a copy, as a mask that is not resampled is an inference tensor of a node
            wanted = resample(self.mask[:, None].to(logit), *logit.shape[-2:])[:, 0].clone()
            # of a logit l: -log p is softplus(-l), -log(1 - p) is softplus(l)
            loss = wanted * F.softplus(-logit) + (1 - wanted) * F.softplus(logit)
            values.append(loss.mean((-2, -1)))
        return torch.stack(values).mean(0)


@dataclass(frozen=True, kw_only=True)
class HeadMask(Mask):
    """The same cross-entropy, with the segmentation of a fitted head.

    Attributes:
        head: fitted on features of the same model family.
    """

    head: Head
    reads_features: ClassVar[bool] = True

    @property
    def phrases(self) -> tuple[str, ...]:
        """None: the prompt need not name the object."""
        return ()

    @property
    def label(self) -> str:
        """Name in records and plots."""
        return f"mask of {self.object} by head"

    def check(self, family: Family, batch: int) -> None:
        """See `Mask`; and a head of another family."""
        super().check(family, batch)
        check_head(self.head, family)

    def logits(self, seen: Properties) -> tuple[Tensor, ...]:
        """Log-odds of the head, one map [B, h, w] on the grid of the features."""
        if seen.feature_grid is None:
            raise ValueError(f"no features were read, so '{self.label}' sees nothing here")
        return (self.head.logits(seen.feature_grid, seen.sigma),)
