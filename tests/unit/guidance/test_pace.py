"""How many gradients a call takes, and where they are taken."""

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from selfguidance.guidance.acting import UNIT
from selfguidance.guidance.pace import KEPT, LAYOUT, MOST, PART, WHOLE, Pace
from selfguidance.guidance.prediction import Prediction
from selfguidance.guidance.recipes.transform import STEP_LENGTH

LENGTH = UNIT * STEP_LENGTH  # of the recipes
VARIANCE, FLOW = Prediction.VARIANCE, Prediction.FLOW
# the first and longest steps of Stable Diffusion's schedule and of flow matching with shift 3
USUAL = [
    (VARIANCE, 14.615, 11.436),  # 25 steps
    (VARIANCE, 14.615, 9.683),  # 15 steps
    (VARIANCE, 1.010, 0.788),
    (FLOW, 1.0, 0.986),
    (FLOW, 0.9, 0.88),
    (FLOW, 1.0, 0.975),
    (FLOW, 0.883, 0.844),
]
FEW = [
    (VARIANCE, 14.615, 2.918, 4),  # 4 steps
    (VARIANCE, 14.615, 6.678, 3),  # 8 steps
    (FLOW, 1.0, 0.858, 4),
    (FLOW, 0.858, 0.602, 4),
    (FLOW, 0.883, 0.801, 3),
]


@pytest.mark.parametrize(("prediction", "sigma", "below"), USUAL)
def test_steps_of_usual_runs_are_not_divided(
    prediction: Prediction, sigma: float, below: float
) -> None:
    assert Pace.of(sigma, below, LENGTH, prediction) == Pace()


@pytest.mark.parametrize(("prediction", "sigma", "below", "parts"), FEW)
def test_steps_of_short_runs_take_several_gradients(
    prediction: Prediction, sigma: float, below: float, parts: int
) -> None:
    assert Pace.of(sigma, below, LENGTH, prediction).parts == parts


def test_a_call_is_not_divided_where_layout_is_decided_or_nothing_guides() -> None:
    assert Pace.of(0.9 * LAYOUT, 0.0, LENGTH, VARIANCE) == Pace()
    assert Pace.of(14.6, 2.9, 0.0, VARIANCE) == Pace()


def test_a_schedule_that_goes_up_again_divides_nothing() -> None:
    assert Pace.of(1.0, 3.0, LENGTH, VARIANCE) == Pace()


@given(
    sigma=st.floats(LAYOUT + 0.01, 100),
    left=st.floats(0.05, 0.95),
    length=st.floats(0.05, 3.0),
)
def test_parts_move_x_as_far_as_that_many_steps_of_equal_ratio(
    sigma: float, left: float, length: float
) -> None:
    pace = Pace.of(sigma, left * sigma, length, VARIANCE)
    assume(pace.parts > 1)
    # Euler's x of a constant gradient along one axis, D = 0 elsewhere: x shrinks with the noise
    moved, level, ratio = 0.0, sigma, left ** (1 / pace.parts)
    for _ in range(pace.parts):
        moved = ratio * moved + (1 - ratio) * length * level
        level *= ratio
    step = pace.share / KEPT * length * sigma  # of D, in one Euler step
    assert (1 - left) * step == pytest.approx(moved, rel=1e-4)


@given(
    prediction=st.sampled_from(Prediction),
    level=st.floats(0.01, 0.99),
    left=st.floats(0.0, 1.0),
    length=st.floats(0.05, 3.0),
)
def test_no_part_moves_x_further_than_its_bound(
    prediction: Prediction, level: float, left: float, length: float
) -> None:
    sigma = level if prediction is FLOW else level / (1 - level)
    pace = Pace.of(sigma, left * sigma, length, prediction)
    assert 1 <= pace.parts <= MOST
    assert math.isfinite(pace.share) and 0 <= pace.share <= 1
    reach = sigma / max(1 - sigma, 0.1) if prediction is FLOW else sigma
    moved = pace.ahead * length * reach / sigma
    assert moved <= PART + 1e-6
    if pace.parts == 1:
        assert moved == 0
    assert WHOLE > PART
