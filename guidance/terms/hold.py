"""Keep a region of the picture as a reference run showed it.

Not in the paper. Its recipes keep the shape and the appearance of every other object, but nothing
keeps what no word names: under strong guidance the background changes colour. The energy E = 1/2
mean (m (D - D_ref))^2 reads the denoised prediction D itself, so its gradient needs no pass through
the model. D moves along D_ref - D by the share m: exactly onto the reference where m is 1.
"""

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from ..maps.affine import Affine, warp
from ..maps.properties import Properties, resample
from ..record.record import Record
from .reference import Term, checked_mask


@dataclass(frozen=True, kw_only=True)
class Preserve(Term):
    """A region stays as in the reference; what the region is, each kind says.

    Attributes:
        reference: run, or real image, that shows the region.
        region: where the reference is kept, [B or 1, 1, h, w] in [0, 1], on any grid.

    Raises:
        ValueError: the reference holds no picture.
    """

    reference: Record
    region: Tensor = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.reference.last.denoised is None:
            raise ValueError(
                f"the reference of '{self.label}' holds no picture; record it with a Self-Guidance "
                "KSampler or Record Image"
            )
        object.__setattr__(self, "region", self._kept())

    @property
    def phrases(self) -> tuple[str, ...]:
        """None: pixels are held, whether or not the prompt names what they show."""
        return ()

    def _kept(self) -> Tensor:
        raise NotImplementedError

    def pull(
        self, denoised: Tensor, target: Tensor, share: float, region: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Denoised prediction moved to the reference in a region, and the energy before it.

        Args:
            denoised: [B, C, h, w].
            target: what the reference showed at this noise level, see `target`.
            share: factor of the weight, in [0, 1].
            region: [B or 1, 1, h, w], where the reference is kept, once all terms are heard.
        """
        region = region.to(denoised)
        energy = (region * (target - denoised)).float().square().flatten(1).mean(1) / 2
        return torch.lerp(denoised, target, min(1.0, self.weight * share) * region), energy

    def target(self, sigma: float, denoised: Tensor) -> Tensor:
        """The reference's prediction at a noise level, [B or 1, C, h, w], to hold `denoised` to.

        Raises:
            ValueError: the reference has another size.
        """
        target = self.reference.at(sigma, like=denoised).denoised
        assert target is not None  # __post_init__ has seen it
        if target.shape[-2:] != denoised.shape[-2:]:
            raise ValueError(
                f"'{self.label}' keeps pixels, so the reference must have the latent's size: it "
                f"has {tuple(target.shape[-2:])}, the latent {tuple(denoised.shape[-2:])}"
            )
        return target.to(denoised)


@dataclass(frozen=True, kw_only=True)
class PreserveRest(Preserve):
    """Everything but one object stays as in the reference.

    The free region is where the object was in the end and where it shall be, with a margin of a
    cell. Both follow from the reference alone, so they are known before the first step.

    Attributes:
        object: the one object that may change.
        transform: where the object goes, see `energies.Shape`.
        threshold: shape above which a cell belongs to the object.
        margin: cells added around it.
        gone: the object is taken away, so no other term keeps it, see `recipes.resolved`.
        idle: its recipe is switched off, so it sets nothing free for others, see `Guide.preserve`.

    Raises:
        ValueError: the reference lacks the object.
    """

    transform: Affine = field(default=Affine())
    threshold: float = 0.2
    margin: int = 1
    gone: bool = False
    idle: bool = False

    @property
    def label(self) -> str:
        """Name in records and plots."""
        return f"all but {self.object}"

    def _kept(self) -> Tensor:
        settled = self.reference.settled()
        was = mean_shape(settled, self.compared)
        goes = warp(was, settled.centroid(self.compared).mean(1), self.transform)
        free = (torch.maximum(was, goes)[:, None] > self.threshold).float()
        around = 2 * self.margin + 1
        return 1 - F.max_pool2d(free, around, stride=1, padding=self.margin)


@dataclass(frozen=True, kw_only=True)
class PreserveBeside(PreserveRest):
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

    def _kept(self) -> Tensor:
        picture = self.reference.last.denoised
        assert picture is not None  # see __post_init__
        height, width = picture.shape[-2:]
        left, top, wide, high = self.box
        rows, columns = _touched(height, top, high), _touched(width, left, wide)
        free = (rows[:, None] & columns).float()[None, None]
        around = 2 * self.margin + 1
        return 1 - F.max_pool2d(free, around, stride=1, padding=self.margin)


@dataclass(frozen=True, kw_only=True)
class PreserveMask(Preserve):
    """What a mask marks stays as in the reference.

    Attributes:
        object: of no meaning here; only a name for the region.
        mask: [B or 1, H, W] in [0, 1] of any size; values between hold in part.

    Raises:
        ValueError: a mask that is empty or not finite.
    """

    object: str = ""
    mask: Tensor

    @property
    def label(self) -> str:
        """Name in records and plots."""
        return f"preserved {self.object}".rstrip()

    def _kept(self) -> Tensor:
        return checked_mask(self.mask, self.label)[:, None]


def _touched(cells: int, start: float, side: float) -> Tensor:
    """Which of n equal cells of [0, 1] an interval touches, bool [n]."""
    edges = torch.arange(cells + 1) / cells
    return (edges[:-1] < start + side) & (edges[1:] > start)


def mean_shape(properties: Properties, name: str) -> Tensor:
    """Mean over the sites of an object's shapes, [B, H, W], on the grid of the first."""
    shapes = properties.shape(name)
    height, width = shapes[0].shape[-2:]
    return torch.stack([resample(s[:, None], height, width)[:, 0] for s in shapes]).mean(0)
