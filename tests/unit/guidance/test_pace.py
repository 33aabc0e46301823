"""How many gradients a call takes, and where they are taken."""

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from selfguidance.guidance.acting import UNIT
from selfguidance.guidance.pace import (
    KEPT,
    LAYOUT,
    LONG,
    LONGEST,
    MOST,
    PART,
    WHOLE,
    Effort,
    Pace,
    Schedule,
)
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
    assert Pace.of(sigma, below, LENGTH, prediction).gradients == parts


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
    assume(pace.gradients > 1)
    # Euler's x of a constant gradient along one axis, D = 0 elsewhere: x shrinks with the noise
    moved, level, ratio = 0.0, sigma, left ** (1 / pace.gradients)
    for _ in range(pace.gradients):
        moved = ratio * moved + (1 - ratio) * length * level
        level *= ratio
    step = pace.length / KEPT * length * sigma  # of D, in one Euler step
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
    assert 1 <= pace.gradients <= MOST
    assert math.isfinite(pace.length) and 0 <= pace.length <= 1
    reach = sigma / max(1 - sigma, 0.1) if prediction is FLOW else sigma
    moved = pace.ahead * length * reach / sigma
    assert moved <= PART + 1e-6
    if pace.gradients == 1:
        assert moved == 0
    assert WHOLE > PART


# those of Stable Diffusion with 25 and 50 steps, and of flow matching with shift 3 and 25 steps
NORMAL_25 = [
    *(14.615, 11.436, 9.077, 7.302, 5.949, 4.904, 4.086, 3.438, 2.918, 2.496, 2.149, 1.859),
    *(1.616, 1.408, 1.228, 1.071, 0.932, 0.808, 0.695, 0.591, 0.494, 0.4, 0.306, 0.203, 0.029, 0.0),
]
NORMAL_50 = [
    *(14.615, 12.937, 11.492, 10.243, 9.16, 8.219, 7.397, 6.678, 6.047, 5.49, 4.999, 4.563, 4.176),
    *(3.831, 3.522, 3.245, 2.996, 2.771, 2.567, 2.383, 2.214, 2.061, 1.92, 1.791, 1.672, 1.562),
]
FLOW_25 = [3 * (1 - i / 25) / (1 + 2 * (1 - i / 25)) for i in range(26)]


def paces(levels: list[float], effort: Effort, prediction: Prediction = VARIANCE) -> list[Pace]:
    schedule = Schedule.of(levels, prediction, effort)
    return [schedule.pace(level, LENGTH) for level in schedule.levels]


def test_every_step_takes_one_gradient_however_few_there_are() -> None:
    assert set(paces([14.6, 2.9, 0.9, 0.0], Effort.EVERY)) == {Pace()}
    assert Schedule().pace(3.0, LENGTH) == Pace()


def test_thrifty_takes_every_gradient_first_and_a_third_of_them_later() -> None:
    taken = [pace.gradients for pace in paces(NORMAL_25, Effort.THRIFTY)[:17]]
    assert taken == [1] * 8 + [0, 0, 1, 0, 0, 1, 0, 0, 1]
    lengths = [pace.length for pace in paces(NORMAL_25, Effort.THRIFTY)[:17]]
    assert lengths[:7] == [1] * 7
    assert lengths[7:17:3] == pytest.approx([2, 2, 2, 2], abs=0.2)


def test_thrifty_takes_as_many_gradients_of_twice_the_steps() -> None:
    many, some = (
        sum(
            p.gradients
            for p, x in zip(paces(levels, Effort.THRIFTY), levels, strict=False)
            if x > 2
        )
        for levels in (NORMAL_50, NORMAL_25)
    )
    assert many == pytest.approx(some, abs=1)


def test_thrifty_leaves_out_what_flow_matching_cannot_see_yet() -> None:
    schedule = Schedule.of(FLOW_25, FLOW, Effort.THRIFTY)
    taken = {x: schedule.pace(x, LENGTH).gradients for x in schedule.levels}
    assert [x for x, n in taken.items() if n and x > 0.9] == [1.0]
    assert all(n == 1 for x, n in taken.items() if 0.78 < x < 0.89)


@given(
    levels=st.lists(st.integers(10, 990), min_size=1, max_size=60, unique=True),
    prediction=st.sampled_from(Prediction),
    effort=st.sampled_from(Effort),
)
def test_a_pace_depends_on_noise_level_and_schedule_alone(
    levels: list[int], prediction: Prediction, effort: Effort
) -> None:
    levels = [level / 1000 for level in sorted(levels, reverse=True)]
    schedule = Schedule.of([*levels, 0.0], prediction, effort)
    forth = [schedule.pace(level, LENGTH) for level in levels]
    assert forth == [schedule.pace(level, LENGTH) for level in reversed(levels)][::-1]
    assert forth[0].gradients > 0
    for level, pace in zip(levels, forth, strict=True):
        assert schedule.pace(level * (1 - 1e-6), LENGTH) == pace  # other last digits
        assert 0 <= pace.gradients <= MOST and pace.length <= LONGEST


def test_the_first_call_of_a_window_takes_a_gradient() -> None:
    schedule = Schedule.of(NORMAL_25, VARIANCE, Effort.THRIFTY)
    assert schedule.pace(2.496, LENGTH).gradients == 0
    assert schedule.pace(2.496, LENGTH, starts=[14.6, 2.6]).gradients == 1


def test_an_end_that_a_sampler_writes_into_the_schedule_is_the_end() -> None:
    ended, written = (
        Schedule.of([14.6, 2.9, 0.93, last], VARIANCE, Effort.AUTO) for last in (0.0, 0.001)
    )
    assert ended == written


@pytest.mark.parametrize("length", [LENGTH, 4 * LENGTH])
def test_no_call_of_a_long_run_is_divided_whatever_its_strength(length: float) -> None:
    long = Schedule.of([14.6 * 0.7**i for i in range(LONG)], VARIANCE, Effort.AUTO)
    assert {long.pace(level, length) for level in long.levels} == {Pace()}
    short = Schedule.of([14.6 * 0.7**i for i in range(LONG - 1)], VARIANCE, Effort.AUTO)
    assert short.pace(14.6, 4 * LENGTH).gradients > 1


@pytest.mark.parametrize("effort", Effort)
def test_a_part_of_a_run_ends_at_its_last_level_not_at_0(effort: Effort) -> None:
    part = Schedule.of([14.6, 9.0, 5.0, 3.0, 1.5], VARIANCE, effort)
    assert part.pace(1.5, LENGTH) == Pace()  # heun calls the model there, too
    assert (
        part.pace(3.0, LENGTH).gradients
        == Schedule.of([14.6, 9.0, 5.0, 3.0, 1.5, 0.7, 0.0], VARIANCE, effort)
        .pace(3.0, LENGTH)
        .gradients
    )
