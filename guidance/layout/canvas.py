"""Layouts: target places of the objects of a picture, edited on a canvas.

A layout is stored as JSON text, in a workflow, a request to a server, or a file:

    {"version": 1, "objects": [
      {"phrase": "red circle", "kind": "move",
       "start": {"x": 0.3, "y": 0.5, "width": 0.25, "height": 0.25},
       "x": 0.7, "y": 0.5, "scale": 1.0, "rotation": 0.0},
      {"phrase": "blue square", "kind": "keep", "start": {...}},
      {"phrase": "green star", "kind": "free", "start": {...}},
      {"phrase": "heart", "kind": "add", "x": 0.5, "y": 0.2, "width": 0.2, "height": 0.2}]}

x and y are a centre, in [0, 1] from the top left; width and height are fractions of the picture's
sides. `start` is the object's place in the reference when the layout was drawn, or null. Kinds:

- move: the object goes to x, y; an x, y equal to its start's leaves it where the reference has it.
  `scale` is a factor of its sides, 2 is four times the area; `rotation` is in degrees, clockwise.
- keep: the object stays; a canvas does not let it be dragged.
- free: nothing of the object is kept, nor of the background behind it.
- add: the object is not in the reference; it fills the box.

Objects of the reference that a layout does not list stay. A blank text is the empty layout.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NoReturn

VERSION = 1
KINDS = ("move", "keep", "free", "add")
# Workflows may be foreign: limits above what any canvas makes, checked before anything is computed.
MAX_TEXT, MAX_OBJECTS, MAX_PHRASE = 65536, 64, 200
MAX_DIGITS = 500  # of an integer: below 640, the lowest limit of `int` that Python can be set to
SMALLEST, LARGEST = 0.05, 20.0
_BOX = {"x": (0.0, 1.0), "y": (0.0, 1.0), "width": (0.0, 1.0), "height": (0.0, 1.0)}
_MOVE = {**{k: _BOX[k] for k in "xy"}, "scale": (SMALLEST, LARGEST), "rotation": (-360.0, 360.0)}


@dataclass(frozen=True)
class Place:
    """A centre and two sides, as fractions of the picture."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Placed:
    """One object of a layout; the module documents the kinds.

    Attributes:
        phrase: the object, in the words of the prompt.
        kind: one of `KINDS`.
        start: its place in the reference when the layout was drawn; None if unknown.
        x, y: target centre of a moved object, in [0, 1].
        scale: factor of its sides.
        rotation: in degrees, clockwise.
        box: target of an added object.
    """

    phrase: str
    kind: str
    start: Place | None = None
    x: float = 0.5
    y: float = 0.5
    scale: float = 1.0
    rotation: float = 0.0
    box: Place | None = None

    @property
    def shifted(self) -> bool:
        """Whether its centre moves away from its start."""
        if self.kind != "move":
            return False
        return self.start is None or (self.x, self.y) != (self.start.x, self.start.y)

    @property
    def edited(self) -> bool:
        """Whether it asks for any change."""
        if self.kind == "move":
            return self.shifted or self.scale != 1 or self.rotation % 360 != 0
        return self.kind in ("free", "add")


@dataclass(frozen=True)
class Layout:
    """Objects with their target places; each phrase occurs once."""

    objects: tuple[Placed, ...] = ()

    def of(self, *kinds: str) -> tuple[Placed, ...]:
        """Its objects of some kinds."""
        return tuple(o for o in self.objects if o.kind in kinds)

    @classmethod
    def parse(cls, text: str) -> "Layout":
        """The layout in JSON text; the empty one for blank text.

        Raises:
            ValueError: text that is no layout of this version; the message names the place.
        """
        if not text.strip():
            return cls()
        if len(text) > MAX_TEXT:
            _refuse(f"it is {len(text)} characters long, at most {MAX_TEXT} are read")
        value = _fields(_decoded(text), "it", ("version", "objects"))
        if value["version"] != VERSION or isinstance(value["version"], bool):
            _refuse(
                f"version is {brief(value['version'])}, but this pack reads version {VERSION}; a "
                "newer pack may have made it"
            )
        entries = value["objects"]
        if not isinstance(entries, list):
            _refuse(f"objects must be a list, got {brief(entries)}")
        if len(entries) > MAX_OBJECTS:
            _refuse(f"it lists {len(entries)} objects, at most {MAX_OBJECTS} are read")
        objects = tuple(_placed(e, f"objects[{i}]") for i, e in enumerate(entries))
        _check_once([o.phrase for o in objects])
        return cls(objects)


