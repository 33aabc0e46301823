"""What recipes of little or no weight do: they steer as little as they are asked to."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from selfguidance.guidance.maps.affine import Affine
from selfguidance.guidance.plan import Plan
from selfguidance.guidance.recipes.follow import follow, remove_object
from selfguidance.guidance.recipes.transform import Recipe
from selfguidance.guidance.record.record import Record
from selfguidance.guidance.terms.window import Window
from selfguidance.guidance.terms.wish import Wish
from selfguidance.tests.unit.guidance.toys import pictured

Make = Callable[[Record, float], Sequence[Wish]]
ALWAYS = Window()


def move(then: Record, weight: float) -> Sequence[Wish]:
    goes = Affine(dx=0.1)
    return [Recipe(object="star", reference=then, transform=goes, weight=weight, window=ALWAYS)]


def image(then: Record, weight: float) -> Sequence[Wish]:
    return follow(then, {"star": "star"}, weight, weight, ALWAYS)


def removal(then: Record, weight: float) -> Sequence[Wish]:
    return remove_object("star", then, weight, ALWAYS)


def length(wishes: Sequence[Wish]) -> float:
    """Step length of wishes that are far from their goals."""
    acting = Plan.of(wishes, lambda percent: 1 - percent).at(0.5)
    far = {name: torch.ones(1) for name in acting.energies}
    return acting.step_length(far).item() if far else 0.0


every = pytest.mark.parametrize("make", [move, image, removal])


@every
@pytest.mark.parametrize("weight", [0.01, 0.25])
def test_a_weight_below_1_shortens_the_step_in_proportion(make: Make, weight: float) -> None:
    then = pictured()
    assert length(make(then, weight)) == pytest.approx(weight * length(make(then, 1.0)))


@every
def test_no_weight_is_no_step_though_the_rest_is_held(make: Make) -> None:
    then = pictured()
    assert length(make(then, 0.0)) == 0
    holds = Plan.of(make(then, 0.0), lambda percent: 1 - percent).at(0.5).holds
    assert [hold.label for hold in holds] == (["all but star"] if make is move else [])


@every
def test_a_weight_above_1_lengthens_no_step(make: Make) -> None:
    then = pictured()
    assert length(make(then, 3.0)) == length(make(then, 1.0)) == pytest.approx(1.5)


@every
@pytest.mark.parametrize("weight", [0.1, 1.0])
def test_a_sum_of_little_weight_is_as_short_as_its_parts_made_with_it(
    make: Make, weight: float
) -> None:
    def summed(parts: Sequence[Any]) -> list[Wish]:
        return [part.combined(weight, "sum") for part in parts]

    then = pictured()
    assert length(summed(make(then, 1.0))) == pytest.approx(length(make(then, weight)))
