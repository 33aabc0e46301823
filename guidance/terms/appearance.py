"""The term for the appearance of an object (arXiv 2306.00986, sections 3.2 and 3.3)."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ..families import Family
from ..head.head import Head, check_head
from ..maps.properties import Properties
from ..record.feature import Feature
from .checks import check_feature
from .distance import distance
from .reference import ReferenceTerm
from .wish import Aspect


@dataclass(frozen=True, kw_only=True)
class Appearance(ReferenceTerm):
    """Mean over the channels of |appearance - target|, divided by the mean of |target|.

    The distance is that of `distance`. The paper does not divide; the division makes one weight
    suit features of any scale. The divisor is at least a tenth of the mean magnitude of the
    features of all words of the pass, for targets near 0.

    Attributes:
        feature: the target, instead of a reference.
        head: if given, both are projected on its few axes first, and not divided.

    Raises:
        ValueError: neither or both of reference and feature; in a run: a target of another width.
    """

    feature: Feature | None = None
    head: Head | None = None
    reads_features: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if (self.reference is None) == (self.feature is None):
            raise ValueError(
                f"the appearance of object {self.object!r} needs a reference or a feature as its "
                "target, one of them"
            )

    @property
    def keeps(self) -> frozenset[Aspect]:
        """The appearance, if the target is that of a reference."""
        return self.keeps_if(Aspect.LOOK, True)

    def check(self, family: Family, batch: int) -> None:
        """See `Term`; and a feature or head of another family, or of another batch size."""
        super().check(family, batch)
        if self.feature is not None:
            check_feature(self.label, self.feature, family, batch)
        if self.head is not None:
            check_head(self.head, family)

    def target(self, seen: Properties) -> Tensor:
        """The target appearance at the noise level of a pass, [B, C]."""
        if self.feature is not None:
            return self.feature.at(seen.sigma, next(iter(seen.maps.values())))
        return self.at_reference(seen).appearance(self.compared)

    def __call__(self, seen: Properties) -> Tensor:
        """See `EnergyTerm`."""
        now, then = seen.appearance(self.object), self.target(seen)
        if now.shape[1] != then.shape[1]:
            raise ValueError(
                f"the target of '{self.label}' has {then.shape[1]} channels but this model's "
                f"features have {now.shape[1]}; take it from a record of this model"
            )
        if self.head is not None:
            now, then = (self.head.project(vectors, seen.sigma) for vectors in (now, then))
            return distance(now, then).mean(1)
        assert seen.features is not None  # `appearance` has seen them
        usual = seen.features.detach().abs().mean((1, 2))
        scale = torch.maximum(then.abs().mean(1), 0.1 * usual)
        scale = scale.clamp(min=torch.finfo(scale.dtype).tiny)[:, None]
        return distance(now / scale, then / scale).mean(1)
