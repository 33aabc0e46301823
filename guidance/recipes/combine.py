"""The terms of a run, from all that its wishes ask for together."""

import math
from collections.abc import Sequence

from ..maps.affine import Affine
from ..terms.base import Term
from ..terms.wish import Change, Wish


def expanded(wishes: Sequence[Wish]) -> tuple[Term, ...]:
    """The terms of wishes that act together, in whatever order they come.

    Recipes of one object ask for all of their transforms at once: a move and a resize, not a tug of
    war. What keeps the place, size or shape that a reference shows, of an object that a recipe
    gives another one, gives way. So does all that keeps an object which is removed, since the
    prompt no longer names it. What several recipes want of an object at the same time, they want
    once.

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
    """Whether a term keeps what a change of another wish makes different.

    Args:
        term: of some wish.
        change: of some wish, jointly with the others.
        own: object that the term's wish changes, which it does not keep from itself.
    """
    if change.transform is not None and term.object == own:
        return False
    return bool(term.keeps & change.aspects) and change.concerns(
        term.object, term.compared, term.references
    )


def _joint(changes: Sequence[Change]) -> list[Change]:
    """Each change with where all recipes of its object together take it."""
    return [
        change
        if change.transform is None
        else Change(change.object, change.reference, _together(change, changes))
        for change in changes
    ]


def _together(change: Change, changes: Sequence[Change]) -> Affine:
    peers = [
        peer
        for peer in changes
        if peer.transform is not None
        and peer.concerns(change.object, change.object, (change.reference,))
    ]
    if any(peer.reference is not change.reference for peer in peers):
        raise ValueError(
            f"object {change.object!r} is moved or resized relative to two references at once; "
            "wire the same record into all of its recipes"
        )
    steps: list[Affine] = []
    for way in (peer.transform for peer in peers):
        # one recipe may come on two wires; its transform is then the same thing, asked for once
        if way is not None and not any(way is step for step in steps):
            steps.append(way)
    if len(steps) == 1:
        return steps[0]
    # each one is about the object's own centroid, which goes along: the order does not matter
    return Affine(
        rotation=sum(step.rotation for step in steps),
        dx=sum(step.dx for step in steps),
        dy=sum(step.dy for step in steps),
        scale_x=math.prod(step.scale_x for step in steps),
        scale_y=math.prod(step.scale_y for step in steps),
    )


def _strongest(term: Term, of_recipes: Sequence[Term]) -> Term:
    """Of the recipes' terms that want the same as one of them, the first with the most weight."""
    if not any(term is one for one in of_recipes):
        return term
    return max((t for t in of_recipes if t.wants == term.wants), key=lambda t: abs(t.weight))
