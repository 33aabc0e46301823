"""Follow a reference: its layout, its look, or both, object by object.

The recipes of section 4 of the paper (arXiv 2306.00986) beside moving: new appearances in the same
layout, new layouts with the same appearances, the layout of one picture with the appearance of
another, several pictures composed.
"""

import re
from collections.abc import Mapping

from ..maps.affine import Affine
from ..record.record import Record
from ..terms.base import Term
from ..terms.hold import HoldRest
from ..terms.window import Window
from ..words.written import EQUALS, listed
from .transform import LOOK, STEP_LENGTH, Balance, Source

# Where another picture gives shape and place, a look counts more than beside them, and on to the
# end, which decides colours. Its steps are shorter: it has no shape beside it.
LOOK_ALONE, STEP_LENGTH_ALONE = 0.3, 0.5


def follow(
    reference: Record,
    objects: Mapping[str, str],
    layout: float,
    appearance: float,
    window: Window,
) -> tuple[Term, ...]:
    """Terms that give objects the place and shape, and the look, that a reference shows.

    Args:
        reference: run or real image.
        objects: which object of the prompt follows which of the reference.
        layout: weight of shape, place and size; 0 leaves the layout free.
        appearance: weight of the look; 0 leaves it free.
        window: when the terms act; a look without layout acts from its start to the end.

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
    """Objects of the prompt with those of the reference that they follow.

    Args:
        text: such as "green star = red circle, square": pairs as in `written.listed`, one name
            alone where both are called the same.

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
    source: str,
    reference: Record,
    transform: Affine,
    layout: float,
    appearance: float,
    window: Window,
) -> tuple[Term, ...]:
    """Terms that draw an object of a reference, at its place there or transformed.

    Places are those where the reference's objects ended up, see `transform`.

    Args:
        object: phrase of the prompt.
        source: object of the reference.
        reference: run or real image.
        transform: where the object goes, relative to the reference.
        layout, appearance, window: see `follow`.

    Raises:
        ValueError: the reference lacks the object.
    """
    reference.table.find_object(source)
    terms: list[Term] = []
    beside = Source(reference, window, STEP_LENGTH * min(1.0, max(layout, appearance)))
    if layout:
        terms += beside.place(object, source, transform, layout, Balance())
    if appearance and layout:
        terms.append(beside.look(object, source, LOOK * appearance))
    elif appearance:
        alone = Source(reference, window.opened(), STEP_LENGTH_ALONE * min(1.0, appearance))
        terms.append(alone.look(object, source, LOOK_ALONE * appearance))
    return tuple(terms)


def remove_object(
    object: str, reference: Record, weight: float, window: Window
) -> tuple[Term, ...]:
    """Terms that redraw the place of an object by a prompt that lacks it, and keep all else.

    Not in the paper. The rest of the picture is held, and the other objects keep their maps: else
    the model, told of one object and given room, draws it again where the removed one was.

    Args:
        object: object of the reference.
        reference: run or real image that shows it.
        weight: factor of all terms; below 1 the rest of the picture is held only in part.
        window: when the other objects are kept; the rest is held from its start to the end of the
            run.

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
