"""Terms for position, size and shape, with an absolute target or one relative to a reference.

Energies follow section 3.3 of the paper (arXiv 2306.00986): L1, averaged over the sites, smoothed
near the target, see `distance`; classes name exceptions. A term that compares with a reference
reads it at the noise level of the pass, unless it is `settled`.
"""

from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from ..families import Family
from ..maps.affine import Affine, warp
from ..maps.masks import placing
from ..maps.properties import Properties, centroid, resample, spread
from ..record.compared import reference_properties
from ..record.record import Record
from .base import EnergyTerm
from .checks import check_mask
from .distance import distance
from .wish import Aspect


@dataclass(frozen=True, kw_only=True)
class ReferenceTerm(EnergyTerm):
    """An energy term whose target may be relative to an object of a reference.

    Attributes:
        reference: record of a run or of a real image; None for an absolute target.
        reference_object: object of the reference that is compared with; the same phrase if empty.
        settled: compare with the reference's mean maps of the last part of its run, see
            `Record.settled`; else, as in the paper, with those at the noise level of the pass.
    """

    reference: Record | None = None
    reference_object: str = ""
    settled: bool = False

    @property
    def references(self) -> tuple[Record, ...]:
        """The reference, if there is one."""
        return () if self.reference is None else (self.reference,)

    @property
    def compared(self) -> str:
        """Name of the object in the reference."""
        return self.reference_object or self.object

    @property
    def reads_levels(self) -> bool:
        """See `Term`; `settled` properties are the same at every noise level."""
        return self.reference is not None and not self.settled

    def at_reference(self, seen: Properties) -> Properties:
        """Properties of the reference to compare those of a pass with."""
        assert self.reference is not None  # callers have checked it
        return reference_properties(self.reference, seen, self.compared, self.settled)

    def keeps_if(self, aspect: Aspect, same: bool) -> frozenset[Aspect]:
        """The aspect, if the target is that of the reference unchanged (`same`)."""
        return frozenset({aspect} if self.reference is not None and same else ())

    def point(self, seen: Properties, x: float, y: float) -> Tensor:
        """(x, y) as [B or 1, 2]; with a reference, added to the mean of its centroids."""
        point = torch.tensor([[x, y]])
        if self.reference is None:
            return point
        if self.settled:
            then = self.reference.settled()
        else:
            then = self.reference.at(seen.sigma, naming=self.compared)
        return then.centroid(self.compared).mean(1) + point


@dataclass(frozen=True, kw_only=True)
class PointTerm(ReferenceTerm):
    """A term whose target is a point.

    Attributes:
        x, y: the point in [0, 1] from the top left; with a reference an offset to the centroid of
            its object, in [-1, 1].
    """

    x: float
    y: float

    @property
    def wants(self) -> tuple[Any, ...]:
        """See `Term`."""
        return (*super().wants, self.x, self.y)

    @property
    def keeps(self) -> frozenset[Aspect]:
        """The place, without an offset."""
        return self.keeps_if(Aspect.PLACE, self.x == self.y == 0)

    def goal(self, seen: Properties) -> Tensor:
        """The point."""
        return self.point(seen, self.x, self.y)


@dataclass(frozen=True, kw_only=True)
class Position(PointTerm):
    """|centroid - target|, mean over x, y and the sites."""

    def __call__(self, seen: Properties) -> Tensor:
        """See `EnergyTerm`."""
        now = seen.centroid(self.object)
        target = torch.tensor([self.x, self.y], device=now.device, dtype=now.dtype)
        if self.reference is not None:
            target = target + self.at_reference(seen).centroid(self.compared)
        return distance(now, target).mean((1, 2))


@dataclass(frozen=True, kw_only=True)
class Concentration(PointTerm):
    """Mean squared distance of the object's mass to a point, averaged over the sites.

    Keeps the object in one piece. Not in the paper, whose centroid is also met by two halves on
    either side of the target. With a reference, the same distance in the reference is subtracted,
    and negative differences count as 0.
    """

    tolerance: ClassVar[float] = 0.003  # a squared distance

    def __call__(self, seen: Properties) -> Tensor:
        """See `EnergyTerm`."""
        about = torch.tensor([self.x, self.y])
        values = []
        for index, now in enumerate(seen.map(self.object)):
            point = about.to(now)
            allowed: Tensor | float = 0.0
            if self.reference is not None:
                then = self.at_reference(seen)
                own = then.centroid(self.compared)[:, index]
                point = point + own
                allowed = spread(then.map(self.compared)[index], own)
            values.append(F.relu(spread(now, point) - allowed))
        return torch.stack(values).mean(0)


