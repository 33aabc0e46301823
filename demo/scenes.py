"""Scenes of the Shapes model and their renderer: one to three flat shapes on a plain background.

A thing is a rendered shape; its phrase in the caption is an object. Positions are fractions of the
picture from the top-left corner. Radii are in pixels and belong to the circle of equal area, so
that a star and a square of one radius cover the same number of pixels. No thing touches the frame
or another thing; all are upright and symmetric from left to right.
"""

import colorsys
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from random import Random

import numpy as np
from PIL import Image, ImageDraw

SIZE = 128
RADII = {1: (12.0, 28.0), 2: (12.0, 28.0), 3: (12.0, 24.0)}  # range in pixels, by number of things
GAP = 7.0  # least distance of the bounding boxes of two things, pixels
MARGIN = 3.0  # least distance of a thing from the frame, pixels
SUPERSAMPLING = 4

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (220, 35, 40),
    "orange": (245, 135, 25),
    "yellow": (245, 220, 45),
    "green": (40, 165, 60),
    "blue": (40, 90, 220),
    "purple": (140, 55, 190),
}
SHAPES = ("circle", "square", "triangle", "star", "heart")
# ranges of brightness (HSV value) with a name; captions do not name others
BACKGROUNDS: dict[str, tuple[float, float]] = {
    "black": (0.02, 0.07),
    "dark": (0.14, 0.28),
    "grey": (0.40, 0.60),
    "light": (0.70, 0.85),
    "white": (0.93, 0.99),
}

RGB = tuple[float, float, float]


@dataclass(frozen=True)
class Thing:
    """A shape with colour: centre of area (x, y) as fractions of the picture, radius in pixels."""

    colour: str
    shape: str
    x: float
    y: float
    radius: float
    rgb: RGB | None = None  # drawn colour in 0..1; None: that of `COLOURS`

    @property
    def paint(self) -> RGB:
        """The colour that is drawn, in 0..1."""
        red, green, blue = COLOURS[self.colour]
        return self.rgb or (red / 255, green / 255, blue / 255)


@dataclass(frozen=True)
class Scene:
    """Things on a background of one colour (RGB in 0..1), in a picture of width x height pixels."""

    things: tuple[Thing, ...]
    background: RGB = (0.8, 0.8, 0.8)
    width: int = SIZE
    height: int = SIZE


@lru_cache(maxsize=len(SHAPES))
def outline(shape: str) -> tuple[tuple[float, float], ...]:
    """Polygon (x, y) of a shape of radius 1: area pi, centre of area at (0, 0), y down."""
    if shape == "circle":
        points = _spokes([1.0] * 72)
    elif shape == "square":
        points = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
    elif shape == "triangle":
        points = _spokes([1.0] * 3)
    elif shape == "star":
        points = _spokes([1.0, 0.45] * 5)
    elif shape == "heart":
        points = [_heart(2 * math.pi * k / 72) for k in range(72)]
    else:
        raise ValueError(f"shape: expected one of {', '.join(SHAPES)}, got {shape!r}")
    return _normalised(points)


def _spokes(radii: Sequence[float]) -> list[tuple[float, float]]:
    turn = 2 * math.pi / len(radii)
    return [(r * math.sin(k * turn), -r * math.cos(k * turn)) for k, r in enumerate(radii)]


def _heart(angle: float) -> tuple[float, float]:
    up = (
        13 * math.cos(angle)
        - 5 * math.cos(2 * angle)
        - 2 * math.cos(3 * angle)
        - math.cos(4 * angle)
    )
    return 16 * math.sin(angle) ** 3, -up


