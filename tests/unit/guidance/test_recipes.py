"""Recipes: which terms a request turns into."""

from collections.abc import Sequence
from dataclasses import fields, replace
from itertools import permutations
from typing import Any

import pytest
import torch
from selfguidance.guidance.energies import Appearance, Position, Shape, Size, Term
from selfguidance.guidance.guide import Guide
from selfguidance.guidance.preserve import PreserveRest
from selfguidance.guidance.properties import Properties
from selfguidance.guidance.recipes import Balance, Recipe, resolved, transform_object
from selfguidance.guidance.record import Record
from selfguidance.guidance.warp import Affine
from selfguidance.guidance.window import Window
from selfguidance.tests.unit.guidance.toys import SITE, record, table

PROMPT = "a red circle and a blue square and a star"
MOVE = Affine(dx=0.25, dy=-0.1)


def shown(prompt: str = PROMPT, named: tuple[str, ...] = ()) -> Record:
    """A run of this prompt, with random maps, features and picture."""
    words = table(prompt, named)
    maps = {SITE: torch.rand(1, len(words.words), 6, 8)}
    features = torch.rand(1, len(words.words), 5)
    return record(Properties(1.0, words, maps, features, torch.rand(1, 4, 12, 16)))


def parts(terms: tuple[Term, ...]) -> list[tuple[str, str]]:
    return [(type(term).__name__, term.object) for term in terms]


def test_a_move_guides_its_object_and_keeps_every_other_one_and_the_rest() -> None:
    assert parts(transform_object("red circle", MOVE, shown())) == [
        ("Shape", "red circle"),
        ("Position", "red circle"),
        ("Size", "red circle"),
        ("Appearance", "red circle"),
        ("Shape", "blue square"),
        ("Appearance", "blue square"),
        ("Shape", "star"),
        ("Appearance", "star"),
        ("PreserveRest", "red circle"),
    ]


def test_the_object_is_moved_relative_to_the_reference_and_the_others_stay() -> None:
    then = shown()
    resize = Affine(dx=0.25, dy=-0.1, scale_x=2, scale_y=1.5)
    shape, position, size, _, *others, rest = transform_object("star", resize, then)
    assert isinstance(shape, Shape) and shape.transform == resize
    assert isinstance(position, Position) and (position.x, position.y) == (0.25, -0.1)
    assert isinstance(size, Size) and size.size == 3.0
    assert isinstance(rest, PreserveRest) and rest.transform == resize
    assert all(t.transform == Affine() for t in others if isinstance(t, Shape))
    assert all(t.references == (then,) for t in (shape, position, size, *others, rest))


@pytest.mark.parametrize("phrase", ["circle", "red", "red circle", "a red circle"])
def test_an_object_that_shares_words_with_the_moved_one_is_not_kept(phrase: str) -> None:
    kept = {term.object for term in transform_object(phrase, MOVE, shown())} - {phrase}
    assert kept == {"blue square", "star"}


def test_objects_of_the_same_colour_are_told_apart() -> None:
    then = shown("a red circle and a red square")
    assert ("Shape", "red square") in parts(transform_object("red circle", MOVE, then))


def test_objects_that_the_user_named_are_the_ones_kept() -> None:
    then = shown(named=("star", "red circle"))
    assert {t.object for t in transform_object("star", MOVE, then)} == {"star", "red circle"}


def test_an_object_that_the_reference_lacks_is_refused() -> None:
    with pytest.raises(ValueError, match="object 'ball' is not in the prompt 'a red circle"):
        transform_object("ball", MOVE, shown())


def test_weight_and_balance_weigh_the_parts() -> None:
    balance = Balance(shape=2, position=3, size=5, others=7, rest=0.5)
    terms = transform_object("star", MOVE, shown("star and moon"), 10, None, balance)
    assert [t.weight for t in terms] == pytest.approx([20, 30, 50, 0.7, 7, 0.7, 0.5])


def test_the_window_is_that_of_every_part_but_the_rest_is_held_to_the_end() -> None:
    *guided, rest = transform_object("star", MOVE, shown(), window=Window(0.1, 0.6))
    assert {t.window for t in guided} == {Window(0.1, 0.6)}
    assert rest.window == Window(0.1, 1.0)
    *guided, rest = transform_object("star", MOVE, shown())
    assert {t.window for t in guided} == {Window(0.0, 0.7)}
    assert rest.window == Window()


