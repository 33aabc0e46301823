"""The interface of terms: what each declares, so that callers need not know its class.

Two kinds of terms steer a run. An energy term is a function of the properties of a forward pass,
and is lowered along its gradient. A hold term moves a region of the denoised prediction towards a
reference, without a gradient through the model.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, TypeVar

import torch
from torch import Tensor

from ..families import Family
from ..maps.properties import Properties
from ..record.record import Record
from .checks import check_reference
from .window import Window
from .wish import Aspect, Change

TermKind = TypeVar("TermKind", bound="Term")


@dataclass(frozen=True, kw_only=True)
class Term(ABC):
    """What energy terms and hold terms share.

    Attributes:
        object: phrase of the prompt.
        weight: factor of the energy or of the hold; 0 switches the term off.
        window: part of the noise schedule in which it acts.
        group: prefix of its name in records and plots, given by Combine nodes.
        reads_features: whether its gradient runs through the model's features.
    """

    object: str
    weight: float = 1.0
    window: Window = field(default=Window())
    group: str = ""
    reads_features: ClassVar[bool] = False

    @property
    def label(self) -> str:
        """Name in records and plots."""
        return f"{type(self).__name__.lower()} of {self.object}"

    @property
    def acts(self) -> bool:
        """Whether weight and window let it act at all."""
        return self.weight != 0 and not self.window.empty

    @property
    def phrases(self) -> tuple[str, ...]:
        """Phrases that the prompt must contain."""
        return (self.object,)

    @property
    def compared(self) -> str:
        """Name of the object in the reference."""
        return self.object

    @property
    def references(self) -> tuple[Record, ...]:
        """Records that it compares with."""
        return ()

    @property
    def reads_levels(self) -> bool:
        """Whether it reads its reference at the noise level of the pass."""
        return bool(self.references)

    @property
    def frees(self) -> bool:
        """Whether its weight may be 0 and it still limits the region that other terms hold."""
        return False

    @property
    def keeps(self) -> frozenset[Aspect]:
        """Aspects of its object that it keeps as in its reference."""
        return frozenset()

    @property
    def wants(self) -> tuple[Any, ...]:
        """Key of what it asks for, without its weight; equal for terms that ask for the same."""
        return (type(self), self.object, self.compared, self.window, *self.references)

    @property
    def takes_raw(self) -> bool:
        """See `Wish`."""
        return True

    @property
    def change(self) -> Change | None:
        """See `Wish`; None for most terms."""
        return None

    @property
    def as_energy(self) -> "EnergyTerm | None":
        """The term itself if it is an energy term, else None."""
        return None

    @property
    def as_hold(self) -> "HoldTerm | None":
        """The term itself if it is a hold term, else None."""
        return None

    def expand(self, changes: Sequence[Change]) -> "tuple[Term, ...]":
        """Itself."""
        return (self,)

    def combined(self: TermKind, weight: float, group: str = "") -> TermKind:
        """See `Wish`."""
        path = " / ".join(part for part in (group, self.group) if part)
        return replace(self, weight=weight * self.weight, group=path)

    @abstractmethod
    def scaled(self: TermKind, share: float, held: float) -> TermKind:
        """See `Wish`."""

    def check(self, family: Family, batch: int) -> None:
        """Check that the term fits a run.

        Args:
            family: of the model that samples.
            batch: number of pictures.

        Raises:
            ValueError: a reference of another family, of other sites or of another batch size.
        """
        for record in self.references:
            check_reference(self.label, record, family, batch)


@dataclass(frozen=True, kw_only=True)
class EnergyTerm(Term):
    """A function of the properties of a pass, [B], lower is better; its gradient steers the run.

    Attributes:
        step_length: length of a normalised guidance step that it asks for, in units of
            `acting.UNIT`; None: its weight, at most 1.
        tolerance: energy below which the step shrinks in proportion, because the term has nearly
            reached its target. The default keeps steps short where a term only has to preserve
            what the picture already has: with a fifth of it, a term whose appearance target was
            already met changed pictures as much as one with a new target.
    """

    step_length: float | None = None
    tolerance: ClassVar[float] = 0.01

    @property
    def length(self) -> float:
        """`step_length`, or what follows from the weight."""
        return min(1.0, abs(self.weight)) if self.step_length is None else self.step_length

    @property
    def as_energy(self) -> "EnergyTerm | None":
        """This term."""
        return self

    def combined(self: "EnergyKind", weight: float, group: str = "") -> "EnergyKind":
        """See `Wish`; a factor below 1 also shortens the step that the term asks for."""
        term = super().combined(weight, group)
        if self.step_length is None:
            return term
        return replace(term, step_length=min(1.0, abs(weight)) * self.step_length)

    def scaled(self: "EnergyKind", share: float, held: float) -> "EnergyKind":
        """See `Wish`."""
        return replace(self.combined(share), step_length=share * self.length)

    def goal(self, seen: Properties) -> Tensor | None:
        """Target centre of its object, (x, y) as [B or 1, 2]; None if the term has no such target.

        In [0, 1] for targets inside the picture; the object is pulled there also if it is outside.

        Args:
            seen: properties of a step; targets relative to a reference are those of its noise
                level.
        """
        return None

    @abstractmethod
    def __call__(self, seen: Properties) -> Tensor:
        """Energy of every picture, [B], from the properties of a pass."""


EnergyKind = TypeVar("EnergyKind", bound=EnergyTerm)


@dataclass(frozen=True, kw_only=True)
class HoldTerm(Term):
    """Keeps a region of the denoised prediction as in a reference; subclasses define the region.

    Not in the paper, whose recipes keep the shape and the appearance of every other object, but not
    what no word names: under strong guidance the background changes colour. The energy
    E = 1/2 mean (m (D - D_ref))^2 is a function of the denoised prediction D itself, so its
    gradient needs no pass through the model: D becomes D + m (D_ref - D), the reference itself
    where m is 1.

    Attributes:
        reference: record of a run or of a real image.
        region: mask m of what is held, [B or 1, 1, h, w] in [0, 1], on any grid.
        shared: whether the regions of all terms of this kind are multiplied into one: what one of
            them leaves free, none of them holds.
        idle: its recipe is switched off, so that it does not limit the region of others.

    Raises:
        ValueError: the reference holds no picture.
    """

    reference: Record
    region: Tensor = field(init=False, repr=False, compare=False)
    idle: bool = field(default=False, compare=False)
    shared: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.reference.last.denoised is None:
            raise ValueError(
                f"the reference of '{self.label}' holds no picture; record it with a Self-Guidance "
                "KSampler or Record Image"
            )
        object.__setattr__(self, "region", self.held_region())

    @property
    def references(self) -> tuple[Record, ...]:
        """The reference."""
        return (self.reference,)

    @property
    def phrases(self) -> tuple[str, ...]:
        """None: the prompt need not name what is held."""
        return ()

    @property
    def as_hold(self) -> "HoldTerm | None":
        """This term."""
        return self

    def scaled(self: "HoldKind", share: float, held: float) -> "HoldKind":
        """See `Wish`."""
        return self.combined(held)

    @abstractmethod
    def held_region(self) -> Tensor:
        """The mask of what is held, see `region`."""

    def pull(
        self, denoised: Tensor, target: Tensor, share: float, region: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The denoised prediction moved towards the reference in a region.

        Args:
            denoised: [B, C, h, w].
            target: prediction of the reference, [B or 1, C, h, w], see `target`.
            share: factor of the weight, in [0, 1].
            region: [B or 1, 1, h, w] in [0, 1], that of this term or of all terms together.

        Returns:
            the prediction [B, C, h, w], and the energy [B] before the move.
        """
        region = region.to(denoised)
        energy = (region * (target - denoised)).float().square().flatten(1).mean(1) / 2
        return torch.lerp(denoised, target, min(1.0, self.weight * share) * region), energy

    def target(self, sigma: float, denoised: Tensor) -> Tensor:
        """The reference's denoised prediction at a noise level, [B or 1, C, h, w].

        Args:
            sigma: the noise level.
            denoised: [B, C, h, w], whose size, device and dtype the result has.

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


HoldKind = TypeVar("HoldKind", bound=HoldTerm)
