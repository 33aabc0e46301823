"""The gradient of a guided step against finite differences of the whole step."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from selfguidance.guidance.acting import Acting
from selfguidance.tests.host import lab

STEP = 1e-3


class Seen:
    """The gradient that was taken in the last guided call, where, and of what energy."""

    gradient: torch.Tensor
    x: torch.Tensor
    energy: float


@contextmanager
def watched() -> Iterator[Seen]:
    """Gradients are noted as they are taken."""
    seen, original = Seen(), Acting.gradient

    def gradient(acting: Any, properties: Any, x: torch.Tensor, *more: Any) -> Any:
        seen.gradient, energies = original(acting, properties, x, *more)
        seen.x = x.detach()
        seen.energy = float(sum(energy.double().sum() for energy in energies.values()))
        return seen.gradient, energies

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Acting, "gradient", gradient)
        yield seen


def noise(seed: int, *shape: int) -> torch.Tensor:
    """Double noise of that shape."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).double()


def check_slope(
    model: Any,
    sigma: float = 3.0,
    shape: tuple[int, ...] = (1, 4, 16, 24),
    step: float = STEP,
    **conds: Any,
) -> torch.Tensor:
    """Fails unless the gradient of a step is what its energy changes by; returns it.

    Args:
        model: a MODEL in double precision; one in single precision needs a larger step.
        sigma: noise level of the step.
        shape: of the latent.
        step: how far each value is moved.
        conds: positive and negative, else the lab's, and cfg.
    """
    conds = {"positive": lab.embedded(), "negative": lab.empty()} | conds
    plan = lab.always(lab.position())
    with watched() as seen:
        lab.one_step(model, plan, sigma, noise(0, *shape), **conds)
        gradient = seen.gradient.double()
        # all of it uphill, so that no part cancels another and the result is far above rounding
        direction = noise(1, *shape).abs() * gradient.sign()
        lab.one_step(model, plan, sigma, noise(0, *shape) - step * direction, **conds)
        low, below = seen.x, seen.energy
        lab.one_step(model, plan, sigma, noise(0, *shape) + step * direction, **conds)
    expected = float((gradient * (seen.x - low)).sum())
    assert expected > 1e-5
    assert seen.energy - below == pytest.approx(expected, rel=0.01)
    return gradient
