"""Follow a reference: its layout, its look, or both, object by object.

The recipes of section 4 of the paper (arXiv 2306.00986) beside moving: new appearances in the same
layout, new layouts with the same appearances, the layout of one picture with the appearance of
another, several pictures composed.
"""

from collections.abc import Mapping

from .energies import Appearance, Position, Shape, Size, Term
from .record import Record
from .window import Window


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
        layout: weight of shape, place and size, compared with where the reference's objects ended
            up; 0 leaves the layout free.
        appearance: weight of the look; 0 leaves it free.
        window: when the terms act.

    Raises:
        ValueError: the reference lacks an object, or names none.
    """
    if not objects:
        raise ValueError(
            f"the reference's prompt {reference.table.prompt!r} names no object that could be "
            "followed; name them in the Self-Guidance Prompt node that encoded it"
        )
    terms: list[Term] = []
    for name, source in objects.items():
        reference.table.find(source)
        then = {"object": name, "source": source, "reference": reference, "window": window}
        if layout:
            terms.append(Shape(**then, settled=True, weight=2 * layout))
            terms.append(Position(**then, x=0, y=0, settled=True, weight=2 * layout))
            terms.append(Size(**then, size=1, settled=True, weight=layout))
        if appearance:
            terms.append(Appearance(**then, weight=appearance))
    return tuple(terms)
