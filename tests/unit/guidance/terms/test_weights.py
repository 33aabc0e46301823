"""What a factor does to a term: in a sum of wishes, and in a run of another strength."""

import pytest
from selfguidance.guidance.terms.hold import HoldRest
from selfguidance.guidance.terms.reference import Size
from selfguidance.tests.unit.guidance.toys import pictured


def sized(weight: float = 1.0, step_length: float | None = None, group: str = "") -> Size:
    return Size(object="star", size=0.1, weight=weight, step_length=step_length, group=group)


@pytest.mark.parametrize(
    ("factor", "step_length", "expected"),
    [(0.5, None, None), (0.5, 1.5, 0.75), (-0.5, 1.5, 0.75), (0.5, 0.5, 0.25), (3.0, 1.5, 1.5)],
)
def test_a_sum_multiplies_weights_and_shortens_given_steps(
    factor: float, step_length: float | None, expected: float | None
) -> None:
    term = sized(4.0, step_length).combined(factor)
    assert (term.weight, term.step_length) == (4 * factor, expected)


@pytest.mark.parametrize(
    ("own", "outer", "group"),
    [("", "", ""), ("left", "", "left"), ("", "sum", "sum"), ("left", "sum", "sum / left")],
)
def test_sums_name_their_terms_from_the_outside_in(own: str, outer: str, group: str) -> None:
    assert sized(group=own).combined(1, outer).group == group
    assert sized(group=own).combined(1).group == own


@pytest.mark.parametrize(
    ("weight", "step_length", "expected"),
    [(0.4, None, 0.2), (-0.4, None, 0.2), (4.0, None, 0.5), (4.0, 1.5, 0.75)],
)
def test_in_a_stronger_run_an_energy_term_weighs_and_steps_by_its_share(
    weight: float, step_length: float | None, expected: float
) -> None:
    term = sized(weight, step_length).scaled(0.5, 0.9)
    assert (term.weight, term.step_length) == pytest.approx((weight / 2, expected))


def test_in_a_stronger_run_a_hold_term_holds_by_the_share_of_holds() -> None:
    own = HoldRest(object="star", reference=pictured(), weight=0.5, group="left")
    term = own.scaled(0.1, 0.5)
    assert (term.weight, term.group) == (0.25, "left")
