"""The terms of a layout, and the places of a record's objects that its canvas shows."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from ..maps.affine import Affine
from ..maps.properties import Properties, mean_shape
from ..recipes.transform import RECIPE_WINDOW, Balance, FromReference, Recipe
from ..record.record import Record
from ..terms.attention import Box, Presence
from ..terms.base import Term
from ..terms.hold import HoldBeside, HoldRest
from ..terms.window import Window
from ..terms.wish import Wish
from .canvas import Layout, Place, Placed

# A box holds the cells above THRESHOLD times the object's highest value, without the fraction TRIM
# of their number on either side. On Shapes it is as wide as the object drawn (median ratio 0.99).
THRESHOLD, TRIM = 0.2, 0.01
FINE = 128  # cells of the grid on which boxes are measured


def measured(reference: Record, picture: int = 0) -> dict[str, Place]:
    """Final places of a record's objects, by phrase.

    Args:
        reference: the record.
        picture: which one of its batch.

    Returns:
        centre: the centroid, to which moves are relative; sides: those of the object's shape, see
        `THRESHOLD`.

    Raises:
        ValueError: the record is empty.
    """
    settled = reference.settled()
    return {name: place_of(settled, name, picture) for name in reference.table.objects}


def place_of(seen: Properties, name: str, picture: int = 0) -> Place:
    """Place of an object in a pass, see `measured`."""
    x, y = seen.centroid(name)[picture].mean(0).tolist()
    width, height = _sides(mean_shape(seen, name)[picture])
    return Place(x, y, width, height)


def _sides(shape: Tensor) -> tuple[float, float]:
    """Width and height of a shape [H, W], as fractions of its grid."""
    fine = F.interpolate(shape[None, None], (FINE, FINE), mode="bilinear", align_corners=False)
    own = (fine[0, 0] > THRESHOLD * fine.max()).float()
    return _extent(own.sum(0)), _extent(own.sum(1))


def _extent(profile: Tensor) -> float:
    """Fraction of a line [n] that holds its mass, without `TRIM` of it on either side."""
    held = profile.cumsum(0) / profile.sum().clamp(min=1)
    inside = int(((held >= TRIM) & (held < 1 - TRIM)).sum())
    return max(1, inside) / len(profile)


def layout_terms(
    layout: Layout,
    reference: Record | None,
    weight: float = 1.0,
    window: Window = RECIPE_WINDOW,
    balance: Balance | None = None,
) -> tuple[Wish, ...]:
    """Terms and recipes that put objects where a layout has them.

    Args:
        layout: target places; without changes there are no terms.
        reference: record of the unguided run with the same prompt and seed; not needed if objects
            are only added.
        weight: factor of the terms that move and add objects.
        window: when they act; the background is held from its start to the end of the run.
        balance: weights of the parts of recipes.

    Raises:
        ValueError: a reference that is missing, lacks an object or has several pictures to move one
            in; objects that share a word; a box that covers nothing or all of the picture.
    """
    if not any(placed.edited for placed in layout.objects):
        return ()
    balance = balance or Balance()
    boxes = tuple(_box(placed, weight, window) for placed in layout.of("add"))
    added = tuple(term for box in boxes for term in (box, _present(box)))
    if reference is None:
        _check_no_reference_needed(layout)
        return added
    _check_one_picture(layout, reference)
    _check_apart(layout, reference)  # so that from here on only added ones may be unknown
    free = tuple(o.phrase for o in layout.of("free", "add") if reference.table.has(o.phrase))
    then: dict[str, Any] = {"reference": reference, "window": window}
    moves = tuple(
        Recipe(transform=transform, weight=weight, balance=balance, object=name, free=free, **then)
        for name, transform in _transforms(layout, reference).items()
    )
    kept = () if moves else FromReference(reference, window).keep(free, balance.others)
    held = {"reference": reference, "weight": balance.rest, "window": window.opened()}
    return (*moves, *kept, *added, *_released(free, boxes, held))


def _released(
    free: Sequence[str], boxes: Sequence[Box], held: Mapping[str, Any]
) -> tuple[Term, ...]:
    """Hold terms whose regions leave out free objects and the boxes of added ones."""
    return (
        *(HoldRest(object=name, **held) for name in free),
        *(HoldBeside(object=b.object, box=_corner(b), **held) for b in boxes),
    )


def _transforms(layout: Layout, reference: Record) -> dict[str, Affine]:
    """Transforms of the objects that are moved, resized or rotated, from their final places."""
    settled = reference.settled()
    found = {}
    for placed in layout.of("move"):
        x, y = settled.centroid(placed.phrase)[0].mean(0).tolist()
        dx, dy = (placed.x - x, placed.y - y) if placed.shifted else (0.0, 0.0)
        if placed.edited:
            found[placed.phrase] = Affine(dx, dy, placed.scale, placed.scale, placed.rotation)
    return found


def _box(placed: Placed, weight: float, window: Window) -> Box:
    """The box term of an added object; its box is cut off at the edges of the picture."""
    place = placed.box
    assert place is not None  # `Layout.parse` has checked it
    left, top = max(0.0, place.x - place.width / 2), max(0.0, place.y - place.height / 2)
    right, bottom = min(1.0, place.x + place.width / 2), min(1.0, place.y + place.height / 2)
    return Box(
        object=placed.phrase,
        x=left,
        y=top,
        width=right - left,
        height=bottom - top,
        corners=True,
        weight=weight,
        window=window,
    )


def _corner(box: Box) -> tuple[float, float, float, float]:
    return box.x, box.y, box.width, box.height


def _present(box: Box) -> Presence:
    """The presence term of an added object: a box alone only moves what is drawn anyway."""
    return Presence(object=box.object, weight=box.weight, window=box.window)


def _check_no_reference_needed(layout: Layout) -> None:
    for placed in layout.of("move", "keep", "free"):
        if placed.edited or placed.kind == "keep":
            raise ValueError(
                f"reference is missing: to {placed.kind} object {placed.phrase!r} the layout needs "
                "the record of the picture that shows it; wire the record of the unguided run, or "
                "delete the object from the layout"
            )


def _check_one_picture(layout: Layout, reference: Record) -> None:
    """Raise a ValueError if objects move and the reference has several pictures."""
    moved = [placed.phrase for placed in layout.of("move") if placed.shifted]
    if moved and reference.batch > 1:
        raise ValueError(
            f"the layout moves object {moved[0]!r} away from its place in one picture, but its "
            f"reference holds {reference.batch} pictures, and each has the object elsewhere; take "
            "one picture of the batch with Latent From Batch before the first sampler, or use Move "
            "Object, whose distances suit every picture"
        )


def _check_apart(layout: Layout, reference: Record) -> None:
    """Raise a ValueError if two objects of the layout share a word of the prompt."""
    phrases = [placed.phrase for placed in layout.of("move", "keep", "free")]
    for i, phrase in enumerate(phrases):
        for other in phrases[:i]:
            if not reference.table.apart(phrase, other):
                raise ValueError(
                    f"objects {other!r} and {phrase!r} of the layout share a word of the prompt "
                    f"{reference.table.prompt!r}, so they cannot be placed apart; delete one of "
                    "the two"
                )