def _placed(entry: Any, where: str) -> Placed:
    if not isinstance(entry, dict):
        _refuse(f"{where} must be an object with fields, got {brief(entry)}")
    phrase = entry.get("phrase")
    if not isinstance(phrase, str) or not 0 < len(phrase.strip()) <= MAX_PHRASE:
        _refuse(f"{where}.phrase must be words of the prompt, got {brief(phrase)}")
    kind = entry.get("kind")
    if kind not in KINDS:
        _refuse(f"{where}.kind must be one of {', '.join(KINDS)}, got {brief(kind)}")
    if kind == "add":
        fields = _fields(entry, where, ("phrase", "kind", *_BOX))
        return Placed(phrase, kind, box=_box(fields, where))
    own = _MOVE if kind == "move" else {}
    fields = _fields(entry, where, ("phrase", "kind", "start", *own))
    numbers: dict[str, Any] = {
        k: _number(fields[k], f"{where}.{k}", *ends) for k, ends in own.items()
    }
    start = fields["start"]
    if start is not None:
        start = _box(_fields(start, f"{where}.start", _BOX), f"{where}.start")
    return replace(Placed(phrase, kind, start), **numbers)


def _box(fields: Mapping[str, Any], where: str) -> Place:
    place = Place(**{k: _number(fields[k], f"{where}.{k}", *ends) for k, ends in _BOX.items()})
    if not (place.width > 0 and place.height > 0):
        _refuse(f"{where} has no area: width {place.width:g}, height {place.height:g}")
    return place


def _decoded(text: str) -> Any:
    def constant(name: str) -> NoReturn:
        _refuse(f"it holds {name}, which is no number")

    def whole(digits: str) -> int:
        if len(digits) > MAX_DIGITS:
            _refuse(f"it holds a number of {len(digits.lstrip('-'))} digits")
        return int(digits)

    def once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
        _check_once([name for name, _ in pairs])
        return dict(pairs)

    try:
        return json.loads(text, parse_constant=constant, parse_int=whole, object_pairs_hook=once)
    except json.JSONDecodeError as error:
        _refuse(f"it is no JSON: {error}")
    except RecursionError:
        _refuse("it is nested too deeply")


def _fields(value: Any, where: str, names: Iterable[str]) -> dict[str, Any]:
    """The value, if it is an object with exactly these fields."""
    if not isinstance(value, dict):
        _refuse(f"{where} must be an object with fields, got {brief(value)}")
    wanted = set(names)
    for what, odd in (("lacks", wanted - set(value)), ("has the unknown", set(value) - wanted)):
        if odd:
            _refuse(f"{where} {what} {', '.join(brief(name) for name in sorted(odd)[:5])}")
    return value


def _number(value: Any, where: str, low: float, high: float) -> float:
    fits = isinstance(value, (int, float)) and not isinstance(value, bool)
    # compared before converted: an integer may be too long for a float
    if not fits or not low <= value <= high or not math.isfinite(value):
        _refuse(f"{where} must be a number from {low:g} to {high:g}, got {brief(value)}")
    return float(value)


def _check_once(names: Sequence[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name.strip().lower() in seen:
            _refuse(f"it has {brief(name)} twice; remove one of the two")
        seen.add(name.strip().lower())


def brief(value: Any) -> str:
    """The repr of a value that was refused, cut to 60 characters for a message."""
    try:
        text = repr(value)
    except (RecursionError, ValueError):  # nested too deeply, an integer too long
        return f"a {type(value).__name__}"
    return text if len(text) <= 60 else f"{text[:60]}..."


def _refuse(what: str) -> NoReturn:
    raise ValueError(
        f"the layout cannot be read: {what}. Reset it on the node's canvas, or correct its JSON"
    ) from None
