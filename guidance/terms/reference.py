"""Energies: what a picture shall be like, as differentiable functions of its properties.

Lower is better. Every term is a frozen dataclass that maps `Properties` to one value a picture,
[B]. Distances follow section 3.3 of the paper (L1, averaged over sites) but for the goal itself,
see `distance`, unless a class says otherwise. A term that compares with a reference reads the
reference at the noise level of the pass.
"""

from dataclasses import dataclass, field, replace
from typing import ClassVar, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from ..head.head import Head
from ..maps.affine import Affine, warp
from ..maps.properties import Properties, centroid, resample, spread
from ..record.compared import shown
from ..record.feature import Feature
from ..record.record import Record
from .distance import distance
from .window import Window

Kind = TypeVar("Kind", bound="Term")


@dataclass(frozen=True, kw_only=True)
class Term:
    """What all terms share.

    Attributes:
        object: phrase of the prompt.
        weight: factor of the energy in the sum.
        window: when the term acts.
        source: object of the reference that is compared with; the same phrase if empty.
        group: name of the sum that the term is part of, for records and plots.
        stride: how long a normalised step may be on its account, in units of `guide.UNIT`; its
            weight, but at most 1, if None.
        reads_features: whether its gradient runs through the features.
        there: energy below which it is all but at its goal; with a fifth of the default, a look
            that was kept changed the picture as much as one that was not.
    """

    object: str
    weight: float = 1.0
    window: Window = field(default=Window())
    source: str = ""
    group: str = ""
    stride: float | None = None
    reads_features: ClassVar[bool] = False
    there: ClassVar[float] = 0.01

    @property
    def label(self) -> str:
        """Name in records and plots."""
        return f"{type(self).__name__.lower()} of {self.object}"

    @property
    def own_stride(self) -> float:
        """`stride`, or what follows from the weight."""
        return min(1.0, abs(self.weight)) if self.stride is None else self.stride

    @property
    def references(self) -> tuple[Record, ...]:
        """Records that the term compares with."""
        record = getattr(self, "reference", None)
        return () if record is None else (record,)

    @property
    def phrases(self) -> tuple[str, ...]:
        """Objects that the prompt has to name."""
        return (self.object,)

    @property
    def compared(self) -> str:
        """Name of the object in the reference."""
        return self.source or self.object

    def combined(self: Kind, weight: float, group: str = "") -> Kind:
        """The same term in a sum: its weight times a factor, its group after the sum's name."""
        path = " / ".join(part for part in (group, self.group) if part)
        return replace(self, weight=weight * self.weight, group=path)

    def __call__(self, seen: Properties) -> Tensor:
        """Energy of every picture, [B]."""
        raise NotImplementedError


def checked_mask(mask: Tensor, label: str) -> Tensor:
    """A mask [B, H, W] or [H, W] of any dtype as [B, H, W] in [0, 1], float32.

    Raises:
        ValueError: another number of dimensions, NaN or infinite values, or nothing above 0.
    """
    if mask.ndim not in (2, 3):
        raise ValueError(
            f"the mask of '{label}' must be [batch, height, width], got {list(mask.shape)}"
        )
    if not torch.isfinite(mask).all():
        raise ValueError(
            f"the mask of '{label}' holds NaN or infinite values; check the node that made it"
        )
    if not (mask > 0).any():
        raise ValueError(f"the mask of '{label}' is empty; paint the region that it shall mark")
    return mask.reshape(-1, *mask.shape[-2:]).float().clamp(0, 1)


@dataclass(frozen=True, kw_only=True)
class Position(Term):
    """|centroid - target|, L1 in x and y.

    Attributes:
        x, y: target in [0, 1] from the top left; an offset to the reference's centroid with a
            reference.
        reference: where given, the target is relative to the object's centroid in it.
        settled: compare with where the reference's object ended up, not with where it was at the
            same noise level, as the paper does.
    """

    x: float
    y: float
    reference: Record | None = None
    settled: bool = False

    def __call__(self, seen: Properties) -> Tensor:
        now = seen.centroid(self.object)
        target = torch.tensor([self.x, self.y], device=now.device, dtype=now.dtype)
        if self.reference is not None:
            then = shown(self.reference, seen, self.compared, self.settled)
            target = target + then.centroid(self.compared)
        return distance(now, target).mean((1, 2))


