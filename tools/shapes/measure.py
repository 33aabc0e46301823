"""Find the things and the background colour of a picture, by colour segmentation.

Backgrounds are nearly grey and things are not, so chroma (largest minus smallest channel) separates
them. The name of a shape is that of the template with the largest overlap.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ...demo.scenes import COLOURS, SHAPES, Thing, coverage

CHROMA = 0.22  # things have at least 0.45, backgrounds at most 0.1
SPECK = 48  # area in pixels below which a region is ignored; the smallest thing has 450
SPLIT_SHARE = 0.15  # least share of a component that makes another colour a separate thing
_NEIGHBOURS = np.ones((3, 3), dtype=bool)


@dataclass(frozen=True)
class Found:
    """One thing in a picture.

    Attributes:
        colour, shape: their names.
        x, y: centre of area, as fractions of the picture from the top-left corner.
        area: fraction of the picture.
        fit: intersection over union with the template of its shape.
        mask: bool [H, W].
    """

    colour: str
    shape: str
    x: float
    y: float
    area: float
    fit: float
    mask: np.ndarray


def find_objects(image: np.ndarray) -> list[Found]:
    """The things of a picture, float [H, W, 3] in 0..1, largest first.

    Things are separate if they do not touch or if their colours differ. Regions of fewer than
    48 pixels are ignored.

    Raises:
        ValueError: another shape of the picture.
    """
    image = _checked(image)
    chroma = image.max(-1) - image.min(-1)
    names = _nearest_colour(image)
    labels, count = ndimage.label(chroma > CHROMA, _NEIGHBOURS)
    found = []
    for label in range(1, count + 1):
        for mask in _by_colour(labels == label, names):
            found += _things(mask, chroma, names)
    return sorted(found, key=lambda thing: -thing.area)


def background_colour(image: np.ndarray) -> np.ndarray:
    """Mean RGB, [3] in 0..1, of the pixels outside things and their soft edges."""
    image = _checked(image)
    covered = np.zeros(image.shape[:2], dtype=bool)
    for thing in find_objects(image):
        covered |= thing.mask
    free = ~ndimage.binary_dilation(covered, _NEIGHBOURS, iterations=3)
    return image[free if free.any() else ~covered].mean(0)


def _checked(image: np.ndarray) -> np.ndarray:
    image = np.asarray(image, dtype=np.float32)
    if image.ndim != 3 or image.shape[-1] != 3:
        raise ValueError(
            f"image: expected [height, width, 3] in 0..1, got shape {list(image.shape)}; "
            "pass one RGB picture"
        )
    return image.clip(0, 1)


def _hue(rgb: np.ndarray) -> np.ndarray:
    """The hue of colours [..., 3] as a fraction of a turn, [...]."""
    r, g, b = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    return np.arctan2(np.sqrt(3) * (g - b), 2 * r - g - b) / (2 * np.pi) % 1


def _nearest_colour(image: np.ndarray) -> np.ndarray:
    """Index into COLOURS of the nearest hue at each pixel, [H, W]; any where chroma is low."""
    hues = _hue(np.array(list(COLOURS.values()), dtype=np.float32))
    distance = np.abs(_hue(image)[..., None] - hues)
    return np.minimum(distance, 1 - distance).argmin(-1)


def _by_colour(mask: np.ndarray, names: np.ndarray) -> list[np.ndarray]:
    """A component as one mask, or as one for each colour with a considerable share of it."""
    counts = np.bincount(names[mask], minlength=len(COLOURS))
    core = ndimage.binary_erosion(mask, _NEIGHBOURS, iterations=2)
    inner = np.bincount(names[core], minlength=len(COLOURS))
    large = (counts > max(SPECK, SPLIT_SHARE * counts.sum())) & (inner > SPECK / 2)
    if large.sum() < 2:
        return [mask]
    parts = [ndimage.label(mask & (names == index), _NEIGHBOURS) for index in np.flatnonzero(large)]
    return [labels == k for labels, count in parts for k in range(1, count + 1)]


def _things(mask: np.ndarray, chroma: np.ndarray, names: np.ndarray) -> list[Found]:
    if mask.sum() < SPECK:
        return []
    # half of the thing's chroma is half coverage, so the outline does not depend on the colour
    half = 0.5 * np.percentile(chroma[mask], 80)
    labels, count = ndimage.label(mask & (chroma > half), _NEIGHBOURS)
    masks = [labels == k for k in range(1, count + 1)]
    return [_described(part, names) for part in masks if part.sum() >= SPECK]


def _described(mask: np.ndarray, names: np.ndarray) -> Found:
    height, width = mask.shape
    mask = ndimage.binary_fill_holes(mask)
    rows, columns = np.nonzero(mask)
    x, y = (columns.mean() + 0.5) / width, (rows.mean() + 0.5) / height
    colour = list(COLOURS)[np.bincount(names[mask], minlength=len(COLOURS)).argmax()]
    radius = float(np.sqrt(mask.sum() / np.pi))
    fits = {shape: _fit(mask, Thing(colour, shape, x, y, radius)) for shape in SHAPES}
    shape = max(fits, key=fits.__getitem__)
    return Found(colour, shape, float(x), float(y), float(mask.mean()), fits[shape], mask)


def _fit(mask: np.ndarray, thing: Thing) -> float:
    template = coverage(thing, mask.shape[1], mask.shape[0]) > 0.5
    return float((mask & template).sum() / max((mask | template).sum(), 1))
