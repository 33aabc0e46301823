"""Recipes of one run act together, in any order."""

from collections.abc import Sequence
from dataclasses import fields, replace
from itertools import permutations
from typing import Any

import pytest
import torch
from selfguidance.guidance.maps.affine import Affine
from selfguidance.guidance.maps.properties import Properties
from selfguidance.guidance.plan import Plan
from selfguidance.guidance.recipes.combine import expanded
from selfguidance.guidance.recipes.transform import RECIPE_WINDOW, Balance, Recipe
from selfguidance.guidance.record.record import Record
from selfguidance.guidance.terms.appearance import Appearance
from selfguidance.guidance.terms.base import Term
from selfguidance.guidance.terms.hold import HoldRest
from selfguidance.guidance.terms.reference import Concentration, Position, Shape, Size
from selfguidance.guidance.terms.window import Window
from selfguidance.guidance.terms.wish import Wish
from selfguidance.tests.unit.guidance.toys import SITE, pictured, record, table

MOVE = Affine(dx=0.25, dy=-0.1)


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
    then = pictured()
    more = {"weight": 3.0, "window": Window(0.1, 0.4), "balance": Balance(others=0.5)}
    recipe = asked("star", then, transform, **more)
    assert same(expanded([recipe]), recipe.parts(transform))


def test_other_terms_stay_as_they_are() -> None:
    own = Size(object="star", size=0.1)
    assert expanded([own]) == (own,)
    assert expanded([own, asked("star", pictured()), own])[0] is own


def test_of_two_moves_neither_keeps_what_the_other_moves() -> None:
    then = pictured()
    terms = expanded([asked("red circle", then), asked("blue square", then)])
    assert still(terms) == ["star"]
    assert moved(terms, Shape) == [MOVE, MOVE]
    assert sum(isinstance(t, HoldRest) for t in terms) == 2
    looks = sorted(t.object for t in terms if isinstance(t, Appearance))
    assert looks == ["blue square", "red circle", "star"]


def test_what_two_moves_keep_is_kept_by_the_stronger() -> None:
    then = pictured()
    weak, strong = Balance(others=0.5), Balance(others=0.75)
    for balances in ((weak, strong), (strong, weak)):
        parts = zip(("red circle", "blue square"), balances, strict=True)
        terms = expanded([replace(asked(o, then), balance=b) for o, b in parts])
        (star,) = (t for t in terms if isinstance(t, Shape) and t.object == "star")
        assert star.weight == 0.75


@pytest.mark.parametrize("more", [Affine(scale_x=2.0), None], ids=["resize", "twice"])
def test_two_recipes_of_one_object_pull_at_it_no_harder_than_one(more: Affine | None) -> None:
    then = pictured()
    move = asked("star", then)
    alone = expanded([move])
    terms = expanded([move, move if more is None else asked("star", then, more)])

    def weights(all_of_them: Sequence[Term]) -> list[tuple[str, str, float]]:
        return sorted((type(t).__name__, t.object, t.weight) for t in all_of_them)

    assert weights(terms) == weights(alone)


def test_what_the_user_keeps_counts_beside_what_a_move_keeps() -> None:
    then = pictured()
    own = Appearance(object="star", reference=then, weight=3.0, window=RECIPE_WINDOW)
    for order in permutations([own, asked("red circle", then)]):
        stars = [t for t in expanded(order) if isinstance(t, Appearance) and t.object == "star"]
        assert len(stars) == 2 and own in stars


def test_a_second_move_is_recognised_by_its_words_not_by_its_phrase() -> None:
    then = pictured()
    assert set(still(expanded([asked("circle", then), asked("blue square", then)]))) == {"star"}


def test_moves_from_two_records_are_told_apart_by_their_phrases() -> None:
    terms = expanded([asked("red circle", pictured()), asked("blue square", pictured())])
    assert set(still(terms)) == {"star"}