def test_an_empty_window_switches_off_every_part() -> None:
    window = Window(0.4, 0.4)
    assert {t.window for t in transform_object("star", MOVE, shown(), window=window)} == {window}


def test_a_move_of_nothing_has_no_energy_at_its_reference() -> None:
    then = shown()
    for term in transform_object("red circle", Affine(), then):
        if not isinstance(term, PreserveRest):
            assert term(then.steps[0].properties).abs().max() < 1e-6, term.label


def asked(object: str, then: Record, transform: Affine = MOVE, **more: Any) -> Recipe:
    return Recipe(object=object, transform=transform, reference=then, **more)


def still(terms: tuple[Term, ...]) -> list[str]:
    """Objects whose shape is kept."""
    return [t.object for t in terms if isinstance(t, Shape) and t.transform == Affine()]


def moved(terms: tuple[Term, ...], *kinds: type[Term]) -> list[Affine]:
    """Where the moving terms and the free regions are."""
    return [t.transform for t in terms if isinstance(t, kinds) and t.transform != Affine()]


def same(first: Sequence[Term], second: Sequence[Term]) -> bool:
    """Whether two sums hold equal terms in any order; tensors are compared by what made them."""

    def key(term: Term) -> str:
        values = {f.name: getattr(term, f.name) for f in fields(term) if f.compare}
        return str({n: id(v) if isinstance(v, Record) else v for n, v in values.items()})

    return sorted(map(key, first)) == sorted(map(key, second))


@pytest.mark.parametrize("transform", [MOVE, Affine()], ids=["move", "no move"])
def test_a_recipe_alone_becomes_its_terms(transform: Affine) -> None:
    then = shown()
    terms = transform_object("star", transform, then, 3.0, Window(0.1, 0.4), Balance(others=0.5))
    more = {"weight": 3.0, "window": Window(0.1, 0.4), "balance": Balance(others=0.5)}
    assert same(resolved([asked("star", then, transform, **more)]), terms)


def test_other_terms_stay_as_they_are() -> None:
    own = Size(object="star", size=0.1)
    assert resolved([own]) == (own,)
    assert resolved([own, asked("star", shown()), own])[0] is own


def test_of_two_moves_neither_keeps_what_the_other_moves() -> None:
    then = shown()
    terms = resolved([asked("red circle", then), asked("blue square", then)])
    assert set(still(terms)) == {"star"}
    assert moved(terms, Shape) == [MOVE, MOVE]
    assert sum(isinstance(t, PreserveRest) for t in terms) == 2
    assert sum(isinstance(t, Appearance) for t in terms) == 6


def test_a_second_move_is_recognised_by_its_words_not_by_its_phrase() -> None:
    then = shown()
    assert set(still(resolved([asked("circle", then), asked("blue square", then)]))) == {"star"}


def test_moves_from_two_records_are_told_apart_by_their_phrases() -> None:
    terms = resolved([asked("red circle", shown()), asked("blue square", shown())])
    assert set(still(terms)) == {"star"}


def test_what_the_user_asked_for_by_a_mask_is_kept() -> None:
    mask = Shape(object="star", mask=torch.ones(1, 2, 2))
    assert mask in resolved([mask, asked("star", shown())])


@pytest.mark.parametrize("off", [{"weight": 0}, {"window": Window(0.4, 0.4)}])
def test_a_move_that_is_switched_off_makes_no_other_give_way(off: dict[str, Any]) -> None:
    then = shown()
    terms = resolved([asked("red circle", then, **off), asked("blue square", then)])
    assert sorted(still(terms)) == ["red circle", "star", "star"]


def test_the_order_of_terms_does_not_matter() -> None:
    then = shown()
    keep = Shape(object="blue square", reference=then)
    own = Shape(object="star", reference=then, transform=Affine(dx=0.1))
    parts = [asked("red circle", then), keep, asked("blue square", then, Affine(scale_x=2)), own]
    expected = resolved(parts)
    assert keep not in expected and own in expected
    assert all(same(resolved(order), expected) for order in permutations(parts))


