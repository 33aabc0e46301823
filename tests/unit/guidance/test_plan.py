"""The guide: which terms act, one gradient, one step of known length."""

from dataclasses import dataclass

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from selfguidance.guidance import plan as module
from selfguidance.guidance.maps.properties import Properties
from selfguidance.guidance.plan import Guide, Prediction, named, unit_length
from selfguidance.guidance.terms.reference import Position, Size, Term
from selfguidance.guidance.terms.window import Window
from selfguidance.tests.unit.guidance.toys import SITE, TABLE
from torch import Tensor

ALWAYS = (1e9, 0.0)
BOTH = pytest.mark.parametrize("prediction", Prediction, ids=lambda p: p.name.lower())


@dataclass(frozen=True, kw_only=True)
class Bowl(Term):
    """Half the squared distance of the map to a level; its gradient is their difference."""

    level: float = 0.0
    factor: float = 1.0

    def __call__(self, seen: Properties) -> Tensor:
        (shown,) = seen.map(self.object)
        return self.factor * (shown - self.level).square().sum((1, 2)) / 2


def shown(x: Tensor, sigma: float = 1.0) -> Properties:
    """A pass of a model whose maps are its input."""
    return Properties(sigma, TABLE, {SITE: x})


def inputs(batch: int = 2, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, 3, 2, 4, generator=generator).requires_grad_()


def acting(*terms: Term, strength: float = 1.0, raw: bool = False) -> Guide:
    return Guide(tuple((term, *ALWAYS) for term in terms), strength, raw)


def levels(*sigmas: float) -> Tensor:
    return torch.tensor(sigmas)


def reach(sigma: float, prediction: Prediction) -> float:
    """Where the bound of flow matching does not bite."""
    return sigma / (1 - sigma) if prediction is Prediction.FLOW else sigma


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


def test_scaling_the_loss_changes_no_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    x = inputs()
    scaled, _ = acting(Bowl(object="circle")).gradient(shown(x), x)
    monkeypatch.setattr(module, "LOSS_SCALE", 1.0)
    plain, _ = acting(Bowl(object="circle")).gradient(shown(x), x)
    assert torch.equal(scaled, plain)


def test_a_small_gradient_survives_half_precision() -> None:
    x = torch.ones(1, 3, 2, 4, dtype=torch.float16, requires_grad=True)
    # half precision rounds 3.3e-8 to a multiple of 6e-8
    gradient, _ = acting(Bowl(object="circle", factor=3.3e-8)).gradient(shown(x.float()), x)
    assert gradient.dtype == torch.float32
    torch.testing.assert_close(gradient[:, 0], torch.full((1, 2, 4), 3.3e-8), rtol=2e-3, atol=0)


@BOTH
@pytest.mark.parametrize("strength", [1.0, 0.3])
def test_a_normalised_step_has_the_documented_length_in_every_picture(
    prediction: Prediction, strength: float
) -> None:
    x, denoised = inputs(), torch.zeros(2, 3, 2, 4)
    guide = acting(Bowl(object="circle"), strength=strength)
    gradient, _ = guide.gradient(shown(x), x)
    sigma = levels(0.5, 0.8)
    step = guide.correct(denoised, gradient, sigma, prediction, 1.0)
    rms = step.flatten(1).square().mean(1).sqrt().tolist()
    assert rms == pytest.approx(
        [strength * module.UNIT * reach(s, prediction) for s in sigma.tolist()], rel=1e-5
    )
    assert (step * gradient).flatten(1).sum(1).max() < 0  # downhill


@pytest.mark.parametrize(
    ("terms", "stride"),
    [
        ((Bowl(object="circle", weight=0.3),), 0.3),
        ((Bowl(object="circle", weight=-0.3), Bowl(object="square", weight=0.2)), 0.3),
        ((Bowl(object="circle"), Bowl(object="square", weight=40.0)), 1.0),
        ((Bowl(object="circle", weight=0.1, stride=1.5), Bowl(object="square")), 1.5),
        ((Bowl(object="circle", weight=0.4), Bowl(object="heart")), 0.4),  # not in the prompt
        ((), 0.0),
    ],
)
def test_a_step_is_as_long_as_the_term_asks_that_asks_for_most(
    terms: tuple[Term, ...], stride: float
) -> None:
    seen = shown(inputs())
    assert acting(*terms).stride(seen.sigma, seen.table) == pytest.approx(stride)


