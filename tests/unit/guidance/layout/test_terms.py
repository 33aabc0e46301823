"""Which terms a layout turns into, and where it says that objects are."""

import json
from typing import Any

import pytest
import torch
from selfguidance.guidance.layout.canvas import Layout
from selfguidance.guidance.layout.terms import layout_terms, measured
from selfguidance.guidance.maps.affine import Affine
from selfguidance.guidance.maps.properties import Properties
from selfguidance.guidance.plan import Plan
from selfguidance.guidance.recipes.combine import expanded
from selfguidance.guidance.recipes.transform import Recipe
from selfguidance.guidance.terms.attention import Box
from selfguidance.guidance.terms.base import Term
from selfguidance.guidance.terms.hold import HoldBeside, HoldRest
from selfguidance.guidance.terms.window import Window
from selfguidance.tests.unit.guidance.toys import SITE, pictured, record, table

START = {"x": 0.25, "y": 0.5, "width": 0.2, "height": 0.2}


def moved(phrase: str = "red circle", **place: Any) -> dict[str, Any]:
    still = {"x": 0.25, "y": 0.5, "scale": 1, "rotation": 0}
    return {"phrase": phrase, "kind": "move", "start": START, **still, **place}


def other(phrase: str, kind: str) -> dict[str, Any]:
    return {"phrase": phrase, "kind": kind, "start": None}


def added(phrase: str = "heart", **box: float) -> dict[str, Any]:
    place = {"x": 0.5, "y": 0.5, "width": 0.25, "height": 0.25}
    return {"phrase": phrase, "kind": "add", **place, **box}


def layout(*objects: dict[str, Any]) -> Layout:
    return Layout.parse(json.dumps({"version": 1, "objects": objects}))


def kept(terms: tuple[Term, ...]) -> set[str]:
    return {t.object for t in expanded(terms) if type(t).__name__ == "Appearance"}


@pytest.mark.parametrize(
    "objects", [(), (moved(),), (other("star", "keep"),)], ids=["none", "still", "locked"]
)
def test_a_layout_that_changes_nothing_asks_for_nothing(objects: tuple[Any, ...]) -> None:
    assert layout_terms(layout(*objects), pictured()) == ()


def test_an_object_goes_to_its_place_wherever_the_reference_has_it() -> None:
    then = pictured()
    x, y = then.settled().centroid("red circle")[0].mean(0).tolist()
    (move,) = layout_terms(layout(moved(x=0.9, y=0.1)), then, 2.0, Window(0.1, 0.6))
    assert isinstance(move, Recipe) and move.object == "red circle"
    assert (move.transform.dx, move.transform.dy) == pytest.approx((0.9 - x, 0.1 - y))
    assert (move.weight, move.window) == (2.0, Window(0.1, 0.6))


def test_an_object_that_is_only_resized_or_turned_stays_where_a_new_reference_has_it() -> None:
    (move,) = layout_terms(layout(moved(scale=1.5, rotation=20)), pictured())
    assert move.transform == Affine(0, 0, 1.5, 1.5, 20)  # type: ignore[attr-defined]


def test_several_objects_move_and_what_is_not_listed_is_kept() -> None:
    terms = layout_terms(layout(moved(x=0.9), moved("star", y=0.1)), pictured())
    assert {t.object for t in terms} == {"red circle", "star"}
    assert kept(terms) == {"red circle", "star", "blue square"}


def test_a_free_object_is_not_kept_and_what_lies_behind_it_is_not_held() -> None:
    terms = layout_terms(layout(moved(x=0.9), other("star", "free")), pictured())
    assert kept(terms) == {"red circle", "blue square"}
    assert [t.object for t in terms if isinstance(t, HoldRest)] == ["star"]


def test_with_one_object_free_the_others_are_kept() -> None:
    terms = layout_terms(layout(other("star", "free")), pictured())
    assert kept(terms) == {"red circle", "blue square"}