@dataclass(frozen=True, kw_only=True)
class Concentration(Term):
    """Mean squared distance of the object's mass to a point.

    It keeps one object from straddling two places. Not in the paper: its centroid is satisfied by
    two halves on either side of the target.

    Attributes:
        x, y: the point in [0, 1]; an offset to the reference's centroid with a reference.
        reference: as in `Position`; the reference's own spread is then subtracted and only excess
            counts.
    """

    x: float
    y: float
    reference: Record | None = None
    there: ClassVar[float] = 0.003  # a squared distance

    def __call__(self, seen: Properties) -> Tensor:
        about = torch.tensor([self.x, self.y])
        values = []
        for index, now in enumerate(seen.map(self.object)):
            point = about.to(now)
            allowed: Tensor | float = 0.0
            if self.reference is not None:
                then = shown(self.reference, seen, self.compared)
                own = then.centroid(self.compared)[:, index]
                point = point + own
                allowed = spread(then.map(self.compared)[index], own)
            values.append(F.relu(spread(now, point) - allowed))
        return torch.stack(values).mean(0)


@dataclass(frozen=True, kw_only=True)
class Size(Term):
    """|size - target|.

    Attributes:
        size: fraction of the area; a factor of the reference's size with a reference.
        reference: where given, the target is relative to it.
        settled: as in `Position`.
    """

    size: float
    reference: Record | None = None
    settled: bool = False
    there: ClassVar[float] = 0.003  # of the picture; of 0.01, small objects stopped a tenth short

    def __call__(self, seen: Properties) -> Tensor:
        now = seen.size(self.object)
        target = torch.tensor(self.size, device=now.device, dtype=now.dtype)
        if self.reference is not None:
            target = target * shown(self.reference, seen, self.compared, self.settled).size(
                self.compared
            )
        return distance(now, target, 2 * self.there).mean(1)


@dataclass(frozen=True, kw_only=True)
class Shape(Term):
    """Mean |shape - T(target shape)| over the picture.

    Attributes:
        reference: record whose shape of the object is the target.
        mask: target shape [1 or B, H, W] in [0, 1] of any size, instead of a reference.
        transform: T, about the target's own centroid; identity keeps the shape where it is. A
            target of another aspect is fitted to the picture first, then turned.
        settled: as in `Position`.

    Raises:
        ValueError: neither or both of reference and mask; a mask that is not finite or empty.
    """

    reference: Record | None = None
    mask: Tensor | None = None
    transform: Affine = field(default=Affine())
    settled: bool = False
    there: ClassVar[float] = 0.005  # a mean over the picture, of which objects are a small part

    def __post_init__(self) -> None:
        if (self.reference is None) == (self.mask is None):
            raise ValueError(
                f"the shape of object {self.object!r} needs a reference or a mask as its target, "
                "one of them"
            )
        if self.mask is not None:
            object.__setattr__(self, "mask", checked_mask(self.mask, self.label))

    def targets(self, seen: Properties) -> tuple[Tensor, ...]:
        """The shape wanted at every site, each [B, H, W], not yet on the site's own grid."""
        if self.reference is None:
            assert self.mask is not None  # see __post_init__
            mask = self.mask.to(next(iter(seen.maps.values())))
            shapes, centres = (mask,) * len(seen.maps), (centroid(mask),) * len(seen.maps)
        else:
            then = shown(self.reference, seen, self.compared, self.settled)
            shapes, centres = then.shape(self.compared), then.centroid(self.compared).unbind(1)
        if self.transform == Affine():
            return shapes
        grids = [maps.shape[-2:] for maps in seen.maps.values()]
        return tuple(
            warp(s, c, self.transform, width / height)
            for s, c, (height, width) in zip(shapes, centres, grids, strict=True)
        )

    def __call__(self, seen: Properties) -> Tensor:
        values = []
        for now, target in zip(seen.shape(self.object), self.targets(seen), strict=True):
            target = resample(target[:, None], *now.shape[-2:])[:, 0]
            values.append(distance(now, target).mean((-2, -1)))
        return torch.stack(values).mean(0)


@dataclass(frozen=True, kw_only=True)
class Appearance(Term):
    """Mean |appearance - target appearance| over the channels.

    Relative to the target's own magnitude. The paper does not divide; the division makes one weight
    serve blocks whose features differ in scale. A target that shows next to nothing is compared
    with a tenth of the magnitude that the words of this pass have on average.

    Attributes:
        reference: record whose appearance is the target.
        feature: the target itself, instead of a reference.
        head: compares in the head's space of few axes instead, where nothing needs dividing.

    Raises:
        ValueError: neither or both of reference and feature; in a run: a target of another width.
    """

    reference: Record | None = None
    feature: Feature | None = None
    head: Head | None = None
    reads_features: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if (self.reference is None) == (self.feature is None):
            raise ValueError(
                f"the appearance of object {self.object!r} needs a reference or a feature as its "
                "target, one of them"
            )

    def target(self, seen: Properties) -> Tensor:
        """The appearance wanted at this noise level, [B, C]."""
        if self.reference is not None:
            return shown(self.reference, seen, self.compared).appearance(self.compared)
        assert self.feature is not None  # see __post_init__
        return self.feature.at(seen.sigma, next(iter(seen.maps.values())))

    def __call__(self, seen: Properties) -> Tensor:
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
