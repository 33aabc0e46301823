"""What a wish changes of an object, and whom that concerns."""

import pytest
from selfguidance.guidance.maps.affine import Affine
from selfguidance.guidance.record.record import Record
from selfguidance.guidance.terms.wish import Aspect, Change
from selfguidance.tests.unit.guidance.toys import pictured

PLACE, SIZE, SHAPE, LOOK = Aspect.PLACE, Aspect.SIZE, Aspect.SHAPE, Aspect.LOOK
THEN = pictured()
MOVE = Affine(dx=0.1)


def change(object: str = "red circle", transform: Affine | None = MOVE) -> Change:
    return Change(object, THEN, transform)


@pytest.mark.parametrize(
    ("transform", "aspects"),
    [
        (Affine(), set()),
        (Affine(dx=0.1), {PLACE, SHAPE}),
        (Affine(dy=-0.1), {PLACE, SHAPE}),
        (Affine(scale_x=2), {SIZE, SHAPE}),
        (Affine(scale_x=2, scale_y=0.5), {SHAPE}),  # the area stays
        (Affine(rotation=30), {SHAPE}),
        (Affine(dx=0.1, scale_y=2), {PLACE, SIZE, SHAPE}),
        (None, {PLACE, SIZE, SHAPE, LOOK}),  # taken away
    ],
)
def test_a_change_names_what_is_another_thing_afterwards(
    transform: Affine | None, aspects: set[Aspect]
) -> None:
    assert change(transform=transform).aspects == aspects


@pytest.mark.parametrize("transform", [MOVE, None], ids=["moved", "taken away"])
@pytest.mark.parametrize(
    ("object", "concerned"),
    [("red circle", True), ("circle", True), ("a red circle", True), ("blue square", False)],
)
def test_of_its_own_reference_it_concerns_what_shares_a_word_with_its_object(
    transform: Affine | None, object: str, concerned: bool
) -> None:
    assert change(transform=transform).concerns(object, object, (THEN,)) == concerned


@pytest.mark.parametrize("references", [(), (pictured(),)], ids=["none", "another"])
def test_without_its_reference_a_move_concerns_the_same_phrase_and_a_removal_none(
    references: tuple[Record, ...],
) -> None:
    assert change().concerns("red circle", "red circle", references)
    assert not change().concerns("circle", "circle", references)
    assert not change(transform=None).concerns("red circle", "red circle", references)


def test_an_object_that_follows_another_one_is_told_by_its_own_phrase() -> None:
    assert change().concerns("red circle", "star", (THEN,))
    assert not change().concerns("star", "red circle", (THEN,))
    assert not change(transform=None).concerns("red circle", "star", (THEN,))
