"""Hold terms: keep all but an object, all but a box, or the region under a mask."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from ..families import Family
from ..maps.affine import Affine, warp
from ..maps.masks import checked_mask, covered
from ..maps.properties import mean_shape
from .base import HoldTerm
from .checks import check_mask
from .wish import Change


@dataclass(frozen=True, kw_only=True)
class HoldRest(HoldTerm):
    """Everything but one object stays as in the reference.

    The free region is the union of the object's final shape in the reference and of that shape
    after the transform, with a margin. It depends on the reference alone.

    Attributes:
        object: the one object that may change.
        transform: where the object goes, see `Shape`.
        threshold: value of the shape, in [0, 1], above which a cell belongs to the object.
        margin: number of cells added around it.
        gone: the object is removed, so no other term keeps it.

    Raises:
        ValueError: the reference lacks the object.
    """

    transform: Affine = field(default=Affine())
    threshold: float = 0.2
    margin: int = 1
    gone: bool = False

    @property
    def label(self) -> str:
        """Name in records and plots."""
        return f"all but {self.object}"

    @property
    def wants(self) -> tuple[Any, ...]:
        """See `Term`."""
        return (*super().wants, self.transform)

    @property
    def frees(self) -> bool:
        """Yes, its region shows where the object goes; a removal does so only while it acts."""
        return not self.gone

    @property
    def change(self) -> Change | None:
        """The removal of its object, unless the term is switched off."""
        return Change(self.object, self.reference, None) if self.gone and self.acts else None

    def held_region(self) -> Tensor:
        """See `HoldTerm`."""
        settled = self.reference.settled()
        before = mean_shape(settled, self.compared)
        after = warp(before, settled.centroid(self.compared).mean(1), self.transform)
        return self._all_but((torch.maximum(before, after)[:, None] > self.threshold).float())

    def _all_but(self, free: Tensor) -> Tensor:
        """1 except in the cells that are 1 in free [B, 1, h, w], and within the margin of them."""
        side = 2 * self.margin + 1
        return 1 - F.max_pool2d(free, side, stride=1, padding=self.margin)


@dataclass(frozen=True, kw_only=True)
class HoldBeside(HoldRest):
    """Everything but a box stays as in the reference, for an object that the reference lacks.

    Attributes:
        box: left and top edge, width and height, as fractions of the picture; every cell that it
            overlaps may change.
    """

    box: tuple[float, float, float, float]

    @property
    def label(self) -> str:
        """Name in records and plots."""
        return f"all but the box of {self.object}"

    def held_region(self) -> Tensor:
        """See `HoldTerm`."""
        picture = self.reference.last.denoised
        assert picture is not None  # see __post_init__
        height, width = picture.shape[-2:]
        left, top, wide, high = self.box
        rows, columns = covered(height, top, top + high), covered(width, left, left + wide)
        return self._all_but(((rows[:, None] > 0) & (columns > 0)).float()[None, None])


@dataclass(frozen=True, kw_only=True)
class HoldMask(HoldTerm):
    """The region under a mask stays as in the reference.

    Attributes:
        object: name of the region in messages and plots; the prompt need not contain it.
        mask: [B or 1, H, W] in [0, 1] of any size; values below 1 hold in part.

    Raises:
        ValueError: a mask that is empty or not finite.
    """

    object: str = ""
    mask: Tensor
    shared: ClassVar[bool] = False

    @property
    def label(self) -> str:
        """Name in records and plots."""
        return f"preserved {self.object}".rstrip()

    def check(self, family: Family, batch: int) -> None:
        """See `Term`; and a mask of another batch size."""
        super().check(family, batch)
        check_mask(self.label, self.mask, batch)

    def held_region(self) -> Tensor:
        """See `HoldTerm`."""
        return checked_mask(self.mask, self.label)[:, None]