@dataclass(frozen=True, kw_only=True)
class Size(ReferenceTerm):
    """|size - target|, mean over the sites.

    Attributes:
        size: fraction of the area in [0, 1]; with a reference a factor of the size there.
    """

    size: float
    tolerance: ClassVar[float] = 0.003  # of the area; with 0.01, small objects stopped too early

    @property
    def wants(self) -> tuple[Any, ...]:
        """See `Term`."""
        return (*super().wants, self.size)

    @property
    def keeps(self) -> frozenset[Aspect]:
        """The size, at factor 1."""
        return self.keeps_if(Aspect.SIZE, self.size == 1)

    def __call__(self, seen: Properties) -> Tensor:
        """See `EnergyTerm`."""
        now = seen.size(self.object)
        target = torch.full_like(now, self.size)
        if self.reference is not None:
            target = target * self.at_reference(seen).size(self.compared)
        return distance(now, target, 2 * self.tolerance).mean(1)


@dataclass(frozen=True, kw_only=True)
class Shape(ReferenceTerm):
    """Mean over the picture and the sites of |shape - T(target shape)|.

    Attributes:
        mask: target shape [1 or B, H, W] in [0, 1] of any size, instead of a reference; its peak
            counts as 1, see `masks.outline`.
        transform: T, about the target's own centroid; the identity by default. A target of another
            aspect ratio is stretched to that of the picture before it is rotated.

    Raises:
        ValueError: neither or both of reference and mask; a mask that is not finite, is empty, or
            leaves no room around it.
    """

    mask: Tensor | None = None
    transform: Affine = field(default=Affine())
    tolerance: ClassVar[float] = 0.005  # a mean over the picture, most of which is no object

    def __post_init__(self) -> None:
        if (self.reference is None) == (self.mask is None):
            raise ValueError(
                f"the shape of object {self.object!r} needs a reference or a mask as its target, "
                "one of them"
            )
        if self.mask is not None:
            object.__setattr__(self, "mask", placing(self.mask, self.label))

    @property
    def wants(self) -> tuple[Any, ...]:
        """See `Term`."""
        return (*super().wants, self.transform)

    @property
    def keeps(self) -> frozenset[Aspect]:
        """The shape, where it is not transformed."""
        return self.keeps_if(Aspect.SHAPE, self.transform == Affine())

    def goal(self, seen: Properties) -> Tensor:
        """Centroid of the transformed target."""
        offset = self.transform
        if self.mask is not None:
            return centroid(self.mask.cpu()) + torch.tensor([offset.dx, offset.dy])
        return self.point(seen, offset.dx, offset.dy)

    def check(self, family: Family, batch: int) -> None:
        """See `Term`; and a mask of another batch size."""
        super().check(family, batch)
        if self.mask is not None:
            check_mask(self.label, self.mask, batch)

    def targets(self, seen: Properties) -> tuple[Tensor, ...]:
        """Target shape for every site, each [B, H, W] in [0, 1], on the grid of the target."""
        if self.mask is not None:
            mask = self.mask.to(next(iter(seen.maps.values())))
            shapes, centres = (mask,) * len(seen.maps), (centroid(mask),) * len(seen.maps)
        else:
            then = self.at_reference(seen)
            shapes, centres = then.shape(self.compared), then.centroid(self.compared).unbind(1)
        if self.transform == Affine():
            return shapes
        grids = [maps.shape[-2:] for maps in seen.maps.values()]
        return tuple(
            warp(s, c, self.transform, width / height)
            for s, c, (height, width) in zip(shapes, centres, grids, strict=True)
        )

    def __call__(self, seen: Properties) -> Tensor:
        """See `EnergyTerm`."""
        values = []
        for now, target in zip(seen.shape(self.object), self.targets(seen), strict=True):
            target = resample(target[:, None], *now.shape[-2:])[:, 0]
            values.append(distance(now, target).mean((-2, -1)))
        return torch.stack(values).mean(0)
