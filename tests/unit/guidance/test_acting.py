"""The step that terms take in one model call, and their names."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from selfguidance.guidance.acting import UNIT, Acting, named, unit_length
from selfguidance.guidance.prediction import Prediction
from selfguidance.guidance.terms.base import EnergyTerm
from selfguidance.guidance.terms.hold import HoldRest
from selfguidance.guidance.terms.reference import Position, Size
from selfguidance.tests.unit.guidance.bowls import Bowl, acting, inputs, shown
from selfguidance.tests.unit.guidance.toys import pictured
from torch import Tensor

BOTH = pytest.mark.parametrize("prediction", Prediction, ids=lambda p: p.name.lower())


def levels(*sigmas: float) -> Tensor:
    return torch.tensor(sigmas)


def reach(sigma: float, prediction: Prediction) -> float:
    """Where the bound of flow matching does not bite."""
    return sigma / (1 - sigma) if prediction is Prediction.FLOW else sigma


def far(terms: Acting, batch: int = 2) -> dict[str, Tensor]:
    """Energies [B] of terms that are far from their goals, so that steps have full length."""
    return {name: torch.full((batch,), 9.0) for name in terms.energies}


@BOTH
@pytest.mark.parametrize("strength", [1.0, 0.3])
def test_a_normalised_step_has_the_documented_length_in_every_picture(
    prediction: Prediction, strength: float
) -> None:
    x, denoised = inputs(), torch.zeros(2, 3, 2, 4)
    bowl = acting(Bowl(object="circle"), strength=strength)
    gradient, _ = bowl.gradient(shown(x), x)
    sigma = levels(0.5, 0.8)
    step = denoised - replace(bowl, prediction=prediction).step(gradient, far(bowl), sigma)
    rms = step.flatten(1).square().mean(1).sqrt().tolist()
    assert rms == pytest.approx(
        [strength * UNIT * reach(s, prediction) for s in sigma.tolist()], rel=1e-5
    )
    assert (step * gradient).flatten(1).sum(1).max() < 0  # downhill


@pytest.mark.parametrize(
    ("terms", "length"),
    [
        ((Bowl(object="circle", weight=0.3),), 0.3),
        ((Bowl(object="circle", weight=-0.3), Bowl(object="square", weight=0.2)), 0.3),
        ((Bowl(object="circle"), Bowl(object="square", weight=40.0)), 1.0),
        ((Bowl(object="circle", weight=0.1, step_length=1.5), Bowl(object="square")), 1.5),
        ((Bowl(object="circle", weight=0.4), Bowl(object="heart")), 0.4),  # not in the prompt
    ],
)
def test_a_step_is_as_long_as_the_term_asks_that_asks_for_most(
    terms: tuple[EnergyTerm, ...], length: float
) -> None:
    bowls = acting(*terms)
    assert bowls.step_length(far(bowls)).tolist() == pytest.approx([length] * 2)


def test_a_step_is_whole_until_every_term_is_all_but_at_its_goal() -> None:
    near = Bowl.tolerance / 4
    energies = {
        "bowl of circle": torch.tensor([near, near, 0.0]),
        "bowl of square": torch.tensor([9.0, 0.0, 0.0]),
    }
    bowls = acting(Bowl(object="circle"), Bowl(object="square", weight=3.0))
    assert bowls.step_length(energies).tolist() == [1.0, 0.25, 0.0]


def test_a_term_that_pushes_away_takes_whole_steps_where_it_begins() -> None:
    bowls = acting(Bowl(object="circle"), Bowl(object="square", weight=-0.5))
    energies = {"bowl of circle": torch.zeros(2), "bowl of square": torch.zeros(2)}
    assert bowls.step_length(energies).tolist() == [1.0, 1.0]


@BOTH
def test_every_picture_has_a_step_of_its_own_length(prediction: Prediction) -> None:
    x, bowl = inputs(), acting(Bowl(object="circle"))
    gradient, _ = bowl.gradient(shown(x), x)
    still, sigma = torch.zeros_like(x), levels(0.5, 0.5)
    whole, part = (
        still
        - replace(bowl, prediction=prediction).step(gradient, {"bowl of circle": energy}, sigma)
        for energy in (levels(9.0, 9.0), levels(9.0, Bowl.tolerance / 4))
    )
    torch.testing.assert_close(part, whole * torch.tensor([1.0, 0.25]).reshape(2, 1, 1, 1))


@BOTH
@pytest.mark.parametrize("raw", [True, False], ids=["raw", "normalised"])
def test_the_length_lengthens_a_normalised_step_alone(prediction: Prediction, raw: bool) -> None:
    x = inputs()
    gradient, _ = acting(Bowl(object="circle")).gradient(shown(x), x)
    steps = []
    for length in (1.0, 1.5):
        bowl = acting(Bowl(object="circle", step_length=length), raw=raw)
        still = torch.zeros_like(x)
        steps.append(
            still - replace(bowl, prediction=prediction).step(gradient, far(bowl), levels(0.5, 0.8))
        )
    torch.testing.assert_close(steps[1], steps[0] if raw else 1.5 * steps[0])


@BOTH
@given(exponent=st.floats(-30, 25))
def test_a_normalised_step_ignores_the_scale_of_the_energy(
    prediction: Prediction, exponent: float
) -> None:
    x, denoised, bowl = inputs(), inputs(seed=1).detach(), acting(Bowl(object="circle"))
    gradient, _ = bowl.gradient(shown(x), x)
    torch.testing.assert_close(
        *(
            denoised - replace(bowl, prediction=prediction).step(slope, far(bowl), levels(0.7, 0.7))
            for slope in (gradient * 10**exponent, gradient)
        )
    )


def test_a_normalised_step_ignores_the_batch_mates() -> None:
    x = inputs()
    bowl, denoised = acting(Bowl(object="circle")), torch.zeros(2, 3, 2, 4)
    both, energies = bowl.gradient(shown(x), x)
    together = denoised - bowl.step(both, energies, levels(2, 3))
    for i, sigma in enumerate((2.0, 3.0)):
        one = x.detach()[i : i + 1].requires_grad_()
        gradient, own = bowl.gradient(shown(one), one)
        alone = denoised[:1] - bowl.step(gradient, own, levels(sigma))
        torch.testing.assert_close(alone, together[i : i + 1])


@BOTH
@pytest.mark.parametrize("raw", [True, False], ids=["raw", "normalised"])
def test_no_gradient_changes_no_bit(prediction: Prediction, raw: bool) -> None:
    denoised = inputs().detach()
    bowl = acting(Bowl(object="circle"), raw=raw)
    nothing = torch.zeros_like(denoised)
    still = denoised - replace(bowl, prediction=prediction).step(
        nothing, far(bowl), levels(0.5, 1.0)
    )
    assert torch.equal(still, denoised)


@BOTH
def test_the_raw_step_is_the_papers_formula(prediction: Prediction) -> None:
    denoised, gradient = inputs(1).detach(), inputs(1, seed=1).detach()
    raw = acting(strength=7.0, raw=True)
    corrected = denoised - replace(raw, prediction=prediction).step(gradient, {}, levels(0.6))
    # sigma^2, in flow matching sigma^2 / (1 - sigma)
    factor = {Prediction.VARIANCE: 0.36, Prediction.FLOW: 0.36 / 0.4}[prediction]
    torch.testing.assert_close(corrected, denoised - 7 * factor * gradient)


@pytest.mark.parametrize("sigma", [0.9, 0.95, 1.0])
def test_a_flow_step_stays_bounded_where_the_picture_vanishes_from_the_input(sigma: float) -> None:
    bowl = acting(Bowl(object="circle", step_length=1.0))
    still, gradient = torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2)
    step = still - replace(bowl, prediction=Prediction.FLOW).step(
        gradient, far(bowl, 1), levels(sigma)
    )
    assert -step[0, 0, 0, 0].item() == pytest.approx(UNIT * sigma / 0.1)


def test_unit_length_keeps_the_direction() -> None:
    unit = unit_length(torch.tensor([[3.0, 4.0], [0.0, -2.0], [0.0, 0.0]]))
    rms = 12.5**0.5  # of 3 and 4
    torch.testing.assert_close(
        unit, torch.tensor([[3 / rms, 4 / rms], [0.0, -(2**0.5)], [0.0, 0.0]])
    )


def test_unit_length_loses_no_picture_beside_one_of_another_scale() -> None:
    unit = unit_length(torch.tensor([[3e30, 4e30], [3e-30, 4e-30]]))
    torch.testing.assert_close(unit[0], unit[1])
    torch.testing.assert_close(unit[0], torch.tensor([3.0, 4.0]) / 12.5**0.5)


def test_it_is_true_while_any_term_acts() -> None:
    bowl, rest = Bowl(object="circle"), HoldRest(object="star", reference=pictured())
    assert Acting(1.0, {"bowl": bowl}, ()) and Acting(1.0, {}, (rest,))
    assert not Acting(1.0, {}, ())


def test_labels_that_occur_twice_are_numbered_in_order() -> None:
    terms = [Size(object="circle", size=s) for s in (0.1, 0.2, 0.3)]
    terms.insert(1, Position(object="circle", x=0, y=0))
    terms.append(Size(object="circle", size=0.4, group="left"))
    assert dict(named(terms)) == {
        "size of circle": terms[0],
        "position of circle": terms[1],
        "size of circle (2)": terms[2],
        "size of circle (3)": terms[3],
        "left: size of circle": terms[4],
    }