def test_an_added_object_gets_a_box_in_which_nothing_is_held() -> None:
    terms = layout_terms(layout(added(x=0.1, width=0.5)), pictured())
    (box,) = [t for t in terms if isinstance(t, Box)]
    assert (box.x, box.y) == pytest.approx((0.0, 0.375))  # what lies outside is cut off
    assert (box.width, box.height) == pytest.approx((0.35, 0.25))
    (beside,) = [t for t in terms if isinstance(t, HoldBeside)]
    region = beside.region[0, 0]
    assert region[len(region) // 2, 0] == 0  # in the box
    assert region[0, -1] == 1 and region[-1, 0] == 1
    assert kept(terms) == {"red circle", "blue square", "star"}


def test_the_freed_box_is_the_touched_cells_and_a_margin_of_one() -> None:
    beside = HoldBeside(object="heart", reference=pictured(), box=(0.0, 0.0, 1e-3, 1.0))
    height, width = beside.region.shape[-2:]
    wanted = torch.ones(height, width)
    wanted[:, :2] = 0
    assert torch.equal(beside.region[0, 0], wanted)


def test_an_added_object_that_the_reference_names_is_not_kept_where_it_was() -> None:
    assert kept(layout_terms(layout(added("star")), pictured())) == {"red circle", "blue square"}


def test_without_a_reference_objects_are_placed_by_boxes() -> None:
    terms = layout_terms(layout(added(), moved()), None)
    assert [type(t).__name__ for t in terms] == ["Box", "Presence"]


@pytest.mark.parametrize(
    "asked", [moved(x=0.9), other("star", "keep"), other("star", "free")], ids=lambda o: o["kind"]
)
def test_what_needs_a_reference_says_so(asked: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="reference is missing"):
        layout_terms(layout(added(), asked), None)


def test_an_object_that_the_prompt_lacks_is_named() -> None:
    with pytest.raises(ValueError, match="object 'ball' is not in the prompt"):
        layout_terms(layout(moved("ball", x=0.9)), pictured())


def test_objects_that_share_a_word_are_refused() -> None:
    with pytest.raises(ValueError, match="'red circle' and 'circle' of the layout share a word"):
        layout_terms(layout(moved(x=0.9), other("circle", "free")), pictured())


def test_a_place_in_one_picture_is_not_taken_for_one_in_several() -> None:
    told = (
        "object 'red circle' .* reference holds 3 pictures.*"
        "Latent From Batch before the first sampler.*Move Object"
    )
    with pytest.raises(ValueError, match=told):
        layout_terms(layout(other("star", "keep"), moved(x=0.9)), pictured(pictures=3))


def test_objects_of_several_pictures_can_be_locked_and_freed() -> None:
    then = pictured(pictures=3)
    assert layout_terms(layout(moved(), other("star", "keep")), then) == ()
    terms = layout_terms(layout(moved(), other("star", "free")), then)
    assert kept(terms) == {"red circle", "blue square"}
    assert Plan.of(terms, lambda percent: 14.0 * (1 - percent)).terms


@pytest.mark.parametrize("asked", [moved(scale=1.5), moved(rotation=20)], ids=["resized", "turned"])
def test_objects_of_several_pictures_change_each_at_its_own_place(asked: dict[str, Any]) -> None:
    then = pictured(pictures=3)
    parts = expanded(layout_terms(layout(asked, other("star", "keep")), then))
    assert kept(parts) == {"red circle", "blue square", "star"}
    (held,) = [t for t in parts if isinstance(t, HoldRest)]
    assert (held.transform.dx, held.transform.dy) == (0, 0)
    assert len(held.region) == 3


def test_an_object_is_added_to_several_pictures_that_stay() -> None:
    terms = layout_terms(layout(added(), other("blue square", "keep")), pictured(pictures=3))
    assert kept(terms) == {"red circle", "blue square", "star"}
    assert Plan.of(terms, lambda percent: 14.0 * (1 - percent)).terms


def test_layouts_make_a_plan() -> None:
    terms = layout_terms(layout(moved(x=0.9), other("star", "free"), added()), pictured())
    assert len(Plan.of(terms, lambda percent: 14.0 * (1 - percent)).terms) == 5 + 2 + 2 + 2


def test_boxes_are_where_a_reference_has_its_objects() -> None:
    then = pictured()
    places = measured(then)
    assert list(places) == list(then.table.objects)
    for name, place in places.items():
        centre = then.settled().centroid(name)[0].mean(0).tolist()
        assert (place.x, place.y) == pytest.approx(centre)
        assert 0 < place.width <= 1 and 0 < place.height <= 1


@pytest.mark.parametrize("picture", [0, 1])
def test_an_object_is_as_wide_and_high_as_it_shows_in_its_picture(picture: int) -> None:
    maps = torch.zeros(2, 1, 16, 16)
    maps[0, 0, 6:10, 4:12] = 1
    maps[1, 0, 1:12, 7:9] = 1
    then = record(Properties(1.0, table("star"), {SITE: maps}))
    place = measured(then, picture)["star"]
    x, y, width, height = ((0.5, 0.5, 64, 32), (0.5, 6.5 / 16, 16, 88))[picture]
    assert (place.x, place.y) == pytest.approx((x, y), abs=1e-5)
    # on the fine grid the edge lies 2 cells outside, where the shape has a fifth of its height;
    # at rounded corners a hundredth of the mass are up to 3 of them
    sides = place.width * 128, place.height * 128
    assert sides == pytest.approx((width + 3, height + 3), abs=2)
