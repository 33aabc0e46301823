"""Names of boxes, as the objects of a layout and of its reference that they mean."""

from typing import Any

import pytest
from selfguidance.guidance.layout.terms import layout_terms
from selfguidance.tests.unit.guidance.boxed import (
    BOX,
    NEXT,
    PLACE,
    added,
    layout,
    moved,
    names,
    other,
    placed,
)
from selfguidance.tests.unit.guidance.toys import pictured


def labelled(*labels: str) -> list[dict[str, Any]]:
    return [{**box, "label": label} for box, label in zip([BOX, NEXT], labels, strict=False)]


@pytest.mark.parametrize("name", ["the red circle", "Red-Circle", "circle", "first red circle"])
@pytest.mark.parametrize("listed", [True, False], ids=["on the canvas", "of the reference"])
def test_a_name_is_that_of_the_object_whose_words_it_has(name: str, listed: bool) -> None:
    canvas = layout(*([moved("red circle")] if listed else []))
    result = placed(labelled(name), objects=canvas, then=pictured())
    assert [(o.phrase, o.kind) for o in result.objects] == [("red circle", "move")]
    assert result.objects[0].x == pytest.approx(0.3)


def test_a_name_with_more_words_is_that_of_the_object_too() -> None:
    result = placed(labelled("red circle"), objects=layout(moved("circle")), then=pictured())
    assert names(result) == ["circle"]
    assert result.objects[0].x == pytest.approx(0.3)


def test_the_object_with_just_the_words_of_a_name_comes_before_one_with_some_of_them() -> None:
    then = pictured("a red circle", named=("circle", "red circle"))
    assert names(placed(BOX, "first red circle", then=then)) == ["red circle"]


def test_without_a_reference_an_article_and_punctuation_make_no_other_object() -> None:
    result = placed(BOX, "the Heart!", layout(added("heart")))
    assert names(result) == ["heart"]
    assert vars(result.objects[0].box) == pytest.approx(vars(PLACE))  # type: ignore[arg-type]


def test_a_number_picks_an_object_of_its_own() -> None:
    then = pictured("a dog and a dog")
    result = placed([BOX, NEXT], "first dog, second dog", then=then)
    assert [(o.phrase, o.kind) for o in result.objects] == [
        ("first dog", "move"),
        ("second dog", "move"),
    ]
    assert len(layout_terms(result, then)) >= 2


def test_objects_whose_words_the_canvas_has_are_not_next() -> None:
    result = placed([BOX, NEXT], objects=layout(moved("circle")), then=pictured())
    assert names(result) == ["circle", "blue square"]


def test_words_of_several_objects_name_none() -> None:
    then = pictured("a brown dog and a black dog")
    with pytest.raises(ValueError, match=r"'dog', which .* 'brown dog' and 'black dog'; name one"):
        placed(labelled("dog"), then=then)


def test_names_with_the_same_words_are_twice_the_same_object() -> None:
    with pytest.raises(ValueError, match="boxes are for 'red circle' twice"):
        placed(labelled("the red circle", "circle"), then=pictured())


@pytest.mark.parametrize("name", ["the red circle", "circle"])
def test_an_object_that_is_locked_is_so_under_every_name(name: str) -> None:
    with pytest.raises(ValueError, match="'red circle' is locked on the canvas"):
        placed(BOX, name, layout(other("red circle", "keep")), pictured())


def test_no_object_of_the_canvas_is_lost_to_another_one_with_its_letters() -> None:
    canvas = layout(added("heart"), added("the heart"), added("star"))
    assert names(placed(BOX, "star", canvas)) == ["heart", "the heart", "star"]
