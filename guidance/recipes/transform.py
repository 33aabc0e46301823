"""Recipes: ready sums of terms for what users ask for (arXiv 2306.00986, section 4).

Moving and resizing follow the paper's eq. 9: the object's shape goes to the transformed reference
shape, the shapes of the other objects and all appearances stay. Three departures:
a position term, whose gradient also reaches over a distance at which shapes do not overlap;
places and shapes are compared with where the reference's objects ended up, since its maps at high
noise are too vague to say where to, and objects were left half way or twice; and `Preserve` for
what no word names.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..maps.affine import Affine
from ..record.record import Record
from ..terms.hold import PreserveRest
from ..terms.reference import Appearance, Concentration, Position, Shape, Size, Term
from ..terms.window import Window
from .follow import LOOK, STRIDE

# A gradient of fixed length never rests: once the object is in place it only shakes it, and
# samplers that extrapolate from step to step amplify that. Places and shapes are settled by then.
GUIDED = Window(0.0, 0.7)


@dataclass(frozen=True)
class Balance:
    """Weights of the parts of a recipe; the defaults are what `nox -s report` measures.

    Attributes:
        shape: of the object's transformed shape.
        position: of its centroid.
        size: of its size.
        others: shape and appearance of the other objects, and appearance of this one.
        rest: how much of the difference to the reference is removed outside the object, 0 to 1.
    """

    shape: float = 2.0
    position: float = 2.0
    size: float = 1.0
    others: float = 1.0
    rest: float = 1.0


def transform_object(
    object: str,
    transform: Affine,
    reference: Record,
    weight: float = 1.0,
    window: Window | None = None,
    balance: Balance | None = None,
    free: Sequence[str] = (),
) -> tuple[Term, ...]:
    """Terms that move or resize one object and keep all else.

    Args:
        object: phrase of the prompt.
        transform: where the object goes, relative to the reference.
        reference: record of the unguided run with the same prompt and seed.
        weight: factor of the terms that move the object.
        window: when the object is guided, `GUIDED` if None; the rest is held from its start on.
        balance: weights of the parts.
        free: objects that are not kept either.

    Raises:
        ValueError: the reference lacks the object, or a free one.
    """
    window = window or GUIDED
    balance = balance or Balance()
    reference.table.find(object)
    keep: dict[str, Any] = {"reference": reference, "window": window, "stride": STRIDE}
    place: dict[str, Any] = {**keep, "settled": True}
    dx, dy, factor = transform.dx, transform.dy, transform.scale_x * transform.scale_y
    terms: list[Term] = [
        Shape(object=object, transform=transform, weight=weight * balance.shape, **place),
        Position(object=object, x=dx, y=dy, weight=weight * balance.position, **place),
        Size(object=object, size=factor, weight=weight * balance.size, **place),
        Appearance(object=object, weight=LOOK * balance.others, **keep),
    ]
    terms += kept((object, *free), reference, window, balance)
    rest = {**keep, "weight": balance.rest, "window": window.opened(), "idle": weight == 0}
    return (*terms, PreserveRest(object=object, transform=transform, **rest))


def kept(
    but: Sequence[str], reference: Record, window: Window, balance: Balance
) -> tuple[Term, ...]:
    """Terms that keep shape and look of a reference's objects but for those that share a word."""
    keep: dict[str, Any] = {"reference": reference, "window": window, "stride": STRIDE}
    table = reference.table
    terms: list[Term] = []
    for name in table.objects:
        if all(table.apart(name, other) for other in but):
            terms.append(Shape(object=name, weight=balance.others, settled=True, **keep))
            terms.append(Appearance(object=name, weight=LOOK * balance.others, **keep))
    return tuple(terms)


@dataclass(frozen=True, kw_only=True)
class Recipe(Term):
    """A request to move or resize one object and to keep all else.

    What a recipe keeps depends on the others of a run, so it stays whole until all of them are
    known: `resolved` puts its terms in its place. It has no energy of its own.

    Attributes:
        object: phrase of the prompt.
        weight, window, reference, transform, balance, free: see `transform_object`.
        stride: of its terms.

    Raises:
        ValueError: the reference lacks the object, or holds no picture.
    """

    window: Window = field(default=GUIDED)
    stride: float | None = STRIDE
    reference: Record
    transform: Affine
    balance: Balance = field(default=Balance())
    free: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.parts(self.transform)  # says what the reference lacks where the recipe is made

    def parts(self, transform: Affine) -> tuple[Term, ...]:
        """The recipe's terms, should the object go there."""
        terms = transform_object(
            self.object,
            transform,
            self.reference,
            self.weight,
            self.window,
            self.balance,
            self.free,
        )
        return tuple(replace(term, group=self.group, stride=self.stride) for term in terms)

    def combined(self, weight: float, group: str = "") -> "Recipe":
        """The recipe as part of a sum: the factor counts for all that it moves and keeps."""
        kept = replace(
            self.balance, others=weight * self.balance.others, rest=weight * self.balance.rest
        )
        return replace(super().combined(weight, group), balance=kept)