def test_what_the_user_asked_for_by_a_mask_is_kept() -> None:
    mask = Shape(object="star", mask=torch.eye(2))
    assert mask in expanded([mask, asked("star", pictured())])


@pytest.mark.parametrize("off", [{"weight": 0}, {"window": Window(0.4, 0.4)}])
def test_a_move_that_is_switched_off_makes_no_other_give_way(off: dict[str, Any]) -> None:
    then = pictured()
    terms = expanded([asked("red circle", then, **off), asked("blue square", then)])
    assert set(still(terms)) == {"red circle", "star"}


def test_the_order_of_terms_does_not_matter() -> None:
    then = pictured()
    keep = Shape(object="blue square", reference=then)
    own = Shape(object="star", reference=then, transform=Affine(dx=0.1))
    parts = [asked("red circle", then), keep, asked("blue square", then, Affine(scale_x=2)), own]
    expected = expanded(parts)
    assert keep not in expected and own in expected
    assert all(same(expanded(order), expected) for order in permutations(parts))


def test_what_keeps_an_object_in_place_gives_way_to_a_move_and_its_size_to_a_resize() -> None:
    then = pictured()
    place = Position(object="circle", x=0, y=0, reference=then, settled=True)
    whole = Concentration(object="circle", x=0, y=0, reference=then)
    size = Size(object="circle", size=1, reference=then, reference_object="circle")
    shape = Shape(object="circle", reference=then)
    kept = [place, whole, size, shape]
    for transform, stays in (
        (MOVE, [size]),
        (Affine(scale_x=2), [place, whole]),
        (Affine(), kept),
    ):
        recipe = asked("red circle", then, transform)
        found = expanded([*kept, recipe])
        assert found[: len(stays)] == tuple(stays)
        assert len(found) == len(stays) + len(expanded([recipe]))


def test_what_is_asked_for_apart_from_the_reference_does_not_give_way() -> None:
    then = pictured()
    own = (
        Position(object="star", x=0, y=0),
        Size(object="star", size=1),
        Position(object="star", x=0.1, y=0, reference=then),
        Size(object="star", size=0.5, reference=then),
        Appearance(object="star", reference=then),
    )
    assert expanded([*own, asked("star", then, Affine(dx=0.1, scale_x=2))])[:5] == own


def test_a_move_and_a_resize_of_one_object_want_both_at_once() -> None:
    then, larger = pictured(), Affine(scale_x=2, scale_y=1.5)
    both = Affine(dx=0.25, dy=-0.1, scale_x=2, scale_y=1.5)
    move, resize = asked("red circle", then), asked("circle", then, larger, weight=3)
    terms = expanded([move, resize])
    assert moved(terms, Shape, HoldRest) == [both] * 4
    assert [(t.x, t.y) for t in terms if isinstance(t, Position)] == [(0.25, -0.1)] * 2
    assert [t.size for t in terms if isinstance(t, Size)] == [3.0] * 2
    assert [t.weight for t in terms if isinstance(t, Position)] == [2, 6]
    assert same(expanded([resize, move]), terms)
    thrice = expanded([move, resize, asked("red circle", then, Affine(dx=-0.05))])
    assert [t.dx for t in moved(thrice, Shape)] == pytest.approx([0.2] * 2)  # by phrase


def test_a_resize_that_is_switched_off_does_not_change_the_move() -> None:
    then = pictured()
    off = asked("red circle", then, Affine(scale_x=2), weight=0)
    assert [t.size for t in expanded([asked("red circle", then), off]) if isinstance(t, Size)] == [
        1
    ]


def test_one_recipe_that_comes_on_two_wires_moves_its_object_once() -> None:
    move = asked("star", pictured())
    assert moved(expanded([move, move, move.combined(0.5, "again")]), Shape) == [MOVE]


