"""Layouts as text: what is read, and what is refused with a reason."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from selfguidance.guidance.layout.canvas import KINDS, Layout, Place, brief

START = {"x": 0.3, "y": 0.5, "width": 0.25, "height": 0.2}
MOVE = {"phrase": "red circle", "kind": "move", "start": START}
MOVE |= {"x": 0.7, "y": 0.5, "scale": 1.5, "rotation": -30}
ADD = {"phrase": "heart", "kind": "add", "x": 0.5, "y": 0.2, "width": 0.2, "height": 0.1}


def text(*objects: Any, version: Any = 1) -> str:
    return json.dumps({"version": version, "objects": list(objects)})


def refusal(value: str) -> str:
    with pytest.raises(ValueError, match="the layout cannot be read") as caught:
        Layout.parse(value)
    return str(caught.value)


@pytest.mark.parametrize("blank", ["", "  \n", text()])
def test_a_blank_layout_asks_for_nothing(blank: str) -> None:
    assert Layout.parse(blank).objects == ()


def test_every_kind_is_read() -> None:
    keep = {"phrase": "blue square", "kind": "keep", "start": None}
    free = {"phrase": "star", "kind": "free", "start": START}
    move, kept, freed, added = Layout.parse(text(MOVE, keep, free, ADD)).objects
    assert (move.phrase, move.kind, move.start) == (
        "red circle",
        "move",
        Place(0.3, 0.5, 0.25, 0.2),
    )
    assert (move.x, move.y, move.scale, move.rotation) == (0.7, 0.5, 1.5, -30)
    assert kept.start is None and freed.start == move.start
    assert added.box == Place(0.5, 0.2, 0.2, 0.1)
    assert [o.edited for o in (move, kept, freed, added)] == [True, False, True, True]


def test_an_object_at_its_start_is_not_edited() -> None:
    (still,) = Layout.parse(text(MOVE | {"x": 0.3, "scale": 1, "rotation": 360})).objects
    assert not still.edited and not still.shifted


WRONG = {
    "no JSON": ("{", "no JSON"),
    "a number": ("3", "it must be an object with fields, got 3"),
    "NaN": ('{"version": 1, "objects": NaN}', "holds NaN"),
    "infinity": (text(MOVE).replace("0.7", "1e999"), r"objects[0].x must be a number"),
    "an old version": (text(version=0), "version is 0"),
    "a version that is no number": (text(version=True), "version is True"),
    "no list": ('{"version": 1, "objects": {}}', "objects must be a list"),
    "an unknown field": ('{"version": 1, "objects": [], "x": 1}', "has the unknown 'x'"),
    "a field twice": ('{"version": 1, "version": 1, "objects": []}', "'version' twice"),
    "no object": (text(None), "objects[0] must be an object"),
    "no phrase": (text(MOVE | {"phrase": " "}), "objects[0].phrase must be words"),
    "a phrase that is no text": (text(MOVE | {"phrase": ["x"]}), "objects[0].phrase"),
    "a long phrase": (text(MOVE | {"phrase": "x" * 201}), "objects[0].phrase"),
    "an unknown kind": (text(MOVE | {"kind": "spin"}), "must be one of move, keep, free, add"),
    "a kind that is a list": (text(MOVE | {"kind": []}), "must be one of move, keep, free, add"),
    "a lacking field": (text({k: v for k, v in MOVE.items() if k != "y"}), "lacks 'y'"),
    "a foreign field": (text(MOVE | {"html": 1}), "has the unknown 'html'"),
    "text for a number": (text(MOVE | {"x": "0.5"}), "objects[0].x must be a number from 0 to 1"),
    "a truth for a number": (text(MOVE | {"x": True}), "objects[0].x must be a number"),
    "outside the picture": (text(MOVE | {"y": 1.5}), "got 1.5"),
    "a huge integer": (text(MOVE | {"scale": 10**400}), "objects[0].scale must be a number"),
    "more digits than Python reads": (
        '{"version": ' + "1" * 5000 + ', "objects": []}',
        "it holds a number of 5000 digits",
    ),
    "no size": (text(MOVE | {"scale": 0}), "from 0.05 to 20"),
    "a box without area": (text(ADD | {"width": 0}), "objects[0] has no area"),
    "a start without area": (text(MOVE | {"start": START | {"height": 0}}), "objects[0].start"),
    "one object twice": (text(MOVE, ADD | {"phrase": " Red Circle"}), "' Red Circle' twice"),
    "too many": (text(*(ADD | {"phrase": f"o{i}"} for i in range(65))), "lists 65 objects"),
    "too long": (" " * 65536 + text(), "characters long"),
    "too deep": ("[" * 60000, "JSON|nested"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_no_canvas_writes_is_refused_by_name(name: str) -> None:
    value, reason = WRONG[name]
    message = refusal(value)
    assert any(part in message for part in reason.split("|")), message
    assert len(message) < 400


def test_the_most_that_a_layout_may_hold_is_read() -> None:
    ends = {"x": 0, "y": 1, "scale": 0.05, "rotation": -360}
    objects = [ADD | {"phrase": f"o{i}"} for i in range(62)]
    objects += [MOVE | {"phrase": "x" * 200} | ends]
    objects += [MOVE | {"phrase": "y"} | {"x": 1, "y": 0, "scale": 20, "rotation": 360}]
    layout = Layout.parse(text(*objects))
    assert len(layout.objects) == 64
    assert [(o.x, o.y, o.scale, o.rotation) for o in layout.of("move")] == [
        (0, 1, 0.05, -360),
        (1, 0, 20, 360),
    ]
    assert Layout.parse(text().ljust(65536)).objects == ()
    assert "65537 characters" in refusal(text().ljust(65537))


@pytest.mark.parametrize(("digits", "reason"), [(500, "version is 1"), (501, "of 501 digits")])
def test_whole_numbers_are_read_up_to_500_digits(digits: int, reason: str) -> None:
    assert reason in refusal('{"version": ' + "1" * digits + ', "objects": []}')


def test_values_are_shown_up_to_60_letters() -> None:
    assert brief("x" * 58) == repr("x" * 58)
    assert brief("x" * 59) == "'" + "x" * 59 + "..."
    assert brief(10**5000) == "a int"


@pytest.mark.parametrize(
    ("change", "shifted", "edited"),
    [
        ({}, False, False),
        ({"x": 0.31}, True, True),
        ({"y": 0.51}, True, True),
        ({"scale": 1.1}, False, True),
        ({"rotation": 1}, False, True),
        ({"start": None}, True, True),
    ],
)
def test_a_move_is_an_edit_by_each_of_its_parts(
    change: dict[str, Any], shifted: bool, edited: bool
) -> None:
    still = MOVE | {"x": 0.3, "scale": 1, "rotation": 0}
    (move,) = Layout.parse(text(still | change)).objects
    assert (move.shifted, move.edited) == (shifted, edited)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
)
FIELDS = st.sampled_from(["phrase", "kind", "start", "x", "y", "scale", "rotation", "width"])


@given(st.lists(st.dictionaries(FIELDS, VALUES | st.sampled_from(KINDS)), max_size=4) | VALUES)
def test_any_json_is_read_or_refused(objects: Any) -> None:
    try:
        layout = Layout.parse(json.dumps({"version": 1, "objects": objects}))
    except ValueError as error:
        assert "layout cannot be read" in str(error)
    else:
        assert all(0 <= o.x <= 1 and o.scale > 0 for o in layout.objects)
