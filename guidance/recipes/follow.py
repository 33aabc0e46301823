"""Recipes that take layout, appearance or both of a reference, object by object.

Those of section 4 of the paper (arXiv 2306.00986) other than moving: new appearances in the same
layout, new layouts with the same appearances, the layout of one picture with the appearance of
another, and pictures composed of several. Removal of an object is not in the paper.
"""

import re
from collections.abc import Mapping

from ..maps.affine import Affine
from ..record.record import Record
from ..terms.base import Term
from ..terms.hold import HoldRest
from ..terms.window import Window
from ..words.written import EQUALS, listed
from .transform import APPEARANCE, STEP_LENGTH, Balance, FromReference

# Weight and step length of an appearance without layout from the same reference. It weighs more
# than with one, and acts to the end of the run, where colours are decided; no shape holds its
# steps, so they are shorter.
APPEARANCE_ALONE, STEP_LENGTH_ALONE = 0.3, 0.5


def follow(
    reference: Record,
    objects: Mapping[str, str],
    layout: float,
    appearance: float,
    window: Window,
) -> tuple[Term, ...]:
    """Terms that give objects position, size and shape, and appearance, as in a reference.

    Args:
        reference: record of a run or of a real image.
        objects: object of the reference by object of the prompt that follows it.
        layout: factor of the weights of shape, position and size; 0 leaves the layout free.
        appearance: factor of that of appearance; 0 leaves it free.
        window: when the terms act; an appearance without layout acts from its start to the end of
            the run.

    Raises:
        ValueError: the reference lacks an object, or names none.
    """
    if not objects:
        raise ValueError(
            f"the reference's prompt {reference.table.prompt!r} names no object that could be "
            "followed; name them in the Self-Guidance Prompt node that encoded it"
        )
    pairs = objects.items()
    copies = (copy_object(o, s, reference, Affine(), layout, appearance, window) for o, s in pairs)
    return tuple(term for terms in copies for term in terms)


def paired(text: str) -> dict[str, str]:
    """Objects of the reference by object of the prompt, parsed from text.

    Args:
        text: such as "green star = red circle, square": pairs separated as in `written.listed`, or
            one name where both are the same.

    Raises:
        ValueError: a pair that lacks a side or has a third one, an object that is there twice.
    """
    pairs: dict[str, str] = {}
    for part in listed(text):
        ours, *more = (side.strip() for side in re.split(f"[{EQUALS}]", part))
        if len(more) > 1 or not all((ours, *more)):
            raise ValueError(
                f"objects has {part!r}, which is no pair; write 'object of the prompt = object of "
                "the reference', such as 'green star = red circle', with commas between pairs"
            )
        if ours.lower() in map(str.lower, pairs):
            raise ValueError(
                f"objects names {ours!r} twice, but an object can follow only one of the "
                "reference; remove one of the two"
            )
        pairs[ours] = more[0] if more else ours
    return pairs


def copy_object(
    object: str,
    reference_object: str,
    reference: Record,
    transform: Affine,
    layout: float,
    appearance: float,
    window: Window,
) -> tuple[Term, ...]:
    """Terms that draw an object of a reference, at its final place there or transformed.

    Args:
        object: phrase of the prompt.
        reference_object: object of the reference.
        reference: run or real image.
        transform: from its place in the reference to the new one.
        layout, appearance, window: see `follow`.

    Raises:
        ValueError: the reference lacks the object.
    """
    reference.table.find_object(reference_object)
    terms: list[Term] = []
    both = FromReference(reference, window, STEP_LENGTH * min(1.0, max(layout, appearance)))
    if layout:
        terms += both.place(object, reference_object, transform, layout, Balance())
    if appearance and layout:
        terms.append(both.appearance(object, reference_object, APPEARANCE * appearance))
    elif appearance:
        alone = FromReference(reference, window.opened(), STEP_LENGTH_ALONE * min(1.0, appearance))
        terms.append(alone.appearance(object, reference_object, APPEARANCE_ALONE * appearance))
    return tuple(terms)


def remove_object(
    object: str, reference: Record, weight: float, window: Window
) -> tuple[Term, ...]:
    """Terms that remove an object, for a run whose prompt no longer names it.

    Not in the paper. The rest of the picture is held, and the other objects keep position, size and
    shape: else the model draws one of them in the free region.

    Args:
        object: object of the reference.
        reference: record of a run or of a real image that shows it.
        weight: factor of all terms; below 1 the rest of the picture is held only in part.
        window: when the other objects are kept; the rest of the picture is held from its start to
            the end of the run.

    Raises:
        ValueError: the reference lacks the object, or holds no picture.
    """
    reference.table.find_object(object)
    others = reference.table.others(object)
    rest = HoldRest(
        object=object, reference=reference, weight=weight, window=window.opened(), gone=True
    )
    stay = (copy_object(name, name, reference, Affine(), weight, 0.0, window) for name in others)
    return (rest, *(term for terms in stay for term in terms))
