"""What every kind of term declares of itself, so that nobody asks for its class."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from selfguidance.guidance.head.head import Head
from selfguidance.guidance.maps.affine import Affine
from selfguidance.guidance.record.feature import Feature
from selfguidance.guidance.record.record import Record
from selfguidance.guidance.terms.appearance import Appearance
from selfguidance.guidance.terms.attention import Box, Presence
from selfguidance.guidance.terms.base import Term
from selfguidance.guidance.terms.hold import HoldBeside, HoldMask, HoldRest
from selfguidance.guidance.terms.mask import HeadMask, Mask
from selfguidance.guidance.terms.reference import Concentration, Position, Shape, Size
from selfguidance.guidance.terms.window import Window
from selfguidance.guidance.terms.wish import Aspect
from selfguidance.tests.unit.guidance.toys import left, pictured

THEN, OTHER = pictured(), pictured()
MASK, TURN = left(4, 8, 4)[None], Affine(rotation=30)
AXES = torch.ones(1, 2, 5)
HEAD = Head("star", "shapes", 3, (1.0,), torch.ones(1, 5), torch.ones(1), AXES, torch.ones(1, 2))
FEATURE = Feature("shapes", "star", (1.0,), torch.ones(1, 1, 5))
STAR: dict[str, Any] = {"object": "star"}
SEEN: dict[str, Any] = {"object": "star", "reference": THEN}
PLACE, SIZE, SHAPE, LOOK = Aspect.PLACE, Aspect.SIZE, Aspect.SHAPE, Aspect.LOOK

ENERGIES: dict[str, Term] = {
    "position": Position(x=0, y=0, **STAR),
    "concentration": Concentration(x=0, y=0, **STAR),
    "size": Size(size=1, **STAR),
    "shape": Shape(mask=MASK, **STAR),
    "appearance": Appearance(feature=FEATURE, **STAR),
    "mask": Mask(mask=MASK, **STAR),
    "head mask": HeadMask(mask=MASK, head=HEAD, **STAR),
    "presence": Presence(**STAR),
    "box": Box(x=0.1, y=0.1, width=0.2, height=0.2, **STAR),
}
KEEPING: dict[str, tuple[Term, Aspect]] = {
    "position": (Position(x=0, y=0, **SEEN), PLACE),
    "concentration": (Concentration(x=0, y=0, **SEEN), PLACE),
    "size": (Size(size=1, **SEEN), SIZE),
    "shape": (Shape(**SEEN), SHAPE),
    "appearance": (Appearance(**SEEN), LOOK),
}
CHANGING: dict[str, Term] = {
    "position x": Position(x=0.1, y=0, **SEEN),
    "position y": Position(x=0, y=0.1, **SEEN),
    "concentration": Concentration(x=0.1, y=0, **SEEN),
    "size": Size(size=2, **SEEN),
    "shape": Shape(transform=TURN, **SEEN),
}
HOLDS: dict[str, Term] = {
    "rest": HoldRest(**SEEN),
    "removal": HoldRest(gone=True, **SEEN),
    "beside": HoldBeside(object="heart", reference=THEN, box=(0.1, 0.1, 0.2, 0.2)),
    "held mask": HoldMask(mask=MASK, reference=THEN),
}


def each(terms: dict[str, Any]) -> Any:
    return pytest.mark.parametrize("name", terms)


@each(KEEPING)
def test_what_has_the_targets_of_its_reference_keeps_one_aspect(name: str) -> None:
    term, aspect = KEEPING[name]
    assert term.keeps == {aspect}
    assert term.references == (THEN,)


@each(CHANGING)
def test_what_asks_for_more_than_its_reference_shows_keeps_nothing(name: str) -> None:
    assert CHANGING[name].keeps == frozenset()


@each(ENERGIES | HOLDS)
def test_what_has_a_target_of_its_own_or_holds_pixels_keeps_no_object(name: str) -> None:
    assert (ENERGIES | HOLDS)[name].keeps == frozenset()


@each(ENERGIES)
def test_a_term_without_reference_reads_no_record_at_any_level(name: str) -> None:
    term = ENERGIES[name]
    assert term.references == () and not term.reads_levels


@each(KEEPING)
def test_a_relative_term_reads_the_level_of_the_pass_unless_it_is_settled(name: str) -> None:
    term, _ = KEEPING[name]
    assert term.reads_levels
    settled: Any = replace(term, settled=True)
    assert not settled.reads_levels


@each(HOLDS)
def test_a_hold_term_reads_its_reference_at_the_level_of_the_pass(name: str) -> None:
    assert HOLDS[name].references == (THEN,) and HOLDS[name].reads_levels


def test_only_a_move_that_holds_nothing_still_frees_a_region() -> None:
    every = ENERGIES | {name: term for name, (term, _) in KEEPING.items()}
    assert not any(term.frees for term in every.values())
    frees = {name: term.frees for name, term in HOLDS.items()}
    assert frees == {"rest": True, "removal": False, "beside": True, "held mask": False}


@each(ENERGIES | HOLDS)
def test_a_term_is_of_one_of_two_kinds(name: str) -> None:
    term = (ENERGIES | HOLDS)[name]
    kinds = [kind for kind in (term.as_energy, term.as_hold) if kind is not None]
    assert len(kinds) == 1 and kinds[0] is term
    assert (term.as_hold is not None) == (name in HOLDS)


def test_only_a_removal_that_acts_changes_an_object() -> None:
    every = {
        **ENERGIES,
        "move": HOLDS["rest"],
        "beside": HOLDS["beside"],
        "held": HOLDS["held mask"],
    }
    assert all(term.change is None for term in every.values())
    removal = HOLDS["removal"]
    assert removal.change is not None
    change = (removal.change.object, removal.change.reference, removal.change.transform)
    assert change == ("star", THEN, None)
    for off in (replace(removal, weight=0), replace(removal, window=Window(0.4, 0.4))):
        assert off.change is None


# every term that recipes make, with what makes it ask for another thing
WANTING: dict[str, tuple[Callable[..., Term], dict[str, Any]]] = {
    "position x": (lambda **more: Position(**{"x": 0.1, "y": 0.2} | SEEN | more), {"x": 0.3}),
    "position y": (lambda **more: Position(**{"x": 0.1, "y": 0.2} | SEEN | more), {"y": 0.3}),
    "concentration": (lambda **more: Concentration(**{"x": 0, "y": 0} | SEEN | more), {"y": 0.3}),
    "size": (lambda **more: Size(**{"size": 1} | SEEN | more), {"size": 2}),
    "shape": (lambda **more: Shape(**SEEN | more), {"transform": TURN}),
    "appearance": (lambda **more: Appearance(**SEEN | more), {"reference_object": "red circle"}),
    "rest": (lambda **more: HoldRest(**SEEN | more), {"transform": TURN}),
}


@each(WANTING)
def test_terms_want_the_same_whatever_their_weight_and_group(name: str) -> None:
    make, differently = WANTING[name]
    own = make()
    assert own.wants == make(weight=3.0).wants == make(group="left").wants
    others: tuple[dict[str, Any], ...] = (
        differently,
        {"object": "red circle"},
        {"reference": OTHER},
        {"window": Window(0.1, 0.5)},
    )
    for other in others:
        assert own.wants != make(**other).wants, other


def test_terms_of_different_kinds_never_want_the_same() -> None:
    assert Position(x=0, y=0, **SEEN).wants != Concentration(x=0, y=0, **SEEN).wants
    beside = HoldBeside(box=(0.1, 0.1, 0.2, 0.2), **SEEN)
    assert HoldRest(**SEEN).wants != beside.wants


def test_a_phrase_that_names_itself_is_compared_with_itself() -> None:
    named = Size(size=1, reference_object="star", **SEEN)
    assert named.compared == "star"
    assert named.wants == Size(size=1, **SEEN).wants


def test_records_are_told_apart_by_identity() -> None:
    """Two records of equal steps are two references."""
    again = Record(THEN.family, THEN.steps)
    assert again != THEN and len({again, THEN}) == 2
    assert Size(size=1, **SEEN) != Size(object="star", size=1, reference=again)