def test_a_move_and_a_resize_of_one_object_want_both_at_once() -> None:
    then, larger = shown(), Affine(scale_x=2, scale_y=1.5)
    both = Affine(dx=0.25, dy=-0.1, scale_x=2, scale_y=1.5)
    move, resize = asked("red circle", then), asked("circle", then, larger, weight=3)
    terms = resolved([move, resize])
    assert moved(terms, Shape, PreserveRest) == [both] * 4
    assert [(t.x, t.y) for t in terms if isinstance(t, Position)] == [(0.25, -0.1)] * 2
    assert [t.size for t in terms if isinstance(t, Size)] == [3.0] * 2
    assert [t.weight for t in terms if isinstance(t, Position)] == [2, 6]
    assert same(resolved([resize, move]), terms)
    thrice = resolved([move, resize, asked("red circle", then, Affine(dx=-0.05))])
    assert [t.dx for t in moved(thrice, Shape)] == pytest.approx([0.2] * 3)


def test_a_resize_that_is_switched_off_does_not_change_the_move() -> None:
    then = shown()
    off = asked("red circle", then, Affine(scale_x=2), weight=0)
    assert [t.size for t in resolved([asked("red circle", then), off]) if isinstance(t, Size)] == [
        1,
        2,
    ]


def test_one_recipe_that_comes_on_two_wires_moves_its_object_once() -> None:
    move = asked("star", shown())
    assert moved(resolved([move, move, move.combined(0.5, "again")]), Shape) == [MOVE] * 3


def test_two_moves_that_cancel_keep_the_shape_where_it_is() -> None:
    then = shown()
    terms = [asked("star", then, Affine(dx=0.25)), asked("star", then, Affine(dx=-0.25))]
    assert still(resolved(terms)).count("star") == 2


def test_one_object_changed_relative_to_two_references_is_refused() -> None:
    terms = [asked("star", shown()), asked("star", shown(), Affine(scale_x=2))]
    with pytest.raises(ValueError, match="object 'star' is moved or resized relative to two"):
        resolved(terms)


def test_a_recipe_says_at_once_what_its_reference_lacks() -> None:
    with pytest.raises(ValueError, match="object 'ball' is not in the prompt 'a red circle"):
        asked("ball", shown())
    blank = replace(shown().steps[0].properties, denoised=None)
    with pytest.raises(ValueError, match="holds no picture"):
        asked("star", record(blank))


def test_a_recipe_in_a_sum_has_every_weight_multiplied_and_its_name_in_front() -> None:
    then = shown()
    alone = resolved([asked("star", then, balance=Balance(rest=0.5))])
    half = resolved([asked("star", then, balance=Balance(rest=0.5)).combined(0.5, "left")])
    assert [t.weight for t in half] == pytest.approx([0.5 * t.weight for t in alone])
    assert {t.group for t in half} == {"left"}


def test_sums_of_sums_multiply_and_nest() -> None:
    term = Size(object="star", size=0.1, weight=3).combined(2, "inner").combined(0.5, "outer")
    assert (term.weight, term.group, term.size) == (3, "outer / inner", 0.1)
    assert term.combined(1) == term


def test_what_a_recipe_sets_free_stays_free_though_it_holds_nothing_itself() -> None:
    maps = torch.zeros(1, 9, 8, 16)
    maps[:, 1:3, 3:5, 2:4], maps[:, 5:7, 3:5, 12:14] = 1, 1  # red circle left, blue square right
    words = table(PROMPT)
    then = record(
        Properties(1.0, words, {SITE: maps}, torch.rand(1, 9, 5), torch.ones(1, 4, 8, 16))
    )
    free = asked("red circle", then, Affine(dy=0.25), balance=Balance(rest=0))
    holding = asked("blue square", then, Affine(dy=0.25))
    for terms in ([free, holding], [holding, free]):
        guide = Guide.over(terms, lambda percent: 1 - percent)
        now, energies = guide.preserve(replace(then.last, sigma=0.5), torch.zeros(1, 4, 8, 16))
        assert now[0, 0, 4, 2] == 0 and now[0, 0, 6, 2] == 0  # where it was, where it goes
        assert now[0, 0, 4, 12] == 0 and now[0, 0, 0, 8] == 1
        assert list(energies) == ["all but blue square"]
        assert all(t.weight for t in guide.active(0.5))
    alone = Guide.over([replace(free, weight=0, balance=Balance(others=0, rest=0))], float)
    assert alone.terms == ()
