"""The one gradient of the terms that act, and what is refused of it."""

from dataclasses import dataclass

import pytest
import torch
from selfguidance.guidance.acting import OverflowedError
from selfguidance.guidance.maps.properties import Properties
from selfguidance.guidance.terms.base import EnergyTerm
from selfguidance.tests.unit.guidance.bowls import Bowl, acting, inputs, shown
from torch import Tensor


def test_the_gradient_is_that_of_the_weighted_sum() -> None:
    x = inputs()
    first, second = Bowl(object="circle", weight=2), Bowl(object="square", level=3, weight=-0.5)
    gradient, energies = acting(first, second).gradient(shown(x), x)
    expected = torch.zeros_like(x)
    expected[:, 0], expected[:, 2] = 2 * x[:, 0], -0.5 * (x[:, 2] - 3)
    torch.testing.assert_close(gradient, expected.detach())
    assert list(energies) == ["bowl of circle", "bowl of square"]
    torch.testing.assert_close(energies["bowl of circle"], x[:, 0].square().sum((1, 2)) / 2)
    assert not energies["bowl of circle"].requires_grad


@pytest.mark.parametrize("scale", [1.0, 2.0**-6, 2.0**18])
def test_scaling_the_energies_changes_no_bit_of_the_gradient(scale: float) -> None:
    x = inputs()
    gradient, _ = acting(Bowl(object="circle")).gradient(shown(x), x, scale)
    expected = torch.zeros_like(x)
    expected[:, 0] = x[:, 0]
    assert torch.equal(gradient, expected)


def test_the_scale_keeps_a_small_gradient_from_vanishing_in_half_precision() -> None:
    x = torch.ones(1, 3, 2, 4, dtype=torch.float16, requires_grad=True)
    faint = acting(Bowl(object="circle", factor=1e-8))
    without, _ = faint.gradient(shown(x.float()), x, scale=1.0)
    scaled, _ = faint.gradient(shown(x.float()), x)
    assert not without.any()
    assert scaled[:, 0].all()


def test_a_small_gradient_survives_half_precision() -> None:
    x = torch.ones(1, 3, 2, 4, dtype=torch.float16, requires_grad=True)
    # half precision rounds 3.3e-8 to a multiple of 6e-8
    gradient, _ = acting(Bowl(object="circle", factor=3.3e-8)).gradient(shown(x.float()), x)
    assert gradient.dtype == torch.float32
    torch.testing.assert_close(gradient[:, 0], torch.full((1, 2, 4), 3.3e-8), rtol=2e-3, atol=0)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_an_energy_that_is_not_finite_is_refused_by_its_name(value: float) -> None:
    x = inputs()
    bad = Bowl(object="square", factor=value)
    with pytest.raises(
        ValueError, match=r"at sigma 0.25 in: bowl of square; lower the weight"
    ) as e:
        acting(Bowl(object="circle"), bad).gradient(shown(x, 0.25), x)
    assert e.type is ValueError


def test_an_energy_that_is_not_finite_is_refused_though_its_gradient_is() -> None:
    x = inputs()

    @dataclass(frozen=True, kw_only=True)
    class Far(EnergyTerm):
        def __call__(self, seen: Properties) -> Tensor:
            return seen.map(self.object)[0].sum((1, 2)) * 0 + float("inf")

    with pytest.raises(ValueError, match="not finite at sigma 1 in: far of circle"):
        acting(Far(object="circle"), Bowl(object="square")).gradient(shown(x), x)


def test_a_gradient_that_is_not_finite_is_refused_though_every_energy_is() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Cliff(EnergyTerm):
        def __call__(self, seen: Properties) -> Tensor:
            return (seen.map(self.object)[0] * 0).abs().sqrt().sum((1, 2))

    x = inputs()
    with pytest.raises(OverflowedError, match="in: cliff of circle, bowl of square"):
        acting(Cliff(object="circle"), Bowl(object="square")).gradient(shown(x), x)
