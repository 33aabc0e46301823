"""Keep a region of the picture as a reference run showed it.

Not in the paper. Its recipes keep the shape and the appearance of every other object, but nothing
keeps what no word names: under strong guidance the background changes colour. The energy E = 1/2
mean m (D - D_ref)^2 reads the denoised prediction D itself, so its gradient m (D - D_ref) needs no
pass through the model, and a full step along it lands exactly on the reference.
"""

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from .energies import Term
from .properties import Properties, resample
from .record import Record
from .warp import Affine, warp


@dataclass(frozen=True, kw_only=True)
class Preserve(Term):
    """Everything but one object stays as in the reference.

    The free region is where the object was in the end and where it shall be, with a margin of a
    cell. Both follow from the reference alone, so they are known before the first step.

    Attributes:
        object: the one object that may change.
        reference: run that shows the rest.
        transform: where the object goes, see `energies.Shape`.
        threshold: shape above which a cell belongs to the object.
        margin: cells added around it.

    Raises:
        ValueError: the reference lacks the object, or holds no picture.
    """

    reference: Record
    transform: Affine = field(default=Affine())
    threshold: float = 0.2
    margin: int = 1
    region: Tensor = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "region", self._kept())

    @property
    def label(self) -> str:
        """Name in records and plots."""
        return f"all but {self.object}"

    def _kept(self) -> Tensor:
        """Where the reference is kept, [B, 1, h, w] in [0, 1] on the latent's grid."""
        settled = self.reference.settled()
        if settled.denoised is None:
            raise ValueError(
                f"the reference of '{self.label}' holds no picture; record it with a Self-Guidance "
                "KSampler"
            )
        was = _mean_shape(settled, self.object)
        goes = warp(was, settled.centroid(self.object).mean(1), self.transform)
        free = (torch.maximum(was, goes)[:, None] > self.threshold).float()
        around = 2 * self.margin + 1
        kept = 1 - F.max_pool2d(free, around, stride=1, padding=self.margin)
        return resample(kept, *settled.denoised.shape[-2:])

    def pull(
        self, seen: Properties, denoised: Tensor, share: float, region: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Denoised prediction moved to the reference in the kept region, and the energy before it.

        Args:
            seen: properties of this pass.
            denoised: [B, C, h, w].
            share: factor of the weight, in [0, 1].
            region: [B or 1, 1, h, w], where this and all other terms keep the reference.

        Raises:
            ValueError: the reference has another size.
        """
        target = self._target(seen, denoised).to(denoised)
        region = region.to(denoised)
        energy = (region * (target - denoised)).float().square().flatten(1).mean(1) / 2
        return torch.lerp(denoised, target, min(1.0, self.weight * share) * region), energy

    def _target(self, seen: Properties, denoised: Tensor) -> Tensor:
        target = self.reference.at(seen.sigma, like=denoised).denoised
        assert target is not None  # __post_init__ has seen it
        if target.shape[-2:] != denoised.shape[-2:]:
            raise ValueError(
                f"'{self.label}' keeps pixels, so the reference must have the latent's size: it "
                f"has {tuple(target.shape[-2:])}, the latent {tuple(denoised.shape[-2:])}"
            )
        return target


def _mean_shape(properties: Properties, name: str) -> Tensor:
    shapes = properties.shape(name)
    height, width = shapes[0].shape[-2:]
    return torch.stack([resample(s[:, None], height, width)[:, 0] for s in shapes]).mean(0)
