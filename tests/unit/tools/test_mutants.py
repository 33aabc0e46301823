"""Samples of mutants: which ones are drawn, and what a sample says of all."""

from itertools import pairwise

import pytest
from selfguidance.tools.quality.mutants import drawn, interval, summary, table

NAMES = [f"guidance.maps.x_mean__mutmut_{i}" for i in range(40)]


def test_a_seed_draws_the_same_mutants_in_whatever_order_they_are_listed():
    sample = drawn(NAMES, 10, seed=3)
    assert len(set(sample)) == 10
    assert set(sample) < set(NAMES)
    assert drawn(NAMES[::-1], 10, seed=3) == sample
    assert drawn(NAMES, 10, seed=4) != sample


def test_a_sample_larger_than_the_part_holds_every_mutant_once():
    assert drawn(NAMES, 60, seed=0) == sorted(NAMES)


@pytest.mark.parametrize(
    ("noticed", "tested", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611)],
)
def test_intervals_are_those_of_newcombe(noticed: int, tested: int, low: float, high: float):
    """Table I of Newcombe, Statistics in Medicine 17 (1998) 857, the row of method 3."""
    assert interval(noticed, tested) == pytest.approx((low, high), abs=5e-5)
    assert interval(tested - noticed, tested) == pytest.approx((1 - high, 1 - low), abs=5e-5)


def test_a_larger_sample_says_more():
    widths = [high - low for low, high in (interval(9 * n, 10 * n) for n in (1, 4, 40))]
    assert all(before > after for before, after in pairwise(widths))


def test_the_summary_counts_timeouts_as_noticed_and_untested_functions_as_missed():
    found = dict(zip(NAMES, ["killed", "timeout", "survived", "no tests"], strict=False))
    low, high = interval(2, 4)
    assert summary(found, made=40, seed=7) == (
        f"tested 4 of 40 mutants: 50.0% noticed, 95 % interval {low:.1%} to {high:.1%} "
        "(sample of seed 7)"
    )


def test_a_part_that_was_tested_as_a_whole_has_no_interval():
    text = summary(dict.fromkeys(NAMES, "killed"), made=40, seed=0)
    assert text == "tested 40 of 40 mutants: 100.0% noticed"


def test_the_table_lists_modules_in_order_and_then_all_of_them():
    found = dict.fromkeys(("b.x_f__mutmut_1", "b.x_f__mutmut_2"), "killed")
    found["a.x_g__mutmut_1"] = "survived"
    rows = [line.split() for line in table(found).splitlines()[1:]]
    assert rows == [["a", "0", "1", "0.0%"], ["b", "2", "0", "100.0%"], ["all", "2", "1", "66.7%"]]
