"""The guide: sums the active terms, takes one gradient, corrects the denoised prediction with it.

Paper (arXiv 2306.00986, eq. 4): eps += v sigma_t grad_z g. Samplers of ComfyUI work on the denoised
prediction D with x = D + sigma eps, where the same step reads D -= v sigma^2 grad_x g. For flow
matching, with x = (1 - sigma) D + sigma n, the analogue is D -= v sigma^2 / (1 - sigma) grad_x g.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

import torch
from torch import Tensor

from .maps.properties import Properties, resample
from .recipes.transform import resolved
from .terms.hold import Preserve, PreserveRest
from .terms.reference import Term
from .words.table import TokenTable

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
class Guide:
    """Terms with their windows as noise levels, ready for one run.

    Attributes:
        terms: term, highest and lowest sigma at which it acts.
        strength: 1 is a good default for any model, prompt and size; with `raw` the paper's v.
        raw: use the gradient as it is, with v about 7500 in the paper; else its length is
            normalised in every picture, so that strength means the same for all models, sizes and
            numbers of terms, see `stride`.
    """

    terms: tuple[tuple[Term, float, float], ...] = ()
    strength: float = 1.0
    raw: bool = False

    @classmethod
    def over(
        cls,
        terms: Sequence[Term],
        percent_to_sigma: Callable[[float], float],
        strength: float = 1.0,
        raw: bool = False,
    ) -> "Guide":
        """A guide of terms whose recipes are resolved and whose windows are noise levels now.

        Raises:
            ValueError: recipes that cannot act together.
        """
        known = [t for t in resolved(terms) if not t.window.empty] if strength != 0 else []
        # a move that holds nothing still says what it sets free, see `preserve`; a removal that
        # is switched off sets nothing free
        used = [t for t in known if t.weight != 0 or (isinstance(t, PreserveRest) and not t.gone)]
        if not any(t.weight for t in used):
            used = []
        return cls(tuple((t, *t.window.sigmas(percent_to_sigma)) for t in used), strength, raw)

    def active(self, sigma: float, table: TokenTable | None = None) -> tuple[Term, ...]:
        """Terms that act at a noise level, of those whose objects a table has, if one is given.

        Prompts of a timestep range come and go, and with them the objects that terms can act on.
        """
        return tuple(
            term
            for term, high, low in self.terms
            if term.weight != 0
            and low <= sigma <= high
            and (table is None or all(map(table.has, term.phrases)))
        )

    def steering(self, sigma: float, table: TokenTable | None = None) -> tuple[Term, ...]:
        """Those of the active terms whose gradient runs through the model: all but `Preserve`."""
        return tuple(t for t in self.active(sigma, table) if not isinstance(t, Preserve))

    def stride(self, sigma: float, table: TokenTable | None = None) -> float:
        """Length of a normalised step at strength 1, in units of `UNIT`.

        The longest that a steering term asks for: terms share one step, and their weights only say
        where it goes.
        """
        return max((term.own_stride for term in self.steering(sigma, table)), default=0.0)

    def remaining(self, seen: Properties, energies: Mapping[str, Tensor]) -> Tensor:
        """Part of a normalised step that every picture takes, [B] in [0, 1].

        All of it, until every steering term is all but at its goal: of a gradient that vanishes,
        only rounding says where it points. A term that pushes away has no goal.

        Args:
            seen: properties of the pass.
            energies: of the steering terms, see `gradient`.
        """
        terms = named(self.steering(seen.sigma, seen.table))
        shares = [
            energies[name] / term.there if term.weight > 0 else torch.ones_like(energies[name])
            for name, term in terms.items()
        ]
        return torch.stack(shares).amax(0).clamp(max=1)

    def gradient(
        self, seen: Properties, x: Tensor, scale: float = LOSS_SCALE
    ) -> tuple[Tensor | None, dict[str, Tensor]]:
        """Gradient of the weighted sum of the steering terms.

        Args:
            seen: properties of a forward pass of x, with its graph.
            x: [B, C, h, w] input of that pass.
            scale: factor of the energies on their way back through the model.

        Returns:
            gradient [B, C, h, w] in float32, None where no such term is active, and each term's
            energy [B].

        Raises:
            OverflowedError: the gradient is not finite; it may be with a smaller scale.
            ValueError: an energy is not finite.
        """
        terms = self.steering(seen.sigma, seen.table)
        if not terms:
            return None, {}
        values = {name: term(seen) for name, term in named(terms).items()}
        parts = [t.weight * value.sum() for t, value in zip(terms, values.values(), strict=True)]
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

    def correct(
        self,
        denoised: Tensor,
        gradient: Tensor,
        sigma: Tensor,
        prediction: Prediction,
        stride: Tensor | float,
    ) -> Tensor:
        """The denoised prediction after one guidance step.

        Args:
            denoised: [B, C, h, w].
            gradient: of the energies by the model's input, [B, C, h, w].
            sigma: noise level of every picture, [B].
            prediction: how x mixes picture and noise.
            stride: of the terms, [B] or one for all, see `stride`; a raw gradient has a length of
                its own.
        """
        each = (-1, *[1] * (denoised.ndim - 1))
        level = sigma.float().reshape(each)
        reach = (
            level / (1 - level).clamp(min=FLOW_FLOOR) if prediction is Prediction.FLOW else level
        )
        if self.raw:
            step = self.strength * level * reach * gradient
        else:
            length = self.strength * UNIT * torch.as_tensor(stride).to(level).reshape(each)
            step = length * reach * unit_length(gradient)
        return denoised - step.to(denoised)

    def preserve(
        self, sigma: float, table: TokenTable | None, denoised: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The denoised prediction with preserved regions pulled back, and each energy [B].

        Args:
            sigma: noise level of the pass.
            table: words of its prompt, None where no prompt with a table takes part.
            denoised: [B, C, h, w].
        """
        terms = [t for t in self.active(sigma, table) if isinstance(t, Preserve)]
        if not terms:
            return denoised, {}
        energies = {}
        common = self._held(denoised)
        # a mask says what stays whatever the recipes do, so it has the last word
        terms.sort(key=lambda term: not isinstance(term, PreserveRest))
        each = {id(term.reference): term for term in reversed(terms)}  # recipes share theirs
        targets = {key: term.target(sigma, denoised) for key, term in each.items()}
        holders = strongest(terms)
        for name, term in named(terms).items():
            own = resample(term.region, *denoised.shape[-2:])
            region = common if isinstance(term, PreserveRest) else own
            target = targets[id(term.reference)]
            held, energies[name] = term.pull(denoised, target, min(1.0, self.strength), region)
            if any(term is holder for holder in holders):
                denoised = held
        return denoised, energies

    def _held(self, denoised: Tensor) -> Tensor:
        """Where recipes hold the picture: what one sets free, no other may hold at any time."""
        rests = [term for term, *_ in self.terms if isinstance(term, PreserveRest)]
        freeing = [term for term in rests if not term.idle]
        common = torch.ones(())
        for term in freeing or rests:
            common = common * resample(term.region, *denoised.shape[-2:])
        return common


def strongest(terms: Sequence[Preserve]) -> list[Preserve]:
    """Of the recipes that hold all but their objects, one a reference: more hold it no faster."""
    rests: dict[int, Preserve] = {}
    for term in terms:
        if isinstance(term, PreserveRest):
            known = rests.setdefault(id(term.reference), term)
            if term.weight > known.weight:
                rests[id(term.reference)] = term
    return [*rests.values(), *(t for t in terms if not isinstance(t, PreserveRest))]


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
