"""What every term declares, so that nobody has to ask a term for its class.

Two kinds of terms steer a run. An energy term is a function of what the model shows, lowered along
its gradient; a hold term pulls a region of the denoised prediction to a reference, without one.
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

Kind = TypeVar("Kind", bound="Term")


@dataclass(frozen=True, kw_only=True)
class Term(ABC):
    """What energy terms and hold terms share.

    Attributes:
        object: phrase of the prompt.
        weight: factor of what the term does; 0 switches it off.
        window: when it acts.
        group: name of the sum that it is part of, for records and plots.
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
        """Whether it is switched on at all."""
        return self.weight != 0 and not self.window.empty

    @property
    def phrases(self) -> tuple[str, ...]:
        """Objects that the prompt has to name."""
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
        """Whether it compares with what its reference showed at the noise level of the pass."""
        return bool(self.references)

    @property
    def frees(self) -> bool:
        """Whether it sets a region free for others even where its own weight is 0."""
        return False

    @property
    def keeps(self) -> frozenset[Aspect]:
        """What of its object stays as its reference shows it."""
        return frozenset()

    @property
    def wants(self) -> tuple[Any, ...]:
        """What it asks for, whatever its weight; equal where terms ask for the same."""
        return (type(self), self.object, self.compared, self.window, *self.references)

    @property
    def takes_raw(self) -> bool:
        """See `Wish`."""
        return True

    @property
    def change(self) -> Change | None:
        """See `Wish`; most terms leave the wishes of others alone."""
        return None

    @property
    def as_energy(self) -> "EnergyTerm | None":
        """This term, if it is an energy term."""
        return None

    @property
    def as_hold(self) -> "HoldTerm | None":
        """This term, if it is a hold term."""
        return None

    def expand(self, changes: Sequence[Change]) -> "tuple[Term, ...]":
        """Itself."""
        return (self,)

    def combined(self: Kind, weight: float, group: str = "") -> Kind:
        """See `Wish`."""
        path = " / ".join(part for part in (group, self.group) if part)
        return replace(self, weight=weight * self.weight, group=path)

    @abstractmethod
    def scaled(self: Kind, share: float, held: float) -> Kind:
        """See `Wish`."""

    def check(self, family: Family, batch: int) -> None:
        """Raise a ValueError unless the term fits a run.

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
    """A function of what the model shows, [B], lower is better; its gradient steers the run.

    Attributes:
        step_length: how long a normalised step may be on its account, in units of `plan.UNIT`; its
            weight, but at most 1, if None.
        tolerance: energy below which it is all but at its goal. With a fifth of the default, a look
            that had to stay changed the picture as much as a look that had to change.
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
        """Where it wants the middle of its object, (x, y) as [B or 1, 2]; None if it says nothing.

        A goal outside the picture, or that of a mask cut by its edge, is where the term pulls to.

        Args:
            seen: properties of a step; relative goals are read at its noise level.
        """
        return None

    @abstractmethod
    def __call__(self, seen: Properties) -> Tensor:
        """Energy of every picture, [B], from the properties of a pass."""


EnergyKind = TypeVar("EnergyKind", bound=EnergyTerm)


@dataclass(frozen=True, kw_only=True)
class HoldTerm(Term):
    """A region of the denoised prediction stays as in a reference; which one, each kind says.

    Not in the paper. Its recipes keep the shape and the appearance of every other object, but
    nothing keeps what no word names: under strong guidance the background changes colour. The
    energy E = 1/2 mean (m (D - D_ref))^2 reads the denoised prediction D itself, so its gradient
    needs no pass through the model: D moves along D_ref - D by the share m, exactly onto the
    reference where m is 1.

    Attributes:
        reference: run, or real image, that shows the region.
        region: where the reference is kept, [B or 1, 1, h, w] in [0, 1], on any grid.
        shared: whether terms of this kind agree on one region: what one sets free, none holds.
        idle: its recipe is switched off, so that it sets nothing free for others.

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
        object.__setattr__(self, "region", self.kept_region())

    @property
    def references(self) -> tuple[Record, ...]:
        """The reference."""
        return (self.reference,)

    @property
    def phrases(self) -> tuple[str, ...]:
        """None: pixels are held, whether or not the prompt names what they show."""
        return ()

    @property
    def as_hold(self) -> "HoldTerm | None":
        """This term."""
        return self

    def scaled(self: "HoldKind", share: float, held: float) -> "HoldKind":
        """See `Wish`."""
        return self.combined(held)

    @abstractmethod
    def kept_region(self) -> Tensor:
        """See `region`."""

    def pull(
        self, denoised: Tensor, target: Tensor, share: float, region: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Denoised prediction moved to the reference in a region, and the energy [B] before it.

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


HoldKind = TypeVar("HoldKind", bound=HoldTerm)