def resolved(terms: Sequence[Term]) -> tuple[Term, ...]:
    """Terms of one run, with those of each recipe in its place.

    Recipes act together, in whatever order they come. Those of one object ask for all of their
    transforms at once: a move and a resize, not a tug of war. What keeps the place, size or shape
    that a reference shows, of an object that a recipe gives another one, gives way. So does all
    that keeps an object which is removed, since the prompt no longer names it. What several recipes
    want of an object at the same time, they want once.

    Raises:
        ValueError: two recipes change one object relative to two references.
    """
    recipes = [term for term in terms if isinstance(term, Recipe)]
    aims = {id(recipe): _aim(recipe, recipes) for recipe in recipes}
    removed = [t for t in terms if isinstance(t, PreserveRest) and t.gone and _acts(t)]
    found: list[Term] = []
    theirs: list[Term] = []
    for term in terms:
        own = term.object if isinstance(term, Recipe) else None
        parts = term.parts(aims[id(term)]) if isinstance(term, Recipe) else (term,)
        for part in parts:
            if any(_keeps_removed(part, rest) for rest in removed):
                continue
            rivals = [r for r in recipes if _acts(r) and _kept_else(part, aims[id(r)])]
            if part.object == own or not any(_same(part, rival) for rival in rivals):
                found.append(part)
                theirs += [part] if own else []
    return tuple(term for term in found if _strongest(term, theirs) is term)


def _acts(term: Term) -> bool:
    """Whether a term is switched on at all."""
    return term.weight != 0 and not term.window.empty


def _keeps(term: Term) -> bool:
    """Whether a term keeps an object as its reference shows it."""
    if not term.references:
        return False
    if isinstance(term, (Position, Concentration)):
        return term.x == term.y == 0
    if isinstance(term, Size):
        return term.size == 1
    return isinstance(term, Appearance) or (isinstance(term, Shape) and term.transform == Affine())


def _twins(term: Term, other: Term) -> bool:
    """Whether two terms want the same of an object at the same time."""
    return (
        type(term) is type(other)
        and _wanted(term) == _wanted(other)
        and term.references[0] is other.references[0]
    )


def _wanted(term: Term) -> tuple[Any, ...]:
    """The object, the time and the goal of a recipe's term."""
    goal = (getattr(term, name, None) for name in ("transform", "x", "y", "size"))
    return term.object, term.compared, term.window, *goal


def _strongest(term: Term, recipes: Sequence[Term]) -> Term:
    """Of the recipes' terms that want the same as one of them, the first with the most weight."""
    if not any(term is part for part in recipes):
        return term
    return max((t for t in recipes if _twins(term, t)), key=lambda t: abs(t.weight))


def _kept_else(term: Term, aim: Affine) -> bool:
    """Whether a term keeps as in its reference what a transform changes."""
    if not _keeps(term) or isinstance(term, Appearance):
        return False
    if isinstance(term, (Position, Concentration)):
        return aim.dx != 0 or aim.dy != 0
    if isinstance(term, Size):
        return aim.scale_x * aim.scale_y != 1
    return aim != Affine()


def _keeps_removed(term: Term, rest: PreserveRest) -> bool:
    """Whether a term keeps an object that is taken away."""
    known = any(record is rest.reference for record in term.references)
    if not (known and _keeps(term) and term.compared == term.object):
        return False
    return not rest.reference.table.apart(term.object, rest.object)


def _aim(recipe: Recipe, recipes: Sequence[Recipe]) -> Affine:
    """Where all recipes of its object together take it; nowhere if it is switched off."""
    if not _acts(recipe):
        return Affine()
    peers = [r for r in recipes if _acts(r) and _same(recipe, r)]
    if any(peer.reference is not recipe.reference for peer in peers):
        raise ValueError(
            f"object {recipe.object!r} is moved or resized relative to two references at once; "
            "wire the same record into all of its recipes"
        )
    # one recipe may come on two wires; its transform is then the same thing twice, asked for once
    first, *more = {id(peer.transform): peer.transform for peer in peers}.values()
    if not more:
        return first
    # each one is about the object's own centroid, which goes along: the order does not matter
    steps = [first, *more]
    return Affine(
        rotation=sum(step.rotation for step in steps),
        dx=sum(step.dx for step in steps),
        dy=sum(step.dy for step in steps),
        scale_x=math.prod(step.scale_x for step in steps),
        scale_y=math.prod(step.scale_y for step in steps),
    )


def _same(term: Term, recipe: Recipe) -> bool:
    """Whether a term is about the object that a recipe changes."""
    known = any(record is recipe.reference for record in term.references)
    if known and term.compared == term.object:
        return not recipe.reference.table.apart(term.object, recipe.object)
    return term.object == recipe.object
