"""What the terms of one model call do: their gradient, the step along it, and what they hold.

Paper (arXiv 2306.00986, eq. 4): eps += v sigma_t grad_z g. Samplers of ComfyUI work on the denoised
prediction D with x = D + sigma eps, where the same step reads D -= v sigma^2 grad_x g. For flow
matching, with x = (1 - sigma) D + sigma n, the analogue is D -= v sigma^2 / (1 - sigma) grad_x g.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

import torch
from torch import Tensor

from .maps.properties import Properties, resample
from .terms.base import EnergyTerm, HoldTerm, Term

AnyTerm = TypeVar("AnyTerm", bound=Term)
# Root mean square of the noise correction at strength 1 by a term of weight 1, in units of the
# noise's own standard deviation.
UNIT = 0.5
# Flow matching divides by 1 - sigma, which vanishes at the first step.
FLOW_FLOOR = 0.1
# Gradients of mean-reduced energies are near 1e-6; float16 keeps no digits there. Large weights
# leave its range at the other end, so a run may lower the scale by steps, see `OverflowedError`.
LOSS_SCALE = 4096.0
SCALE_STEP = 64.0


class OverflowedError(ValueError):
    """The energies are finite but the gradient is not: half precision has been left."""


class Prediction(Enum):
    """How a model's input mixes picture and noise."""

    VARIANCE = "x = D + sigma eps (EPS and V models of ComfyUI)"
    FLOW = "x = (1 - sigma) D + sigma n"


@dataclass(frozen=True)
class Acting:
    """The terms that act in one model call.

    Attributes:
        sigma: noise level of the call.
        energies: energy terms by name.
        holds: hold terms.
        regions: where the recipes of the whole run hold the picture, each [B or 1, 1, h, w].
        strength, raw: see `Plan`.
    """

    sigma: float
    energies: Mapping[str, EnergyTerm]
    holds: tuple[HoldTerm, ...]
    regions: tuple[Tensor, ...] = ()
    strength: float = 1.0
    raw: bool = False

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
        """Gradient of the weighted sum of the energy terms.

        Args:
            seen: properties of a forward pass of x, with its graph.
            x: [B, C, h, w] input of that pass.
            scale: factor of the energies on their way back through the model.

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

    def step_length(self, energies: Mapping[str, Tensor]) -> Tensor:
        """Length [B] of a normalised step at strength 1, in units of `UNIT`.

        The longest that an energy term asks for: terms share one step, and their weights only say
        where it goes. It shrinks once every term is all but at its goal: of a gradient that
        vanishes, only rounding says where it points. A term that pushes away has no goal.

        Args:
            energies: of the terms, see `gradient`.
        """
        shares = [
            energies[name] / term.tolerance if term.weight > 0 else torch.ones_like(energies[name])
            for name, term in self.energies.items()
        ]
        longest = max(term.length for term in self.energies.values())
        return longest * torch.stack(shares).amax(0).clamp(max=1)

    def corrected(
        self,
        denoised: Tensor,
        gradient: Tensor,
        energies: Mapping[str, Tensor],
        sigma: Tensor,
        prediction: Prediction,
    ) -> Tensor:
        """The denoised prediction after one guidance step.

        Args:
            denoised: [B, C, h, w].
            gradient: of the energies by the model's input, [B, C, h, w].
            energies: [B] of each term, see `gradient`.
            sigma: noise level of every picture, [B].
            prediction: how x mixes picture and noise.
        """
        each = (-1, *[1] * (denoised.ndim - 1))
        level = sigma.float().reshape(each)
        reach = (
            level / (1 - level).clamp(min=FLOW_FLOOR) if prediction is Prediction.FLOW else level
        )
        if self.raw:
            step = self.strength * level * reach * gradient
        else:
            lengths = self.step_length(energies).to(level).reshape(each)
            step = self.strength * UNIT * lengths * reach * unit_length(gradient)
        return denoised - step.to(denoised)

    def held(self, denoised: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The denoised prediction with held regions pulled back, and each hold term's energy [B].

        Args:
            denoised: [B, C, h, w].
        """
        if not self.holds:
            return denoised, {}
        # a mask says what stays whatever the recipes do, so it has the last word
        terms = sorted(self.holds, key=lambda term: not term.shared)
        targets = {}
        for term in terms:  # recipes share their references
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
        """Where recipes hold the picture: what one sets free, no other may hold at any time."""
        common = torch.ones(())
        for region in self.regions:
            common = common * resample(region, *denoised.shape[-2:])
        return common


def strongest(terms: Sequence[HoldTerm]) -> list[HoldTerm]:
    """Of the terms that share a region, one a reference: more hold it no faster."""
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
    # by the peak first: squares of very small or large gradients leave the range of float32
    scaled = gradient / gradient.abs().amax(axes, keepdim=True).clamp(min=tiny)
    return scaled / scaled.square().mean(axes, keepdim=True).sqrt().clamp(min=tiny)


def named(terms: Sequence[AnyTerm]) -> Mapping[str, AnyTerm]:
    """Terms by group and label, numbered where that occurs twice."""
    names: dict[str, AnyTerm] = {}
    for term in terms:
        full = f"{term.group}: {term.label}" if term.group else term.label
        name, number = full, 2
        while name in names:
            name, number = f"{full} ({number})", number + 1
        names[name] = term
    return names
