"""Boxes in pixels, as places of a layout's objects."""

import cmath
import math
from typing import Any

import numpy as np
import pytest
import torch
from selfguidance.guidance.layout.canvas import MAX_PHRASE, Place
from selfguidance.guidance.layout.terms import layout_terms, measured
from selfguidance.guidance.maps.properties import Properties
from selfguidance.guidance.record.record import Record
from selfguidance.tests.unit.guidance.boxed import (
    BOX,
    HEIGHT,
    NEXT,
    PLACE,
    WIDTH,
    added,
    layout,
    moved,
    names,
    other,
    placed,
)
from selfguidance.tests.unit.guidance.toys import SITE, pictured, record, table


def test_a_new_object_gets_the_box_as_fractions_about_its_middle() -> None:
    (star,) = placed(BOX, "star").objects
    assert (star.phrase, star.kind) == ("star", "add")
    assert vars(star.box) == pytest.approx(vars(PLACE))  # type: ignore[arg-type]


def test_an_object_of_the_reference_moves_into_its_box_as_large_as_fits() -> None:
    then = pictured()
    there = measured(then)["star"]
    (star,) = placed(BOX, "star", then=then).objects
    assert (star.kind, star.x, star.y) == ("move", pytest.approx(0.3), pytest.approx(0.25))
    assert star.scale == pytest.approx(min(0.4 / there.width, 0.3 / there.height))
    assert star.shifted and star.rotation == 0


def test_what_the_canvas_adds_stays_new_though_the_reference_has_its_words() -> None:
    (star,) = placed(BOX, objects=layout(added("star")), then=pictured()).objects[:1]
    assert star.kind == "add"
    assert vars(star.box) == pytest.approx(vars(PLACE))  # type: ignore[arg-type]


