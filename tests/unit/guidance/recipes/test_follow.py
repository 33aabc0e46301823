"""Following a reference: which terms, with which weights, for which objects."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations

import pytest
from selfguidance.guidance.maps.affine import Affine
from selfguidance.guidance.plan import Plan
from selfguidance.guidance.recipes.combine import expanded
from selfguidance.guidance.recipes.follow import (
    APPEARANCE,
    copy_object,
    follow,
    paired,
    remove_object,
)
from selfguidance.guidance.recipes.transform import Recipe
from selfguidance.guidance.terms.appearance import Appearance
from selfguidance.guidance.terms.base import Term
from selfguidance.guidance.terms.hold import HoldRest
from selfguidance.guidance.terms.reference import Position, Shape, Size
from selfguidance.guidance.terms.window import Window
from selfguidance.tests.unit.guidance.toys import pictured, record

ALWAYS, EARLY = Window(), Window(0.1, 0.6)
SAME = {"star": "star"}


def parts(terms: tuple[Term, ...]) -> list[tuple[str, str, str, float]]:
    """Kind, object, object of the reference and weight of every term."""
    return [(type(t).__name__, t.object, t.compared, t.weight) for t in terms]


def test_layout_is_shape_place_and_size_and_the_look_counts_a_tenth() -> None:
    assert parts(follow(pictured(), SAME, 3.0, 5.0, ALWAYS)) == [
        ("Shape", "star", "star", 6.0),
        ("Position", "star", "star", 6.0),
        ("Size", "star", "star", 3.0),
        ("Appearance", "star", "star", 0.5),
    ]
    assert APPEARANCE == 0.1


def test_a_look_alone_counts_more_and_to_the_end() -> None:
    (look,) = follow(pictured(), SAME, 0, 2.0, EARLY)
    assert look.weight == pytest.approx(0.6) and look.window == Window(0.1, 1.0)
    (off,) = follow(pictured(), SAME, 0, 2.0, Window(0.3, 0.3))
    assert off.window.empty


def test_what_has_no_weight_is_no_term() -> None:
    then = pictured()
    assert [t[0] for t in parts(follow(then, SAME, 0, 1, ALWAYS))] == ["Appearance"]
    assert [t[0] for t in parts(follow(then, SAME, 1, 0, ALWAYS))] == ["Shape", "Position", "Size"]
    assert follow(then, SAME, 0, 0, ALWAYS) == ()


def test_objects_follow_those_that_they_are_paired_with() -> None:
    pairs = {"green heart": "red circle", "moon": "star"}
    terms = follow(pictured(), pairs, 1, 1, ALWAYS)
    assert [(t.object, t.compared) for t in terms] == [
        (ours, theirs) for ours, theirs in pairs.items() for _ in range(4)
    ]
    assert {t.phrases for t in terms} == {("green heart",), ("moon",)}


def test_places_are_those_where_the_reference_ended_up_and_looks_those_of_its_time() -> None:
    then = pictured()
    *place, look = follow(then, SAME, 1, 1, EARLY)
    assert all(t.settled for t in place) and isinstance(look, Appearance)
    assert all(t.references == (then,) and t.window == EARLY for t in (*place, look))


def test_a_picture_that_is_its_reference_has_no_energy() -> None:
    then = pictured()
    pairs = {name: name for name in then.table.objects}
    for term in follow(then, pairs, 1, 1, ALWAYS):
        assert term(then.last).abs().max() < 1e-6, term.label


def test_a_copy_goes_where_the_transform_takes_it() -> None:
    goes = Affine(dx=0.25, dy=-0.1, scale_x=2, scale_y=1.5)
    terms = copy_object("moon", "star", pictured(), goes, 1, 1, EARLY)
    shape, position, size, _ = terms
    assert isinstance(shape, Shape) and shape.transform == goes
    assert isinstance(position, Position) and (position.x, position.y) == (0.25, -0.1)
    assert isinstance(size, Size) and size.size == 3.0
    assert [t[:3] for t in parts(terms)] == [
        (kind, "moon", "star") for kind in ("Shape", "Position", "Size", "Appearance")
    ]


@pytest.mark.parametrize("name", ["ball", " "])
def test_an_object_that_the_reference_lacks_is_refused(name: str) -> None:
    message = f"object {name!r} is not in the prompt 'a red circle"
    with pytest.raises(ValueError, match=message):
        follow(pictured(), {"star": name}, 1, 1, ALWAYS)
    with pytest.raises(ValueError, match=message):
        copy_object("star", name, pictured(), Affine(), 0, 0, ALWAYS)
    with pytest.raises(ValueError, match=message):
        remove_object(name, pictured(), 1, ALWAYS)


def test_a_reference_that_names_no_object_is_refused() -> None:
    with pytest.raises(ValueError, match="prompt 'in the background' names no object that could"):
        follow(pictured("in the background"), {}, 1, 1, ALWAYS)


def test_removing_holds_the_rest_and_keeps_the_other_objects_in_place() -> None:
    assert parts(remove_object("red circle", pictured(), 1.5, ALWAYS)) == [
        ("HoldRest", "red circle", "red circle", 1.5),
        ("Shape", "blue square", "blue square", 3.0),
        ("Position", "blue square", "blue square", 3.0),
        ("Size", "blue square", "blue square", 1.5),
        ("Shape", "star", "star", 3.0),
        ("Position", "star", "star", 3.0),
        ("Size", "star", "star", 1.5),
    ]


def test_removing_asks_the_prompt_for_the_others_alone() -> None:
    terms = remove_object("star", pictured(), 1, ALWAYS)
    assert {p for t in terms for p in t.phrases} == {"red circle", "blue square"}


@pytest.mark.parametrize("phrase", ["circle", "red", "a red circle"])
def test_what_shares_words_with_the_removed_object_is_not_kept(phrase: str) -> None:
    kept = {t.object for t in remove_object(phrase, pictured(), 1, ALWAYS)} - {phrase}
    assert kept == {"blue square", "star"}


def test_the_only_object_leaves_nothing_but_the_rest() -> None:
    (rest,) = remove_object("star", pictured("star"), 1, ALWAYS)
    assert isinstance(rest, HoldRest) and rest.transform == Affine()


def test_the_rest_is_held_to_the_end_of_the_run() -> None:
    rest, *others = remove_object("star", pictured(), 1, EARLY)
    assert rest.window == Window(0.1, 1.0)
    assert {t.window for t in others} == {EARLY}


@pytest.mark.parametrize(("weight", "window"), [(0.0, ALWAYS), (1.0, Window(0.4, 0.4))])
def test_a_removal_that_is_switched_off_does_nothing(weight: float, window: Window) -> None:
    terms = remove_object("star", pictured(), weight, window)
    assert Plan.of(terms, lambda percent: 1 - percent).terms == ()


def named_by(terms: Sequence[Term]) -> set[str]:
    """Objects that the prompt has to name for these terms to act together."""
    return {phrase for term in expanded(terms) for phrase in term.phrases}


def test_a_removal_gives_way_to_a_move_of_another_object() -> None:
    then = pictured("red circle and star")
    move = Recipe(object="star", reference=then, transform=Affine(dx=0.25))
    removal = remove_object("red circle", then, 1, ALWAYS)
    kept = [t for t in expanded([*removal, move]) if t.object == "star" and t in removal]
    assert [type(t) for t in kept] == [Size]


def test_nothing_keeps_an_object_that_is_removed_in_whatever_order() -> None:
    then = pictured()
    circle, square = (remove_object(o, then, 1, ALWAYS) for o in ("circle", "blue square"))
    move = Recipe(object="star", reference=then, transform=Affine(dx=0.25))
    everything = follow(then, {o: o for o in then.table.objects}, 1, 1, ALWAYS)
    for order in permutations([circle, square, (move,), everything]):
        assert named_by([term for terms in order for term in terms]) == {"star"}
    assert named_by([*circle, *everything]) == {"star", "blue square"}
    held = [t for t in expanded([*circle, *square, move]) if isinstance(t, HoldRest)]
    assert {t.object for t in held} == {"circle", "blue square", "star"}


def test_what_is_asked_of_a_name_that_is_removed_elsewhere_stays() -> None:
    """Another picture's circle, the circle's place for another thing, and what a number asks."""
    then = pictured()
    own = (
        *follow(pictured(), {"red circle": "red circle"}, 1, 1, ALWAYS),
        *follow(then, {"moon": "red circle", "red circle": "star"}, 1, 1, ALWAYS),
        Position(object="red circle", x=0, y=0),
        Size(object="red circle", size=1),
        Position(object="red circle", x=0.1, y=0, reference=then),
    )
    removal = remove_object("red circle", then, 1, ALWAYS)
    assert expanded([*removal, *own]) == (*removal, *own)


@pytest.mark.parametrize(("weight", "window"), [(0.0, ALWAYS), (1.0, Window(0.4, 0.4))])
def test_a_removal_that_is_switched_off_lets_others_keep_its_object(
    weight: float, window: Window
) -> None:
    then = pictured()
    off = remove_object("star", then, weight, window)
    move = Recipe(object="red circle", reference=then, transform=Affine(dx=0.25))
    assert "star" in named_by([move, *off])


def test_a_removal_that_is_switched_off_sets_nothing_free() -> None:
    then = pictured()
    move = Recipe(object="red circle", reference=then, transform=Affine(dx=0.25))
    off = remove_object("star", then, 0, ALWAYS)
    held = Plan.of([move, *off], lambda percent: 1 - percent).terms
    assert [s.term.object for s in held if isinstance(s.term, HoldRest)] == ["red circle"]


def test_the_rest_alone_removes_nothing() -> None:
    then = pictured()
    rest = HoldRest(object="star", reference=then)
    assert "star" in named_by([rest, *follow(then, SAME, 1, 1, ALWAYS)])


def test_a_reference_without_a_picture_cannot_be_held() -> None:
    blank = record(replace(pictured().last, denoised=None))
    with pytest.raises(ValueError, match="reference of 'all but star' holds no picture"):
        remove_object("star", blank, 1, ALWAYS)


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("", {}),
        (" ,\n, ", {}),
        ("star", {"star": "star"}),
        ("green star = red circle", {"green star": "red circle"}),
        ("a=b,c = d\n e", {"a": "b", "c": "d", "e": "e"}),
        ("a = c, b = c", {"a": "c", "b": "c"}),
        ("a=b;c\uff1dd\uff0ce\u3001f\uff1bg", {"a": "b", "c": "d", "e": "e", "f": "f", "g": "g"}),
        ("a = b, b = a", {"a": "b", "b": "a"}),
    ],
)
def test_pairs_are_read_from_text(text: str, pairs: dict[str, str]) -> None:
    assert paired(text) == pairs


@pytest.mark.parametrize("text", ["= red circle", "star =", "=", "a = b = c", "x, a == b"])
def test_what_is_no_pair_is_refused_with_an_example(text: str) -> None:
    part = text.rpartition(", ")[2]
    with pytest.raises(ValueError, match=f"objects has '{part}', which is no pair; .*green star"):
        paired(text)


@pytest.mark.parametrize("text", ["a = b, a = c", "star, star", "star = moon\nStar"])
def test_an_object_that_is_there_twice_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"objects names '(a|star|Star)' twice, but an object can"):
        paired(text)
