"""Records: what a run showed at a noise level, also between its steps."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from selfguidance.guidance.maps.properties import Properties
from selfguidance.guidance.record.record import moved
from selfguidance.tests.unit.guidance.toys import OTHER, SITE, TABLE, record, seen, table

CPU = torch.device("cpu")


def step(sigma: float, level: float, full: bool = True) -> Properties:
    """A pass whose every value is `level`."""
    maps = {SITE: torch.full((2, 3, 2, 4), level), OTHER: torch.full((2, 3, 3, 3), -level)}
    if not full:
        return Properties(sigma, TABLE, maps)
    features, denoised = torch.full((2, 3, 5), level), torch.full((2, 4, 6, 8), level)
    return Properties(sigma, TABLE, maps, features, denoised, torch.full((2, 5, 3, 4), level))


def level(properties: Properties) -> float:
    """The value of a pass of `step`, checked to be the same everywhere."""
    values = [properties.maps[SITE], -properties.maps[OTHER]]
    rest = (properties.features, properties.denoised, properties.feature_grid)
    values += [v for v in rest if v is not None]
    value = values[0].flatten()[0].item()
    for tensor in values:
        torch.testing.assert_close(tensor, torch.full_like(tensor, value))
    return value


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_a_run_answers_between_its_steps_linearly_in_log_sigma(order: tuple[int, ...]) -> None:
    steps = [step(16, 1.0), step(4, 2.0), step(1, 4.0)]
    run = record(*(steps[i] for i in order))
    # log sigma: 16 -> 4, 8 -> 3, 4 -> 2, 2 -> 1, 1 -> 0
    assert level(run.at(8)) == pytest.approx(1.5)
    assert level(run.at(2)) == pytest.approx(3.0)
    assert level(run.at(4 * 2**0.5)) == pytest.approx(2.0 - 0.25)
    assert run.at(8).sigma == pytest.approx(8)


@pytest.mark.parametrize(("sigma", "value"), [(16, 1.0), (4, 2.0), (1, 4.0)])
def test_a_run_answers_at_its_own_steps_exactly(sigma: float, value: float) -> None:
    run = record(step(16, 1.0), step(4, 2.0), step(1, 4.0))
    assert level(run.at(sigma)) == value and run.at(sigma).sigma == sigma


@pytest.mark.parametrize(("sigma", "value"), [(100, 1.0), (0.5, 4.0), (0, 4.0)])
def test_a_run_answers_outside_its_range_with_the_nearest_step(sigma: float, value: float) -> None:
    run = record(step(16, 1.0), step(1, 4.0))
    assert level(run.at(sigma)) == value


def test_a_step_at_sigma_zero_has_no_logarithm_and_is_not_mixed() -> None:
    run = record(step(1, 4.0), step(0, 8.0))
    assert level(run.at(0.5)) == 4.0
    assert level(run.at(0)) == 8.0


@given(st.floats(0.01, 100), st.lists(st.floats(0.02, 80), min_size=1, max_size=5))
def test_an_answer_never_leaves_the_range_of_its_steps(sigma: float, sigmas: list[float]) -> None:
    run = record(*(step(s, math.log(s)) for s in sigmas))
    nearest = min(max(sigma, min(sigmas)), max(sigmas))
    assert level(run.at(sigma)) == pytest.approx(math.log(nearest), abs=1e-4)


def test_what_one_neighbour_lacks_is_missing_between_them() -> None:
    for lacking in (4, 1):
        run = record(*(step(s, v, full=s != lacking) for s, v in ((4, 1.0), (1, 2.0))))
        between = run.at(2)
        assert between.features is None
        assert between.denoised is None
        assert between.feature_grid is None
        assert level(between) == pytest.approx(1.5)


def test_answers_are_float32_though_steps_are_stored_in_half_precision() -> None:
    run = record(moved(step(4, 1.0), CPU, torch.float16), moved(step(1, 2.0), CPU, torch.float16))
    for answer in (run.at(4), run.at(2), run.settled()):
        assert answer.maps[SITE].dtype == torch.float32
        assert answer.feature_grid is not None and answer.feature_grid.dtype == torch.float32


def test_answers_come_on_the_device_of_the_tensor_they_are_wanted_for() -> None:
    like = torch.empty(0, device="meta")
    run = record(step(4, 1.0), step(1, 2.0))
    answer = run.at(4, like)
    maps = answer.maps[SITE], answer.maps[OTHER]
    for tensor in (*maps, answer.features, answer.denoised, answer.feature_grid):
        assert tensor.device.type == "meta"
    assert run.settled(like).maps[SITE].device.type == "meta"


def test_the_settled_maps_are_the_mean_of_the_last_half() -> None:
    run = record(*(step(8 - i, float(2**i), full=False) for i in range(4)))
    assert level(run.settled()) == (4 + 8) / 2
    assert level(run.settled(share=1.0)) == (1 + 2 + 4 + 8) / 4
    assert level(run.settled(share=0.01)) == 8
    assert level(run.settled(share=0.3)) == 8
    assert level(run.settled(share=0.75)) == pytest.approx(14 / 3)
    assert run.settled().sigma == 5


def test_a_record_knows_its_words_pictures_and_noise_levels() -> None:
    run = record(step(4, 1.0), step(1, 2.0))
    assert run.table is TABLE
    assert run.batch == 2
    assert run.sigmas == (4, 1)
    assert [s.properties.sigma for s in run] == [4, 1]


def test_moving_detaches_and_converts_everything() -> None:
    live = Properties(
        1.0,
        TABLE,
        {SITE: torch.rand(1, 3, 2, 2, requires_grad=True)},
        torch.rand(1, 3, 2, requires_grad=True),
        torch.rand(1, 4, 2, 2, requires_grad=True),
    )
    kept = moved(live, CPU, torch.float16)
    for tensor in (kept.maps[SITE], kept.features, kept.denoised):
        assert tensor.dtype == torch.float16
        assert not tensor.requires_grad


def test_moving_keeps_what_is_missing_missing() -> None:
    kept = moved(step(1, 1.0, full=False), CPU, torch.float16)
    assert kept.features is None
    assert kept.denoised is None


def test_an_empty_record_says_what_its_run_lacked() -> None:
    with pytest.raises(
        ValueError, match="the record is empty, because its run saw no token table or took no"
    ):
        _ = record().table
    assert record().sigmas == ()


def test_a_prompt_that_comes_and_goes_during_the_run_is_not_mixed_with_the_others() -> None:
    longer = table("a circle and a square")
    wide = Properties(4.0, longer, {SITE: torch.rand(1, 5, 4, 4)})
    early, late = seen(torch.rand(4, 4), sigma=2.0), seen(torch.rand(4, 4), sigma=1.0)
    run = record(wide, early, late)
    torch.testing.assert_close(run.at(3.0).maps[SITE], wide.maps[SITE])
    settled = run.settled(share=1.0).maps[SITE]
    torch.testing.assert_close(settled, (early.maps[SITE] + late.maps[SITE]) / 2)


def test_an_object_is_read_where_the_prompt_named_it() -> None:
    short, longer = table("a circle"), table("a circle and a square")
    early = Properties(8.0, short, {SITE: torch.rand(1, 2, 4, 4)})
    late = Properties(2.0, longer, {SITE: torch.rand(1, 5, 4, 4)})
    run = record(early, late)
    assert run.at(8.0, naming="circle").table == short
    assert run.at(8.0, naming="square").table == longer
    torch.testing.assert_close(run.at(8.0, naming="square").maps[SITE], late.maps[SITE])
    assert run.at(8.0, naming="star").table == short  # nobody named it: the terms say so
