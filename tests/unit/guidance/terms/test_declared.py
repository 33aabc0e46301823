"""What every kind of term declares of itself, so that nobody asks for its class."""

from collections.abc import Iterable
from dataclasses import fields, replace
from importlib import import_module
from inspect import isabstract
from pkgutil import iter_modules
from typing import Any

import pytest
from selfguidance.guidance import terms
from selfguidance.guidance.maps.affine import Affine
from selfguidance.guidance.record.record import Record
from selfguidance.guidance.terms.base import EnergyTerm, Term
from selfguidance.guidance.terms.hold import HoldBeside, HoldMask, HoldRest
from selfguidance.guidance.terms.mask import HeadMask
from selfguidance.guidance.terms.reference import Concentration, Position, ReferenceTerm, Size
from selfguidance.guidance.terms.window import Window
from selfguidance.guidance.terms.wish import Aspect
from selfguidance.tests.unit.guidance.terms.examples import ABSOLUTE, HEAD, RELATIVE, STILL
from selfguidance.tests.unit.guidance.toys import left, pictured

THEN, OTHER = pictured(), pictured()
MASK, TURN = left(4, 8, 4)[None], Affine(rotation=30)
SEEN: dict[str, Any] = {"object": "star", "reference": THEN}
HEADED = HeadMask(mask=MASK, head=HEAD, object="star")  # needs no map, which laws are about

ENERGIES = {name: make() for name, make in ABSOLUTE.items()} | {"head mask": HEADED}
KEEPING = {name: (make(THEN), keeps) for name, (make, keeps) in STILL.items() if keeps}
HOLDS: dict[str, Term] = {
    "rest": HoldRest(**SEEN),
    "removal": HoldRest(gone=True, **SEEN),
    "beside": HoldBeside(object="heart", reference=THEN, box=(0.1, 0.1, 0.2, 0.2)),
    "held mask": HoldMask(mask=MASK, reference=THEN),
}


def each(terms: Iterable[str]) -> Any:
    return pytest.mark.parametrize("name", terms)


def changing(name: str) -> list[EnergyTerm]:
    """The term that keeps, each with one of the targets of the one that changes."""
    (still, _), changed = KEEPING[name], RELATIVE[name](THEN)
    shared = {field.name for field in fields(ReferenceTerm)}
    own = {f.name: getattr(changed, f.name) for f in fields(still) if f.name not in shared}
    return [
        replace(still, **{name: value})
        for name, value in own.items()
        if value != getattr(still, name)
    ]


def kinds(base: type = EnergyTerm) -> set[type]:
    """Every kind of energy term of the pack that can be made; tests have some of their own."""
    for module in iter_modules(terms.__path__):
        import_module(f"{terms.__name__}.{module.name}")
    below = {kind for one in base.__subclasses__() for kind in (one, *kinds(one))}
    return {k for k in below if not isabstract(k) and k.__module__.startswith(terms.__name__)}


def test_every_kind_of_term_has_its_examples() -> None:
    relative = {type(term) for term, _ in KEEPING.values()}
    assert {type(term) for term in ENERGIES.values()} == kinds()
    assert relative == kinds(ReferenceTerm)
    assert RELATIVE.keys() == STILL.keys()


@each(KEEPING)
def test_what_has_the_targets_of_its_reference_keeps_one_aspect(name: str) -> None:
    term, aspect = KEEPING[name]
    assert term.keeps == {aspect}
    assert term.references == (THEN,)


@each(KEEPING)
def test_what_asks_for_more_than_its_reference_shows_keeps_nothing(name: str) -> None:
    terms = changing(name)
    assert terms or KEEPING[name][1] is Aspect.LOOK  # which has no target beside the reference
    assert all(term.keeps == frozenset() for term in terms)


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


WANTING: dict[str, tuple[Term, list[Any]]] = {
    **{name: (term, changing(name)) for name, (term, _) in KEEPING.items()},
    "rest": (HOLDS["rest"], [replace(HOLDS["rest"], transform=TURN)]),
}


@each(WANTING)
def test_terms_want_the_same_whatever_their_weight_and_group(name: str) -> None:
    own, others = WANTING[name]
    assert own.wants == replace(own, weight=3.0).wants == replace(own, group="left").wants
    changes: list[dict[str, Any]] = [
        {"object": "red circle"},
        {"reference": OTHER},
        {"window": Window(0.1, 0.5)},
    ]
    for other in (*others, *(replace(own, **change) for change in changes)):
        assert own.wants != other.wants, other


@each(KEEPING)
def test_terms_want_another_thing_of_another_object_of_the_reference(name: str) -> None:
    own: Any = KEEPING[name][0]
    assert own.wants != replace(own, reference_object="star").wants


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
