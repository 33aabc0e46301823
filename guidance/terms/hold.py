"""What keeps a region of the picture: all but an object, all but a box, or what a mask marks."""

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

    The free region is where the object was in the end and where it shall be, with a margin of a
    cell. Both follow from the reference alone, so they are known before the first step.

    Attributes:
        object: the one object that may change.
        transform: where the object goes, see `Shape`.
        threshold: shape above which a cell belongs to the object.
        margin: cells added around it.
        gone: the object is taken away, so no other term keeps it.

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
        """What holds nothing still says where its object goes; a removal does so while it acts."""
        return not self.gone

    @property
    def change(self) -> Change | None:
        """An object that is taken away, unless the term is switched off."""
        return Change(self.object, self.reference, None) if self.gone and self.acts else None

    def kept_region(self) -> Tensor:
        """See `HoldTerm`."""
        settled = self.reference.settled()
        was = mean_shape(settled, self.compared)
        goes = warp(was, settled.centroid(self.compared).mean(1), self.transform)
        free = (torch.maximum(was, goes)[:, None] > self.threshold).float()
        around = 2 * self.margin + 1
        return 1 - F.max_pool2d(free, around, stride=1, padding=self.margin)


@dataclass(frozen=True, kw_only=True)
class HoldBeside(HoldRest):
    """Everything but a box stays as in the reference, for an object that the reference lacks.

    Attributes:
        box: left and top edge, width and height, as fractions of the picture; a cell that it
            touches may change.
    """

    box: tuple[float, float, float, float]

    @property
    def label(self) -> str:
        """Name in records and plots."""
        return f"all but the box of {self.object}"

    def kept_region(self) -> Tensor:
        """See `HoldTerm`."""
        picture = self.reference.last.denoised
        assert picture is not None  # see __post_init__
        height, width = picture.shape[-2:]
        left, top, wide, high = self.box
        rows, columns = covered(height, top, top + high), covered(width, left, left + wide)
        free = ((rows[:, None] > 0) & (columns > 0)).float()[None, None]
        around = 2 * self.margin + 1
        return 1 - F.max_pool2d(free, around, stride=1, padding=self.margin)


@dataclass(frozen=True, kw_only=True)
class HoldMask(HoldTerm):
    """What a mask marks stays as in the reference.

    Attributes:
        object: of no meaning here; only a name for the region.
        mask: [B or 1, H, W] in [0, 1] of any size; values between hold in part.

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

    def kept_region(self) -> Tensor:
        """See `HoldTerm`."""
        return checked_mask(self.mask, self.label)[:, None]