def lying(height: int, width: int) -> Record:
    """A run whose star is wider than high."""
    shown = table("star")
    maps = torch.zeros(1, 1, height, width)
    maps[..., height * 3 // 8 : height * 5 // 8, width // 4 : width * 3 // 4] = 1
    return record(Properties(1.0, shown, {SITE: maps}))


@pytest.mark.parametrize("grid", [(16, 16), (16, 32)], ids=["1:1", "2:1"])
@pytest.mark.parametrize("degrees", [0, 45, 90, -90, 135, 200])
def test_a_turned_object_is_as_large_as_fits_into_its_box(
    degrees: float, grid: tuple[int, int]
) -> None:
    then, aspect = lying(*grid), grid[1] / grid[0]
    there = measured(then)["star"]
    canvas = layout(moved("star") | {"rotation": degrees})
    (star,) = placed(BOX, "star", canvas, then).objects
    # the corners of its outline in heights of the picture, turned about its middle
    across, down = there.width * aspect * star.scale / 2, there.height * star.scale / 2
    turn = cmath.exp(1j * math.radians(degrees))
    corners = [turn * complex(x, y) for x in (across, -across) for y in (down, -down)]
    reach = max(c.real for c in corners) * 2 / aspect, max(c.imag for c in corners) * 2
    assert star.rotation == degrees
    assert max(reach[0] / 0.4, reach[1] / 0.3) == pytest.approx(1)  # the sides of its box


def test_an_object_turned_upright_keeps_its_size_in_an_upright_box() -> None:
    then = lying(16, 16)
    there = measured(then)["star"]
    upright = {"x": 60, "y": 20, "width": there.height * WIDTH, "height": there.width * HEIGHT}
    canvas = layout(moved("star") | {"rotation": 90})
    (star,) = placed(upright, "star", canvas, then).objects
    assert there.width > 1.5 * there.height
    assert star.scale == pytest.approx(1)


def test_the_term_takes_the_object_from_its_own_place_to_the_middle_of_the_box() -> None:
    then = pictured()
    x, y = then.settled().centroid("star")[0].mean(0).tolist()
    (move,) = layout_terms(placed(BOX, "star", then=then), then)
    transform = move.transform  # type: ignore[attr-defined]
    assert (transform.dx, transform.dy) == pytest.approx((0.3 - x, 0.25 - y))


@pytest.mark.parametrize(
    "boxes",
    [BOX, [BOX], [[BOX]], {**BOX, "score": 0.9}, {k: np.float32(v) for k, v in BOX.items()}],
    ids=["one", "list", "list of a picture", "with a score", "numpy"],
)
def test_boxes_come_as_nodes_give_them(boxes: Any) -> None:
    (star,) = placed(boxes, "star").objects
    assert vars(star.box) == pytest.approx(vars(PLACE))  # type: ignore[arg-type]


def test_without_names_boxes_go_to_the_canvas_objects_in_their_order() -> None:
    canvas = layout(moved("star"), other("blue square", "keep"), added("heart"))
    result = placed([BOX, NEXT], objects=canvas, then=pictured())
    star, square, heart = result.objects
    assert (star.x, star.y, star.rotation) == (pytest.approx(0.3), pytest.approx(0.25), 20.0)
    assert square == canvas.objects[1]  # locked ones are passed over
    assert vars(heart.box) == pytest.approx(vars(Place(0.6, 0.7, 0.2, 0.4)))  # type: ignore[arg-type]


def test_then_come_objects_of_the_reference_that_the_canvas_does_not_list() -> None:
    canvas = layout(moved("star"), other("Red Circle", "free"))
    result = placed([BOX, NEXT], objects=canvas, then=pictured())
    assert names(result, "move") == ["star", "blue square"]
    assert result.objects[-1].x == pytest.approx(0.6)


def test_fewer_boxes_than_objects_leave_the_others_as_the_canvas_has_them() -> None:
    canvas = layout(moved("star"), moved("blue square"))
    assert placed(BOX, objects=canvas, then=pictured()).objects[1] == canvas.objects[1]


def test_names_say_which_object_a_box_is_for() -> None:
    canvas = layout(moved("star"), moved("blue square"))
    result = placed([BOX, NEXT], "Blue Square,\nheart", canvas, pictured())
    assert result.objects[0] == canvas.objects[0]
    assert result.objects[1].x == pytest.approx(0.3)
    assert [(o.phrase, o.kind) for o in result.objects[2:]] == [("heart", "add")]


def test_labels_of_a_detector_are_names() -> None:
    boxes = [[{**BOX, "label": "star"}, {**NEXT, "label": "red circle"}]]
    result = placed(boxes, then=pictured())
    assert [(o.phrase, round(o.x, 6)) for o in result.objects] == [
        ("star", 0.3),
        ("red circle", 0.6),
    ]


def test_names_count_more_than_labels() -> None:
    assert names(placed({**BOX, "label": "dog"}, "star")) == ["star"]


def test_what_a_detector_draws_a_little_outside_is_cut_off() -> None:
    (star,) = placed({"x": -1.5, "y": 0, "width": 101.5, "height": 100.5}, "star").objects
    assert star.box == Place(0.25, 0.5, 0.5, 1.0)


@pytest.mark.parametrize(
    ("box", "why"),
    [
        ({**BOX, "width": 0}, "boxes\\[0\\] has no area: width 0, height 30"),
        ({**BOX, "height": -5}, "boxes\\[0\\] has no area"),
        ({**BOX, "x": 190}, "boxes\\[0\\] reaches out of the picture.*from 190 to 270.*200 x 100"),
        ({**BOX, "y": -40}, "boxes\\[0\\] reaches out of the picture"),
        ({**BOX, "x": math.nan}, "boxes\\[0\\].x must be a number of pixels, got nan"),
        ({**BOX, "x": math.inf}, "boxes\\[0\\].x must be a number of pixels, got inf"),
        ({**BOX, "x": 10**400}, "boxes\\[0\\].x must be a number of pixels, got 1000"),
        ({**BOX, "x": True}, "boxes\\[0\\].x must be a number of pixels, got True"),
        ({**BOX, "x": "1"}, "boxes\\[0\\].x must be a number of pixels, got '1'"),
        ({"x": 1, "y": 2}, "boxes\\[0\\].width must be a number of pixels, got None"),
        ([1, 2, 3, 4], "bare numbers \\[1, 2, 3, 4\\], and whether these are corners or sides"),
        ([1, 2, 3], "boxes\\[0\\] must be a box with x, y, width and height, got 1"),
        ("box", "boxes must be a box .* got 'box'"),
        ([[BOX], [BOX]], "boxes of 2 pictures"),
        ([], "no box came"),
        ([[]], "no box came"),
        ([BOX] * 65, "65 boxes came, at most 64"),
    ],
)
def test_a_box_that_makes_no_sense_is_refused(box: Any, why: str) -> None:
    with pytest.raises(ValueError, match=f"(?s){why}"):
        placed(box, "star")


@pytest.mark.parametrize(
    ("boxes", "named", "why"),
    [
        ([BOX] * 4, "", "4 boxes came, but there are 3 objects to place: 'red circle', "),
        ([[10, 20, 30, 40]], "", r"bare numbers \[10, 20, 30, 40\], and whether.*'width'"),
        ([[10, 20, 30, 40], [1, 2, 3, 4.5]], "", r"bare numbers \[10, 20, 30, 40\]"),
        ([10, 20, 30, 40], "star", r"bare numbers \[10, 20, 30, 40\]"),
        ([BOX, NEXT], "star", "2 boxes came, but box_objects names 1"),
        ([BOX], "star, heart", "1 box came, but box_objects names 2"),
        ([BOX, NEXT], "star, Star", "'star' twice"),
        ([{**BOX, "label": "dog"}] * 2, "", "'dog' twice.*box_objects"),
        ({**BOX, "width": 1, "height": 1}, "star", "times smaller"),
    ],
)
def test_boxes_that_do_not_fit_the_objects_are_refused(boxes: Any, named: str, why: str) -> None:
    with pytest.raises(ValueError, match=f"(?s){why}"):
        placed(boxes, named, then=pictured())


LONG = "x" * MAX_PHRASE


@pytest.mark.parametrize(
    ("boxes", "named", "why"),
    [
        ([{**BOX, "label": LONG + "x"}], "", r"boxes\[0\].label must be .* at most 200 char.*'xxx"),
        ([BOX, NEXT], f"star, {LONG}x", r"box_objects\[1\] must be .* at most 200 char.*'xxx"),
        ([BOX] * 2, f"{LONG}, {LONG}", "boxes are for 'xxx.* twice"),
    ],
)
def test_long_names_are_refused_in_a_short_message(boxes: Any, named: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as caught:
        placed(boxes, named, then=pictured())
    assert len(str(caught.value)) < 300


def test_the_longest_name_that_a_layout_may_have_is_placed() -> None:
    assert names(placed(BOX, LONG)) == [LONG]


@pytest.mark.parametrize("kind", ["keep", "free"])
def test_a_long_name_that_the_canvas_holds_is_shown_short(kind: str) -> None:
    with pytest.raises(ValueError, match="on the canvas") as caught:
        placed(BOX, LONG, layout(other(LONG, kind)))
    assert len(str(caught.value)) < 300


def test_objects_that_are_too_few_are_shown_short() -> None:
    canvas = layout(*(added(f"{i:02}{LONG[2:]}") for i in range(63)))
    with pytest.raises(ValueError, match="there are 63 objects to place") as caught:
        placed([BOX] * 64, objects=canvas)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(("kind", "what"), [("keep", "locked"), ("free", "freed")])
def test_a_box_for_an_object_that_the_canvas_holds_is_refused(kind: str, what: str) -> None:
    with pytest.raises(ValueError, match=f"'star' is {what} on the canvas"):
        placed(BOX, "star", layout(other("star", kind)), pictured())


def test_without_a_reference_and_names_there_is_nothing_to_place() -> None:
    with pytest.raises(ValueError, match="1 box came, but there are 0 objects to place"):
        placed(BOX)