def test_a_step_is_whole_until_every_term_is_all_but_at_its_goal() -> None:
    near = Bowl.there / 4
    energies = {
        "bowl of circle": torch.tensor([near, near, 0.0]),
        "bowl of square": torch.tensor([9.0, 0.0, 0.0]),
    }
    guide = acting(Bowl(object="circle"), Bowl(object="square", weight=3.0))
    assert guide.remaining(shown(inputs()), energies).tolist() == [1.0, 0.25, 0.0]


def test_a_term_that_pushes_away_takes_whole_steps_where_it_begins() -> None:
    guide = acting(Bowl(object="circle"), Bowl(object="square", weight=-0.5))
    energies = {"bowl of circle": torch.zeros(2), "bowl of square": torch.zeros(2)}
    assert guide.remaining(shown(inputs()), energies).tolist() == [1.0, 1.0]


@BOTH
def test_every_picture_has_a_step_of_its_own_length(prediction: Prediction) -> None:
    x, guide = inputs(), acting(Bowl(object="circle"))
    gradient, _ = guide.gradient(shown(x), x)
    still, sigma = torch.zeros_like(x), levels(0.5, 0.5)
    whole, part = (
        guide.correct(still, gradient, sigma, prediction, stride)
        for stride in (1.0, torch.tensor([1.0, 0.25]))
    )
    torch.testing.assert_close(part, whole * torch.tensor([1.0, 0.25]).reshape(2, 1, 1, 1))


@BOTH
@pytest.mark.parametrize("raw", [True, False], ids=["raw", "normalised"])
def test_the_stride_lengthens_a_normalised_step_alone(prediction: Prediction, raw: bool) -> None:
    x = inputs()
    guide = acting(Bowl(object="circle"), raw=raw)
    gradient, _ = guide.gradient(shown(x), x)
    still = torch.zeros_like(x)
    one, more = (guide.correct(still, gradient, levels(0.5, 0.8), prediction, s) for s in (1, 1.5))
    torch.testing.assert_close(more, one if raw else 1.5 * one)


@BOTH
@given(exponent=st.floats(-30, 25))
def test_a_normalised_step_ignores_the_scale_of_the_energy(
    prediction: Prediction, exponent: float
) -> None:
    x, denoised, guide = inputs(), inputs(seed=1).detach(), acting(Bowl(object="circle"))
    gradient, _ = guide.gradient(shown(x), x)
    torch.testing.assert_close(
        guide.correct(denoised, gradient * 10**exponent, levels(0.7, 0.7), prediction, 1.0),
        guide.correct(denoised, gradient, levels(0.7, 0.7), prediction, 1.0),
    )


def test_a_normalised_step_ignores_the_batch_mates() -> None:
    x = inputs()
    guide, denoised = acting(Bowl(object="circle")), torch.zeros(2, 3, 2, 4)
    both, _ = guide.gradient(shown(x), x)
    together = guide.correct(denoised, both, levels(2, 3), Prediction.VARIANCE, 1.0)
    for i, sigma in enumerate((2.0, 3.0)):
        one = x.detach()[i : i + 1].requires_grad_()
        gradient, _ = guide.gradient(shown(one), one)
        alone = guide.correct(denoised[:1], gradient, levels(sigma), Prediction.VARIANCE, 1.0)
        torch.testing.assert_close(alone, together[i : i + 1])


@BOTH
@pytest.mark.parametrize("raw", [True, False], ids=["raw", "normalised"])
def test_no_gradient_changes_no_bit(prediction: Prediction, raw: bool) -> None:
    denoised = inputs().detach()
    guide = acting(Bowl(object="circle"), raw=raw)
    still = guide.correct(denoised, torch.zeros_like(denoised), levels(0.5, 1.0), prediction, 1.0)
    assert torch.equal(still, denoised)


@BOTH
def test_the_raw_step_is_the_papers_formula(prediction: Prediction) -> None:
    denoised, gradient = inputs(1).detach(), inputs(1, seed=1).detach()
    guide = acting(strength=7.0, raw=True)
    corrected = guide.correct(denoised, gradient, levels(0.6), prediction, 1.0)
    # sigma^2, in flow matching sigma^2 / (1 - sigma)
    factor = {Prediction.VARIANCE: 0.36, Prediction.FLOW: 0.36 / 0.4}[prediction]
    torch.testing.assert_close(corrected, denoised - 7 * factor * gradient)


