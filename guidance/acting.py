"""The terms of one model call: gradient of the energies, guidance step, and held regions.

Paper (arXiv 2306.00986, eq. 4): eps += v sigma_t grad_z g, with guidance weight v and energy g.
Samplers of ComfyUI work on the denoised prediction D with x = D + sigma eps, for which the same
step is D -= v sigma^2 grad_x g. For flow matching, with x = (1 - sigma) D + sigma n, the analogue
is D -= v sigma^2 / (1 - sigma) grad_x g.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import torch
from torch import Tensor

from .maps.properties import Properties, resample
from .pace import Pace
from .prediction import Prediction
from .terms.base import EnergyTerm, HoldTerm, Term

AnyTerm = TypeVar("AnyTerm", bound=Term)
# Root mean square of the noise correction at strength 1 by a term of weight 1, in units of the
# noise's own standard deviation.
UNIT = 0.5
# Loss scaling for half precision: gradients of energies that are means are near 1e-6, where float16
# has no digits. Large weights overflow instead, so a run may lower the scale, see
# `OverflowedError`.
LOSS_SCALE = 4096.0
SCALE_STEP = 64.0


class OverflowedError(ValueError):
    """The energies are finite but the gradient is not: it left the range of half precision."""


@dataclass(frozen=True)
class Acting:
    """The terms that act in one model call.

    Attributes:
        sigma: noise level of the call.
        energies: energy terms by name.
        holds: hold terms.
        regions: where the recipes of the whole run hold the picture, each [B or 1, 1, h, w] in
            [0, 1]; their product is held.
        strength, raw: see `Plan`.
        prediction: how x mixes picture and noise.
        pace: how many gradients of the energies the call takes.
    """

    sigma: float
    energies: Mapping[str, EnergyTerm]
    holds: tuple[HoldTerm, ...]
    regions: tuple[Tensor, ...] = ()
    strength: float = 1.0
    raw: bool = False
    prediction: Prediction = Prediction.VARIANCE
    pace: Pace = field(default=Pace())

    def __bool__(self) -> bool:
        """Whether any term acts."""
        return bool(self.energies or self.holds)

    @property
    def reads_features(self) -> bool:
        """Whether a gradient runs through the model's features."""
        return any(term.reads_features for term in self.energies.values())

    def gradient(
        self, seen: Properties, x: Tensor, scale: float = LOSS_SCALE
    ) -> tuple[Tensor | None, dict[str, Tensor]]:
        """Gradient of the weighted sum of the energy terms by the model's input.

        Args:
            seen: properties of a forward pass of x, with its graph.
            x: [B, C, h, w] input of that pass.
            scale: factor of the energies during the backward pass; the result is divided by it.

        Returns:
            gradient [B, C, h, w] in float32, None where no energy term acts, and each term's
            energy [B].

        Raises:
            OverflowedError: the gradient is not finite; it may be with a smaller scale.
            ValueError: an energy is not finite.
        """
        if not self.energies:
            return None, {}
        values = {name: term(seen) for name, term in self.energies.items()}
        parts = [term.weight * values[name].sum() for name, term in self.energies.items()]
        total = torch.stack(parts).sum()
        gradient = torch.autograd.grad(total * scale, x)[0].float() / scale
        if not (torch.isfinite(gradient).all() & torch.isfinite(total)):
            culprits = [name for name, value in values.items() if not torch.isfinite(value).all()]
            raise (ValueError if culprits else OverflowedError)(
                f"guidance is not finite at sigma {seen.sigma:.4g} in: "
                f"{', '.join(culprits or values)}; "
                "lower the weight of that term. If that does not help, the model itself gives "
                "values that are not finite: check a run without terms, or use --fp32-unet"
            )
        return gradient, {name: value.detach() for name, value in values.items()}

    def watched(self, seen: Properties) -> dict[str, Tensor]:
        """Energies [B] of the terms in a call without a gradient, where no features are read."""
        terms = {name: term for name, term in self.energies.items() if not term.reads_features}
        return {name: term(seen) for name, term in terms.items()}

    def step_length(self, energies: Mapping[str, Tensor]) -> Tensor:
        """Length [B] of a normalised step at strength 1, in units of `UNIT`.

        The longest that any energy term asks for: all terms share one step, and their weights only
        determine its direction. It shrinks in proportion to the largest ratio of energy to
        tolerance once all of them are below 1, because the direction of a vanishing gradient is
        rounding error. A term of negative weight pushes away from its target and counts as 1.

        Args:
            energies: of the terms, see `gradient`.
        """
        shares = [
            energies[name] / term.tolerance if term.weight > 0 else torch.ones_like(energies[name])
            for name, term in self.energies.items()
        ]
        return self.longest * torch.stack(shares).amax(0).clamp(max=1)

    @property
    def longest(self) -> float:
        """The longest step that an energy term asks for, in units of `UNIT`; 0 without any."""
        return max((term.length for term in self.energies.values()), default=0.0)

    def step(self, gradient: Tensor, energies: Mapping[str, Tensor], sigma: Tensor) -> Tensor:
        """One guidance step: what is subtracted from the denoised prediction, [B, C, h, w].

        Args:
            gradient: of the energies by the model's input, [B, C, h, w].
            energies: [B] of each term, see `gradient`.
            sigma: noise level of every picture, [B].
        """
        each = (-1, *[1] * (gradient.ndim - 1))
        level = sigma.float().reshape(each)
        reach = self.prediction.reach(level)
        if self.raw:
            return self.strength * level * reach * gradient
        lengths = self.step_length(energies).reshape(each)
        return self.strength * UNIT * lengths * reach * unit_length(gradient)

    def ahead(self, step: Tensor, share: float) -> Tensor:
        """How far x moves towards the next part of the call, [B, C, h, w]; 0 where it is held.

        Args:
            step: of the part before, see `step`.
            share: see `Pace.ahead`.
        """
        moved = self.held(-step)[0] - self.held(torch.zeros_like(step))[0]
        return share * moved

    def held(self, denoised: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The denoised prediction with held regions moved towards their references.

        Args:
            denoised: [B, C, h, w].

        Returns:
            the prediction [B, C, h, w], and the energy [B] of each hold term before the move.
        """
        if not self.holds:
            return denoised, {}
        # masks are applied last: they hold their region whatever recipes do there
        terms = sorted(self.holds, key=lambda term: not term.shared)
        targets = {}
        for term in terms:  # recipes share references, which are read once
            if term.reference not in targets:
                targets[term.reference] = term.target(self.sigma, denoised)
        energies = {}
        common, holders = self._common_region(denoised), strongest(terms)
        for name, term in named(terms).items():
            own = resample(term.region, *denoised.shape[-2:])
            region, target = common if term.shared else own, targets[term.reference]
            share = min(1.0, self.strength)
            pulled, energies[name] = term.pull(denoised, target, share, region)
            if any(term is holder for holder in holders):
                denoised = pulled
        return denoised, energies

    def _common_region(self, denoised: Tensor) -> Tensor:
        """Where recipes hold the picture: a region that one of them sets free, none holds."""
        common = torch.ones(())
        for region in self.regions:
            common = common * resample(region, *denoised.shape[-2:])
        return common


def strongest(terms: Sequence[HoldTerm]) -> list[HoldTerm]:
    """The hold terms that act: of those that share a region, the heaviest of each reference.

    Several of them on one reference would pull several times in one step.
    """
    shared: dict[object, HoldTerm] = {}
    for term in terms:
        if term.shared:
            known = shared.setdefault(term.reference, term)
            if term.weight > known.weight:
                shared[term.reference] = term
    return [*shared.values(), *(term for term in terms if not term.shared)]


def unit_length(gradient: Tensor) -> Tensor:
    """Gradient scaled to a root mean square of 1 in every picture; 0 stays 0."""
    axes, tiny = tuple(range(1, gradient.ndim)), torch.finfo(torch.float32).tiny
    # divided by the peak first: squares of very small or large gradients leave float32's range
    scaled = gradient / gradient.abs().amax(axes, keepdim=True).clamp(min=tiny)
    return scaled / scaled.square().mean(axes, keepdim=True).sqrt().clamp(min=tiny)


def named(terms: Sequence[AnyTerm]) -> Mapping[str, AnyTerm]:
    """Terms by name: group and label, with a number where a name occurs again."""
    names: dict[str, AnyTerm] = {}
    for term in terms:
        full = f"{term.group}: {term.label}" if term.group else term.label
        name, number = full, 2
        while name in names:
            name, number = f"{full} ({number})", number + 1
        names[name] = term
    return names
