"""Recipes: which terms a wish turns into."""

from typing import Any

import pytest
from selfguidance.guidance.maps.affine import Affine
from selfguidance.guidance.recipes.transform import Balance, Recipe
from selfguidance.guidance.record.record import Record
from selfguidance.guidance.terms.base import EnergyTerm, Term
from selfguidance.guidance.terms.hold import HoldRest
from selfguidance.guidance.terms.reference import Position, Shape, Size
from selfguidance.guidance.terms.window import Window
from selfguidance.tests.unit.guidance.toys import pictured

MOVE = Affine(dx=0.25, dy=-0.1)


def transformed(object: str, transform: Affine, reference: Record, **more: Any) -> tuple[Term, ...]:
    """The terms of a recipe."""
    recipe = Recipe(object=object, transform=transform, reference=reference, **more)
    return recipe.parts(transform)


def wish(**more: Any) -> Recipe:
    return Recipe(object="star", transform=MOVE, reference=pictured(), **more)


def parts(terms: tuple[Term, ...]) -> list[tuple[str, str]]:
    return [(type(term).__name__, term.object) for term in terms]


def test_a_move_guides_its_object_and_keeps_every_other_one_and_the_rest() -> None:
    assert parts(transformed("red circle", MOVE, pictured())) == [
        ("Shape", "red circle"),
        ("Position", "red circle"),
        ("Size", "red circle"),
        ("Appearance", "red circle"),
        ("Shape", "blue square"),
        ("Appearance", "blue square"),
        ("Shape", "star"),
        ("Appearance", "star"),
        ("HoldRest", "red circle"),
    ]


def test_the_object_is_moved_relative_to_the_reference_and_the_others_stay() -> None:
    then = pictured()
    resize = Affine(dx=0.25, dy=-0.1, scale_x=2, scale_y=1.5)
    shape, position, size, _, *others, rest = transformed("star", resize, then)
    assert isinstance(shape, Shape) and shape.transform == resize
    assert isinstance(position, Position) and (position.x, position.y) == (0.25, -0.1)
    assert isinstance(size, Size) and size.size == 3.0
    assert isinstance(rest, HoldRest) and rest.transform == resize
    assert all(t.transform == Affine() for t in others if isinstance(t, Shape))
    assert all(t.references == (then,) for t in (shape, position, size, *others, rest))


@pytest.mark.parametrize("phrase", ["circle", "red", "red circle", "a red circle"])
def test_an_object_that_shares_words_with_the_moved_one_is_not_kept(phrase: str) -> None:
    kept = {term.object for term in transformed(phrase, MOVE, pictured())} - {phrase}
    assert kept == {"blue square", "star"}


def test_objects_of_the_same_colour_are_told_apart() -> None:
    then = pictured("a red circle and a red square")
    assert ("Shape", "red square") in parts(transformed("red circle", MOVE, then))


def test_objects_that_the_user_named_are_the_ones_kept() -> None:
    then = pictured(named=("star", "red circle"))
    assert {t.object for t in transformed("star", MOVE, then)} == {"star", "red circle"}


def test_an_object_that_the_reference_lacks_is_refused() -> None:
    with pytest.raises(ValueError, match="object 'ball' is not in the prompt 'a red circle"):
        transformed("ball", MOVE, pictured())


def test_weight_and_balance_weigh_the_parts() -> None:
    balance = Balance(shape=2, position=3, size=5, others=7, rest=0.5)
    terms = transformed("star", MOVE, pictured("star and moon"), weight=10, balance=balance)
    assert [t.weight for t in terms] == pytest.approx([20, 30, 50, 0.7, 7, 0.7, 0.5])


def test_the_window_is_that_of_every_part_but_the_rest_is_held_to_the_end() -> None:
    *guided, rest = transformed("star", MOVE, pictured(), window=Window(0.1, 0.6))
    assert {t.window for t in guided} == {Window(0.1, 0.6)}
    assert rest.window == Window(0.1, 1.0)
    *guided, rest = transformed("star", MOVE, pictured())
    assert {t.window for t in guided} == {Window(0.0, 0.7)}
    assert rest.window == Window()


def test_an_empty_window_switches_off_every_part() -> None:
    window = Window(0.4, 0.4)
    assert {t.window for t in transformed("star", MOVE, pictured(), window=window)} == {window}


def test_a_move_of_nothing_has_no_energy_at_its_reference() -> None:
    then = pictured()
    for term in transformed("red circle", Affine(), then):
        if not isinstance(term, HoldRest):
            assert term(then.steps[0].properties).abs().max() < 1e-6, term.label


def test_every_part_has_the_group_of_the_recipe_and_its_step_length() -> None:
    *guided, rest = transformed("star", MOVE, pictured(), group="left", step_length=1.2)
    assert {t.group for t in (*guided, rest)} == {"left"}
    assert {t.step_length for t in guided if isinstance(t, EnergyTerm)} == {1.2}


@pytest.mark.parametrize(
    ("weight", "step_length", "expected"),
    [(1.0, None, 1.5), (-0.5, None, 0.75), (3.0, None, 1.5), (0.5, 1.2, 1.2)],
)
def test_a_recipe_steps_by_its_weight_unless_told_how_far(
    weight: float, step_length: float | None, expected: float
) -> None:
    assert wish(weight=weight, step_length=step_length).length == expected


@pytest.mark.parametrize(
    ("factor", "step_length", "expected"),
    [(0.5, None, None), (0.5, 1.2, 0.6), (-0.5, 1.2, 0.6), (3.0, 1.2, 1.2)],
)
def test_a_sum_multiplies_all_weights_of_a_recipe_and_shortens_a_given_step(
    factor: float, step_length: float | None, expected: float | None
) -> None:
    own = wish(weight=4, step_length=step_length, balance=Balance(others=2, rest=0.5))
    found = own.combined(factor)
    assert (found.weight, found.step_length) == (4 * factor, expected)
    assert found.balance == Balance(others=2 * factor, rest=0.5 * factor)


@pytest.mark.parametrize(
    ("own", "outer", "group"),
    [("", "", ""), ("left", "", "left"), ("", "sum", "sum"), ("left", "sum", "sum / left")],
)
def test_sums_name_a_recipe_from_the_outside_in(own: str, outer: str, group: str) -> None:
    assert wish(group=own).combined(1, outer).group == group
    assert wish(group=own).combined(1).group == own


def test_in_a_stronger_run_a_recipe_steps_by_its_share_and_holds_by_that_of_holds() -> None:
    found = wish(weight=4, group="left", balance=Balance(others=2, rest=0.5)).scaled(0.5, 0.8)
    assert (found.weight, found.step_length, found.group) == (2, 0.5 * 1.5, "left")
    assert found.balance == Balance(others=1, rest=0.4)


@pytest.mark.parametrize(
    ("off", "changes"), [({}, True), ({"weight": 0}, False), ({"window": Window(0.3, 0.3)}, False)]
)
def test_a_recipe_changes_its_object_unless_it_is_switched_off(
    off: dict[str, Any], changes: bool
) -> None:
    own = wish(**off)
    assert not own.takes_raw
    assert (own.change is not None) == changes
    if own.change is not None:
        found = own.change
        assert (found.object, found.reference, found.transform) == ("star", own.reference, MOVE)