@pytest.mark.parametrize("sigma", [0.9, 0.95, 1.0])
def test_a_flow_step_stays_bounded_where_the_picture_vanishes_from_the_input(sigma: float) -> None:
    step = acting().correct(
        torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2), levels(sigma), Prediction.FLOW, 1.0
    )
    assert -step[0, 0, 0, 0].item() == pytest.approx(module.UNIT * sigma / 0.1)


def test_the_correction_keeps_the_dtype_of_the_prediction() -> None:
    denoised = torch.zeros(1, 3, 2, 4, dtype=torch.float16)
    step = acting().correct(denoised, torch.ones(1, 3, 2, 4), levels(1.0), Prediction.VARIANCE, 1.0)
    assert step.dtype == torch.float16


def test_unit_length_keeps_the_direction() -> None:
    unit = unit_length(torch.tensor([[3.0, 4.0], [0.0, -2.0], [0.0, 0.0]]))
    rms = 12.5**0.5  # of 3 and 4
    torch.testing.assert_close(
        unit, torch.tensor([[3 / rms, 4 / rms], [0.0, -(2**0.5)], [0.0, 0.0]])
    )


def test_windows_select_the_terms_of_a_noise_level() -> None:
    early = Bowl(object="circle", window=Window(0, 0.5))
    late = Bowl(object="square", window=Window(0.5, 1))
    guide = Guide.over([early, late], lambda percent: 10 * (1 - percent))
    assert [guide.active(sigma) for sigma in (10, 8, 5, 2, 0)] == [
        (early,),
        (early,),
        (early, late),
        (late,),
        (late,),
    ]
    assert guide.active(10.1) == ()
    x = inputs()
    assert list(guide.gradient(shown(x, 8.0), x)[1]) == ["bowl of circle"]


def test_terms_without_effect_are_left_out() -> None:
    terms = [Bowl(object="circle", weight=0), Bowl(object="circle", window=Window(0.3, 0.3))]
    assert Guide.over(terms, float).terms == ()
    assert Guide.over([Bowl(object="circle")], float, strength=0).terms == ()
    assert Guide.over([], float).terms == ()
    kept = Guide.over([*terms, Bowl(object="square")], float, 2.0, raw=True)
    assert [term.object for term, *_ in kept.terms] == ["square"]
    assert (kept.strength, kept.raw) == (2.0, True)


def test_without_an_active_term_there_is_no_gradient() -> None:
    x = inputs()
    assert acting().gradient(shown(x), x) == (None, {})
    late = Guide(((Bowl(object="circle"), 0.5, 0.0),))
    assert late.gradient(shown(x, sigma=1.0), x) == (None, {})


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_an_energy_that_is_not_finite_is_refused_by_its_name(value: float) -> None:
    x = inputs()
    bad = Bowl(object="square", factor=value)
    with pytest.raises(ValueError, match=r"at sigma 0.25 in: bowl of square; lower the weight"):
        acting(Bowl(object="circle"), bad).gradient(shown(x, 0.25), x)


def test_an_energy_that_is_not_finite_is_refused_though_its_gradient_is() -> None:
    x = inputs()

    @dataclass(frozen=True, kw_only=True)
    class Far(Term):
        def __call__(self, seen: Properties) -> Tensor:
            return seen.map(self.object)[0].sum((1, 2)) * 0 + float("inf")

    with pytest.raises(ValueError, match="not finite at sigma 1 in: far of circle"):
        acting(Far(object="circle"), Bowl(object="square")).gradient(shown(x), x)


def test_a_gradient_that_is_not_finite_is_refused_though_every_energy_is() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Cliff(Term):
        def __call__(self, seen: Properties) -> Tensor:
            return (seen.map(self.object)[0] * 0).abs().sqrt().sum((1, 2))

    x = inputs()
    with pytest.raises(ValueError, match="in: cliff of circle, bowl of square"):
        acting(Cliff(object="circle"), Bowl(object="square")).gradient(shown(x), x)


def test_labels_that_occur_twice_are_numbered_in_order() -> None:
    terms = [Size(object="circle", size=s) for s in (0.1, 0.2, 0.3)]
    terms.insert(1, Position(object="circle", x=0, y=0))
    assert dict(named(terms)) == {
        "size of circle": terms[0],
        "position of circle": terms[1],
        "size of circle (2)": terms[2],
        "size of circle (3)": terms[3],
    }
