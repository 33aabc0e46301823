"""Combinations of parameters: all of them are tests, few of them run by themselves."""

import pytest
from selfguidance.tests.combined import combined


def plain(*axes: str) -> list[tuple[str, ...]]:
    return [param.values for param in combined(*axes) if not param.marks]


@pytest.mark.parametrize("axes", [("abc", "12"), ("ab", "123"), ("abcd", "12", "xyz"), ("a", "12")])
def test_every_value_is_in_a_plain_combination_and_every_combination_is_there(
    axes: tuple[str, ...],
) -> None:
    for number, axis in enumerate(axes):
        assert {values[number] for values in plain(*axes)} == set(axis)
    assert len(plain(*axes)) == max(map(len, axes))
    everything = [param.values for param in combined(*axes)]
    count = 1
    for axis in axes:
        count *= len(axis)
    assert len(set(everything)) == len(everything) == count


def test_combinations_alternate() -> None:
    assert plain("abc", "12") == [("a", "1"), ("b", "2"), ("c", "1")]
