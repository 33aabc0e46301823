"""The term for an object's look, as a reference or a feature has it (arXiv 2306.00986, 3.2)."""

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
    """Mean |appearance - target appearance| over the channels.

    Relative to the target's own magnitude. The paper does not divide; the division makes one weight
    serve blocks whose features differ in scale. A target that shows next to nothing is compared
    with a tenth of the magnitude that the words of this pass have on average.

    Attributes:
        feature: the target itself, instead of a reference.
        head: compares in the head's space of few axes instead, where nothing needs dividing.

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
        """The look, of a reference."""
        return self.kept(Aspect.LOOK, True)

    def check(self, family: Family, batch: int) -> None:
        """See `Term`; and a feature or head of another family, or of another batch size."""
        super().check(family, batch)
        if self.feature is not None:
            check_feature(self.label, self.feature, family, batch)
        if self.head is not None:
            check_head(self.head, family)

    def target(self, seen: Properties) -> Tensor:
        """The appearance wanted at this noise level, [B, C]."""
        if self.feature is not None:
            return self.feature.at(seen.sigma, next(iter(seen.maps.values())))
        return self.then(seen).appearance(self.compared)

    def __call__(self, seen: Properties) -> Tensor:
        """See `EnergyTerm`."""
        now, then = seen.appearance(self.object), self.target(seen)
        if now.shape[1] != then.shape[1]:
            raise ValueError(
                f"the target of '{self.label}' has {then.shape[1]} channels but this model's "
                f"features have {now.shape[1]}; take it from a record of this model"
            )
        if self.head is not None:
            now, then = (self.head.project(look, seen.sigma) for look in (now, then))
            return distance(now, then).mean(1)
        assert seen.features is not None  # `appearance` has seen them
        usual = seen.features.detach().abs().mean((1, 2))
        scale = torch.maximum(then.abs().mean(1), 0.1 * usual)
        scale = scale.clamp(min=torch.finfo(scale.dtype).tiny)[:, None]
        return distance(now / scale, then / scale).mean(1)
