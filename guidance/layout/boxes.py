"""Boxes of other nodes as places of a layout's objects.

ComfyUI's BOUNDING_BOX is a dict with x, y (the top left corner), width and height in pixels.
Detectors give a list of them for each picture, with a label in each.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from numbers import Real
from typing import Any

from ..maps.properties import mean_shape
from ..record.record import Record
from ..words.table import TokenTable
from ..words.written import listed
from .canvas import LARGEST, MAX_OBJECTS, MAX_PHRASE, SMALLEST, Layout, Place, Placed, brief
from .names import known, matching, unlisted
from .terms import place_of

SLACK = 0.01  # of a side: how far a box may reach out of the picture; detectors are not exact
MANY = 5  # objects that a message lists, at most
FAR = 1e9  # pixels: above any size of a picture
FIXED_KINDS = {"keep": "locked", "free": "freed"}  # on the canvas; no box may move them


def assigned(
    layout: Layout, boxes: Any, names: str, height: int, width: int, reference: Record | None
) -> dict[str, Place]:
    """Match boxes with objects.

    Args:
        layout: that of the canvas.
        boxes: one box, a list of them, or a list with the list of one picture.
        names: the boxes' objects, see `written.listed`. Blank: the boxes' labels, if all have one;
            else the layout's objects in order, without locked and free ones, then the objects of
            the reference that the layout lacks.
        height, width: of the picture in whose pixels the boxes are.
        reference: record of the unguided run, if there is one.

    Returns:
        boxes as fractions of the picture, by phrase of the object: that of the layout, else of the
        reference, else the name.

    Raises:
        ValueError: something that is no box, one without area or outside the picture, other numbers
            of boxes and objects, an object with two boxes, or a name of several.
    """
    given = _entries(boxes)
    places = [_place(box, f"boxes[{i}]", height, width) for i, box in enumerate(given)]
    table = None if reference is None else reference.table
    phrases = _matched(_named(names, given), layout, table) or _unnamed(layout, table, len(given))
    return dict(zip(phrases, places, strict=True))


def boxed(layout: Layout, places: Mapping[str, Place], reference: Record | None) -> Layout:
    """The layout with objects put into boxes.

    An object of the reference goes to the middle of its box, scaled with its proportions to fit in,
    with its rotation of the layout; any other object is added and fills the box.

    Args:
        layout: that of the canvas.
        places: the boxes, as `assigned` gives them.
        reference: record of the unguided run, if there is one.

    Raises:
        ValueError: an object that the layout holds, or that its box makes far too large or small.
    """
    objects = {o.phrase: o for o in layout.objects}
    for phrase, place in places.items():
        objects[phrase] = _placed(phrase, place, objects.get(phrase), reference)
    return Layout(tuple(objects.values()))


def _entries(boxes: Any) -> list[Any]:
    entries = [boxes] if isinstance(boxes, dict) else boxes
    if not isinstance(entries, list):
        raise ValueError(
            "boxes must be a box with x, y, width and height, or a list of such, "
            f"got {brief(boxes)}"
        )
    if entries and all(isinstance(entry, list) for entry in entries):
        if len(entries) > 1 and not any(map(_bare, entries)):
            raise ValueError(
                f"boxes of {len(entries)} pictures came, but a layout is that of one; give the "
                "detector one picture"
            )
        entries = entries[0]
    if _bare(entries):
        raise ValueError(
            f"boxes holds the bare numbers {brief(entries)}, and whether these are corners or "
            "sides cannot be told; send each box with its names: {'x': left, 'y': top, 'width': "
            "..., 'height': ...}, in pixels"
        )
    if not entries:
        raise ValueError(
            "no box came: the detector found nothing; lower its threshold, or take off the wire"
        )
    if len(entries) > MAX_OBJECTS:
        raise ValueError(f"{len(entries)} boxes came, at most {MAX_OBJECTS} can be placed")
    return entries


def _bare(entry: Sequence[Any]) -> bool:
    """Whether it is a box as four bare numbers, as some nodes send it."""
    return len(entry) == 4 and all(isinstance(number, Real) for number in entry)


def _place(box: Any, where: str, height: int, width: int) -> Place:
    if not isinstance(box, dict):
        raise ValueError(f"{where} must be a box with x, y, width and height, got {brief(box)}")
    for name in ("x", "y", "width", "height"):
        value: Any = box.get(name)
        number = isinstance(value, Real) and not isinstance(value, bool)
        if not number or not abs(value) < FAR:
            raise ValueError(f"{where}.{name} must be a number of pixels, got {brief(value)}")
    if box["width"] <= 0 or box["height"] <= 0:
        raise ValueError(f"{where} has no area: width {box['width']:g}, height {box['height']:g}")
    x, across = _side(float(box["x"]), float(box["width"]), width)
    y, down = _side(float(box["y"]), float(box["height"]), height)
    if across <= 0 or down <= 0:
        right, bottom = box["x"] + box["width"], box["y"] + box["height"]
        raise ValueError(
            f"{where} reaches out of the picture: x from {box['x']:g} to {right:g}, y from "
            f"{box['y']:g} to {bottom:g}, in a picture of {width} x {height} pixels; draw it in "
            "pixels of the wired image"
        )
    return Place(x, y, across, down)


def _side(start: float, length: float, whole: int) -> tuple[float, float]:
    """Middle and length as fractions of a side; length 0 if it reaches out of the picture."""
    low, high = start / whole, (start + length) / whole
    if low < -SLACK or high > 1 + SLACK:
        return 0.0, 0.0
    low, high = max(0.0, low), min(1.0, high)
    return (low + high) / 2, high - low


def _named(names: str, boxes: Sequence[Any]) -> list[str]:
    """Phrase of each box, from names or labels; [] if there are neither."""
    phrases = list(listed(names))
    if phrases and len(phrases) != len(boxes):
        raise ValueError(
            f"{_count(boxes)}, but box_objects names {len(phrases)}; name one object for each box"
        )
    where = "box_objects[{}]"
    labels = [box.get("label") for box in boxes]
    if not phrases and all(isinstance(label, str) and label.strip() for label in labels):
        phrases, where = [label.strip() for label in labels], "boxes[{}].label"
    for i, phrase in enumerate(phrases):
        if len(phrase) > MAX_PHRASE:
            raise ValueError(
                f"{where.format(i)} must be words of the prompt, at most {MAX_PHRASE} characters, "
                f"got {brief(phrase)}"
            )
    return phrases


def _matched(names: Sequence[str], layout: Layout, table: TokenTable | None) -> list[str]:
    """Phrases of the objects that names mean; raises if two names mean one object."""
    candidates, phrases = known(layout, table), list[str]()
    for name in names:
        phrase = matching(name, candidates, table)
        if phrase in phrases:
            raise ValueError(
                f"boxes are for {brief(phrase)} twice, but an object has one place; name an object "
                "of its own for each box in box_objects, such as 'first dog, second dog'"
            )
        phrases.append(phrase)
        candidates += [] if phrase in candidates else [phrase]
    return phrases


def _unnamed(layout: Layout, table: TokenTable | None, count: int) -> list[str]:
    """Phrases for a number of boxes without names or labels."""
    phrases = [placed.phrase for placed in layout.of("move", "add")] + unlisted(layout, table)
    if count > len(phrases):
        raise ValueError(
            f"{_count(range(count))}, but there are {len(phrases)} objects to place: "
            f"{_listing(phrases)}; name each box's object in box_objects"
        )
    return phrases[:count]


def _placed(phrase: str, place: Place, now: Placed | None, reference: Record | None) -> Placed:
    """The layout's entry of an object that goes into a box; `now` is its entry so far."""
    if now is not None and now.kind in FIXED_KINDS:
        raise ValueError(
            f"object {brief(now.phrase)} is {FIXED_KINDS[now.kind]} on the canvas, so no box can "
            "place it; change that on the canvas, or leave it out of box_objects"
        )
    new = now is not None and now.kind == "add"
    if new or reference is None or not reference.table.has(phrase):
        return Placed(phrase, "add", box=place)
    still = Placed(phrase, "move") if now is None else replace(now, start=None)
    across, down = _turned(reference, phrase, still.rotation)
    scale = min(place.width / across, place.height / down)
    if not SMALLEST <= scale <= LARGEST:
        times = f"{1 / scale:.3g} times smaller" if scale < 1 else f"{scale:.3g} times larger"
        raise ValueError(
            f"the box of object {brief(phrase)} makes it {times}, at most {LARGEST:g} times can be "
            "asked for; draw another box"
        )
    return replace(still, x=place.x, y=place.y, scale=scale)


def _turned(reference: Record, phrase: str, degrees: float) -> tuple[float, float]:
    """Sides of the bounding box of a reference's object after a rotation, as fractions."""
    seen = reference.settled()
    place, (height, width) = place_of(seen, phrase), mean_shape(seen, phrase).shape[-2:]
    aspect = width / height  # rotation acts on square pixels, sides are fractions
    cos, sin = abs(math.cos(math.radians(degrees))), abs(math.sin(math.radians(degrees)))
    return (
        place.width * cos + place.height * sin / aspect,
        place.width * sin * aspect + place.height * cos,
    )


def _count(boxes: Sequence[Any]) -> str:
    return f"{len(boxes)} box{'es' if len(boxes) != 1 else ''} came"


def _listing(phrases: Sequence[str]) -> str:
    more = ", ..." if len(phrases) > MANY else ""
    return f"{', '.join(map(brief, phrases[:MANY])) or '(none)'}{more}"
