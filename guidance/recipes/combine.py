"""The terms of a run, from all of its wishes together."""

import math
from collections.abc import Sequence

from ..maps.affine import Affine
from ..terms.base import Term
from ..terms.wish import Change, Wish


def expanded(wishes: Sequence[Wish]) -> tuple[Term, ...]:
    """The terms of wishes that act together; their order does not matter.

    - The transforms of all recipes of one object are composed, so that a move and a resize do not
      compete.
    - Terms that keep an aspect of an object as in a reference are dropped if a recipe changes it,
      and all terms that keep an object if it is removed, as the prompt no longer names it.
    - Of terms of several recipes that ask for the same, the one with the most weight stays.

    Raises:
        ValueError: two recipes change one object relative to two references.
    """
    changes = _joint([change for wish in wishes if (change := wish.change) is not None])
    found: list[Term] = []
    of_recipes: list[Term] = []
    for wish in wishes:
        own = None if wish.change is None else wish.object
        for term in wish.expand(changes):
            if any(_gives_way(term, change, own) for change in changes):
                continue
            found.append(term)
            of_recipes += [] if term is wish else [term]
    return tuple(term for term in found if _strongest(term, of_recipes) is term)


def _gives_way(term: Term, change: Change, own: str | None) -> bool:
    """Whether a term keeps an aspect that a change of another wish alters.

    Args:
        term: of some wish.
        change: of some wish, jointly with the others.
        own: object that the wish of the term changes itself, None if none.
    """
    if change.transform is not None and term.object == own:
        return False
    return bool(term.keeps & change.aspects) and change.concerns(
        term.object, term.compared, term.references
    )


def _joint(changes: Sequence[Change]) -> list[Change]:
    """The changes, each with the composed transform of all recipes of its object."""
    return [
        change
        if change.transform is None
        else Change(change.object, change.reference, _together(change, changes))
        for change in changes
    ]


def _together(change: Change, changes: Sequence[Change]) -> Affine:
    same = [
        other
        for other in changes
        if other.transform is not None
        and other.concerns(change.object, change.object, (change.reference,))
    ]
    if any(other.reference is not change.reference for other in same):
        raise ValueError(
            f"object {change.object!r} is moved or resized relative to two references at once; "
            "wire the same record into all of its recipes"
        )
    steps: list[Affine] = []
    for transform in (other.transform for other in same):
        # the same recipe may be wired twice: its transform is one object and counts once
        if transform is not None and not any(transform is step for step in steps):
            steps.append(transform)
    if len(steps) == 1:
        return steps[0]
    # each is about the object's own centroid, which moves along, so they may be in any order
    return Affine(
        rotation=sum(step.rotation for step in steps),
        dx=sum(step.dx for step in steps),
        dy=sum(step.dy for step in steps),
        scale_x=math.prod(step.scale_x for step in steps),
        scale_y=math.prod(step.scale_y for step in steps),
    )


def _strongest(term: Term, of_recipes: Sequence[Term]) -> Term:
    """Of the recipes' terms that ask for the same as one of them, the first of most weight."""
    if not any(term is one for one in of_recipes):
        return term
    return max((t for t in of_recipes if t.wants == term.wants), key=lambda t: abs(t.weight))
