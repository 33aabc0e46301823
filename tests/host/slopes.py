"""Check the gradient of a guided step against finite differences of the whole step."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from selfguidance.guidance.acting import Acting
from selfguidance.nodes.engine import capture
from selfguidance.tests.host import lab

STEP = 1e-3


class Seen:
    """Values of the last guided model call: latent x, energy, gradient of the energy at x.

    The gradient does not run through the shapes under which features are pooled, so those of the
    first call are used in all of them.
    """

    gradient: torch.Tensor
    x: torch.Tensor
    energy: float
    shapes: Any = None


@contextmanager
def watched() -> Iterator[Seen]:
    """Context that records the values of every guided model call."""
    seen, original, pooled = Seen(), Acting.gradient, capture.pooled

    def pool(maps: Any, features: torch.Tensor) -> torch.Tensor:
        seen.shapes = seen.shapes or {site: m.detach() for site, m in maps.items()}
        return pooled(seen.shapes, features)

    def gradient(acting: Any, properties: Any, x: torch.Tensor, *more: Any) -> Any:
        seen.gradient, energies = original(acting, properties, x, *more)
        seen.x = x.detach()
        parts = zip(acting.energies.values(), energies.values(), strict=True)
        seen.energy = float(sum(term.weight * e.double().sum() for term, e in parts))
        return seen.gradient, energies

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Acting, "gradient", gradient)
        patch.setattr(capture, "pooled", pool)
        yield seen


def noise(seed: int, *shape: int) -> torch.Tensor:
    """Standard normal noise in double precision."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).double()


def check_slope(
    model: Any,
    sigma: float = 3.0,
    shape: tuple[int, ...] = (1, 4, 16, 24),
    step: float = STEP,
    terms: Sequence[Any] = (),
    **inputs: Any,
) -> torch.Tensor:
    """Check the gradient of a step against the central difference of its energy; returns it.

    Args:
        model: a MODEL in double precision; one in single precision needs a larger step.
        sigma: noise level of the step.
        shape: of the latent.
        step: largest change of a latent value in the difference.
        terms: whose energies count; the lab's position term if none.
        inputs: positive and negative in place of the lab's, and other arguments of `lab.one_step`.
    """
    conds = {"positive": lab.embedded(), "negative": lab.empty()} | inputs
    plan = lab.always(*terms or [lab.position()])
    with watched() as seen:
        lab.one_step(model, plan, sigma, noise(0, *shape), **conds)
        gradient = seen.gradient.double()
        # every value moves uphill: nothing cancels, so the difference is far above rounding errors
        direction = noise(1, *shape).abs() * gradient.sign().reshape(shape)
        lab.one_step(model, plan, sigma, noise(0, *shape) - step * direction, **conds)
        low, below = seen.x, seen.energy
        lab.one_step(model, plan, sigma, noise(0, *shape) + step * direction, **conds)
    expected = float((gradient * (seen.x - low)).sum())
    assert expected > 1e-5
    assert seen.energy - below == pytest.approx(expected, rel=0.01)
    return gradient