def _normalised(points: Sequence[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    x, y = np.array(points, dtype=np.float64).T
    cross = x * np.roll(y, -1) - np.roll(x, -1) * y
    area = cross.sum() / 2
    centre_x = ((x + np.roll(x, -1)) * cross).sum() / (6 * area)
    centre_y = ((y + np.roll(y, -1)) * cross).sum() / (6 * area)
    scale = math.sqrt(math.pi / abs(area))
    return tuple(((a - centre_x) * scale, (b - centre_y) * scale) for a, b in points)


def extent(shape: str) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of a shape of radius 1, relative to its centre of area."""
    x, y = zip(*outline(shape), strict=True)
    return min(x), min(y), max(x), max(y)


def coverage(thing: Thing, width: int, height: int) -> np.ndarray:
    """Fraction of each pixel that the thing covers, float32 [height, width]."""
    k = SUPERSAMPLING
    canvas = np.zeros((height, width), dtype=np.float32)
    left, top, right, bottom = box(thing, width, height)
    x0, y0 = max(math.floor(left), 0), max(math.floor(top), 0)
    x1, y1 = min(math.ceil(right), width), min(math.ceil(bottom), height)
    if x1 <= x0 or y1 <= y0:
        return canvas
    tile = Image.new("L", ((x1 - x0) * k, (y1 - y0) * k))
    corners = [
        (
            (thing.x * width + thing.radius * a - x0) * k,
            (thing.y * height + thing.radius * b - y0) * k,
        )
        for a, b in outline(thing.shape)
    ]
    ImageDraw.Draw(tile).polygon(corners, fill=255)
    fine = np.asarray(tile, dtype=np.float32).reshape(y1 - y0, k, x1 - x0, k)
    canvas[y0:y1, x0:x1] = fine.mean((1, 3)) / 255
    return canvas


def box(thing: Thing, width: int, height: int) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of a thing in pixels."""
    left, top, right, bottom = extent(thing.shape)
    x, y, r = thing.x * width, thing.y * height, thing.radius
    return x + r * left, y + r * top, x + r * right, y + r * bottom


def masks(scene: Scene) -> np.ndarray:
    """The coverage of each thing of a scene, float32 [N, height, width] in 0..1."""
    empty = np.zeros((0, scene.height, scene.width), dtype=np.float32)
    layers = [coverage(thing, scene.width, scene.height)[None] for thing in scene.things]
    return np.concatenate([empty, *layers])


def render(scene: Scene, layers: np.ndarray | None = None) -> np.ndarray:
    """Render a scene, uint8 [height, width, 3]; `layers` is `masks(scene)` if already computed."""
    picture = np.empty((scene.height, scene.width, 3), dtype=np.float32)
    picture[:] = scene.background
    layers = masks(scene) if layers is None else layers
    for thing, layer in zip(scene.things, layers, strict=True):
        picture += layer[..., None] * (np.array(thing.paint, dtype=np.float32) - picture)
    return (picture * 255 + 0.5).astype(np.uint8)


def background_name(scene: Scene) -> str | None:
    """Name of the background, such as "dark"; None if its brightness has none."""
    value = max(scene.background)
    return next((name for name, (low, high) in BACKGROUNDS.items() if low <= value <= high), None)


def phrase(thing: Thing) -> str:
    """The words of a thing in the caption, such as "red circle"."""
    return f"{thing.colour} {thing.shape}"


def caption(scene: Scene, background: bool = False, articles: bool = True) -> str:
    """Caption such as "a red circle, an orange star and a blue square on a white background".

    Args:
        scene: the scene.
        background: whether the background is named, if it has a name.
        articles: whether phrases have "a" or "an".
    """
    names = [phrase(thing) for thing in scene.things]
    if articles:
        names = [f"{'an' if name.startswith('orange') else 'a'} {name}" for name in names]
    text = " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]
    name = background_name(scene) if background else None
    return f"{text} on a {name} background" if name else text


def named(text: str) -> list[tuple[str, str]]:
    """Colour and shape of each thing that a caption names, such as "a red circle and a blue star".

    Raises:
        ValueError: no shape is named, too many are, or one has no colour.
    """
    words = re.findall(r"[a-z]+", text.lower())
    found = [(before, word) for before, word in pairwise(["", *words]) if word in SHAPES]
    if len(found) not in RADII or any(colour not in COLOURS for colour, _ in found):
        raise ValueError(
            f"text must name one to {max(RADII)} things, each by a colour and a shape, such as "
            f"'a red circle and a blue square', got {text!r}; colours: {', '.join(COLOURS)}; "
            f"shapes: {', '.join(SHAPES)}"
        )
    return found


def random_scene(
    rng: Random,
    count: int,
    width: int = SIZE,
    height: int = SIZE,
    names: Sequence[tuple[str, str]] = (),
) -> Scene:
    """A random scene of `count` things, uniform over the positions that `GAP` and `MARGIN` allow.

    Args:
        rng: source of the random numbers.
        count: 1 to 3.
        width, height: of the picture in pixels.
        names: colour and shape of each thing; random if empty.

    Raises:
        ValueError: another count.
    """
    if count not in RADII:
        raise ValueError(f"count: expected one of {', '.join(map(str, RADII))} things, got {count}")
    names = names or _random_names(rng, count)
    while True:
        things = []
        for colour, shape in names:
            radius = rng.uniform(*RADII[count])
            left, top, right, bottom = (radius * edge for edge in extent(shape))
            x = rng.uniform(MARGIN - left, width - MARGIN - right) / width
            y = rng.uniform(MARGIN - top, height - MARGIN - bottom) / height
            things.append(Thing(colour, shape, x, y, radius, _jittered(rng, colour)))
            if not _apart(things, width, height):
                break
        else:
            return Scene(tuple(things), _random_background(rng), width, height)


def _random_names(rng: Random, count: int) -> list[tuple[str, str]]:
    # in 80 % of the scenes all colours and all shapes differ; in the others only the pairs must
    if rng.random() < 0.8:
        colours = rng.sample(list(COLOURS), count)
        return list(zip(colours, rng.sample(SHAPES, count), strict=True))
    every = [(colour, shape) for colour in COLOURS for shape in SHAPES]
    return rng.sample(every, count)


def _apart(things: Sequence[Thing], width: int, height: int) -> bool:
    left, top, right, bottom = box(things[-1], width, height)
    for other in things[:-1]:
        l2, t2, r2, b2 = box(other, width, height)
        if max(l2 - right, left - r2, t2 - bottom, top - b2) < GAP:
            return False
    return True


def _jittered(rng: Random, colour: str) -> RGB:
    hue, saturation, value = colorsys.rgb_to_hsv(*(channel / 255 for channel in COLOURS[colour]))
    hue += rng.uniform(-0.008, 0.008)
    saturation *= rng.uniform(0.95, 1.05)
    value *= rng.uniform(0.94, 1.04)
    return colorsys.hsv_to_rgb(hue % 1, min(saturation, 1), min(value, 1))


def _random_background(rng: Random) -> RGB:
    low, high = rng.choice(list(BACKGROUNDS.values())) if rng.random() < 0.6 else (0.03, 0.98)
    return colorsys.hsv_to_rgb(rng.random(), rng.uniform(0.0, 0.1), rng.uniform(low, high))