def test_two_moves_that_cancel_keep_the_shape_where_it_is() -> None:
    then = pictured()
    terms = [asked("star", then, Affine(dx=0.25)), asked("star", then, Affine(dx=-0.25))]
    assert still(expanded(terms)).count("star") == 1


def test_one_object_changed_relative_to_two_references_is_refused() -> None:
    terms = [asked("star", pictured()), asked("star", pictured(), Affine(scale_x=2))]
    with pytest.raises(ValueError, match="object 'star' is moved or resized relative to two"):
        expanded(terms)


def test_a_recipe_says_at_once_what_its_reference_lacks() -> None:
    with pytest.raises(ValueError, match="object 'ball' is not in the prompt 'a red circle"):
        asked("ball", pictured())
    blank = replace(pictured().steps[0].properties, denoised=None)
    with pytest.raises(ValueError, match="holds no picture"):
        asked("star", record(blank))


def test_a_recipe_in_a_sum_has_every_weight_multiplied_and_its_name_in_front() -> None:
    then = pictured()
    alone = expanded([asked("star", then, balance=Balance(rest=0.5))])
    half = expanded([asked("star", then, balance=Balance(rest=0.5)).combined(0.5, "left")])
    assert [t.weight for t in half] == pytest.approx([0.5 * t.weight for t in alone])
    assert {t.group for t in half} == {"left"}


def test_sums_of_sums_multiply_and_nest() -> None:
    term = Size(object="star", size=0.1, weight=3).combined(2, "inner").combined(0.5, "outer")
    assert (term.weight, term.group, term.size) == (3, "outer / inner", 0.1)
    assert term.combined(1) == term


def apart() -> Record:
    """A record of one step on 16 x 8 cells: the red circle left, the blue square right."""
    maps = torch.zeros(1, 9, 8, 16)
    maps[:, 1:3, 3:5, 2:4], maps[:, 5:7, 3:5, 12:14] = 1, 1
    words = table("a red circle and a blue square and a star")
    return record(
        Properties(1.0, words, {SITE: maps}, torch.rand(1, 9, 5), torch.ones(1, 4, 8, 16))
    )


def held_by(wishes: Sequence[Wish], then: Record) -> tuple[torch.Tensor, list[str]]:
    """How much of each cell is the reference's, [8, 16], and the terms that hold them."""
    plan = Plan.of(wishes, lambda percent: 1 - percent)
    every = plan.at(0.5)
    assert all(term.weight for term in (*every.energies.values(), *every.holds))
    now, energies = plan.at(0.5, then.table).held(torch.zeros(1, 4, 8, 16))
    return now[0, 0], list(energies)


def test_what_a_recipe_sets_free_stays_free_though_it_holds_nothing_itself() -> None:
    then = apart()
    free = asked("red circle", then, Affine(dy=0.25), balance=Balance(rest=0))
    holding = asked("blue square", then, Affine(dy=0.25))
    for terms in ([free, holding], [holding, free]):
        held, names = held_by(terms, then)
        assert held[4, 2] == 0 and held[6, 2] == 0  # where it was, where it goes
        assert held[4, 12] == 0 and held[0, 8] == 1
        assert names == ["all but blue square"]
    alone = Plan.of([replace(free, weight=0, balance=Balance(others=0, rest=0))], float)
    assert alone.terms == ()


def test_a_recipe_that_is_switched_off_holds_the_rest_and_frees_nothing_of_others() -> None:
    then = apart()
    off = asked("red circle", then, Affine(dy=0.25), weight=0)
    alone, _ = held_by([off], then)
    assert alone[4, 2] == 0 and alone[7, 2] == 1 and alone[4, 12] == 1
    holding = asked("blue square", then, Affine(dy=0.25))
    expected, _ = held_by([holding], then)
    for terms in ([off, holding], [holding, off]):
        held, _ = held_by(terms, then)
        assert torch.equal(held, expected)
    resting, _ = held_by([off, replace(holding, balance=Balance(rest=0))], then)
    assert torch.equal(resting, expected)
