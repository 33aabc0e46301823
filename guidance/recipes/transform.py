"""Move and resize an object, and keep all else (arXiv 2306.00986, section 4, eq. 9).

The object's shape goes to the transformed reference shape, the shapes of the other objects and all
appearances stay. Three departures: a position term, whose gradient also reaches over a distance at
which shapes do not overlap; places and shapes are compared with where the reference's objects ended
up, since its maps at high noise are too vague to say where to, and objects were left half way or
twice; and a hold term for what no word names.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ..maps.affine import Affine
from ..record.record import Record
from ..terms.appearance import Appearance
from ..terms.base import EnergyTerm, Term
from ..terms.hold import HoldRest
from ..terms.reference import Position, Shape, Size
from ..terms.window import Window
from ..terms.wish import Change

# A gradient of fixed length never rests: once the object is in place it only shakes it, and
# samplers that extrapolate from step to step amplify that. Places and shapes are settled by then.
GUIDED = Window(0.0, 0.7)
# The look bends shapes where it leads, so beside shape and place of the same object it counts
# little.
LOOK = 0.1
# Recipes take longer steps than a single term, which would break its object at theirs.
STEP_LENGTH = 1.5


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


@dataclass(frozen=True)
class Source:
    """What a recipe's terms compare with, and when they act.

    Attributes:
        reference: run or real image.
        window: of the terms that steer.
        step_length, group: of the terms, see `EnergyTerm`.
    """

    reference: Record
    window: Window
    step_length: float | None = STEP_LENGTH
    group: str = ""

    def place(
        self, object: str, source: str, transform: Affine, weight: float, balance: Balance
    ) -> tuple[EnergyTerm, ...]:
        """Terms that draw an object where the reference's ended up, or transformed from there.

        Args:
            object: phrase of the prompt.
            source: object of the reference; the same phrase if empty.
            transform: where it goes.
            weight: factor of all terms.
            balance: weights of shape, position and size.
        """
        shape = Shape(
            object=object,
            source=source,
            transform=transform,
            weight=weight * balance.shape,
            settled=True,
            **vars(self),
        )
        position = Position(
            object=object,
            source=source,
            x=transform.dx,
            y=transform.dy,
            weight=weight * balance.position,
            settled=True,
            **vars(self),
        )
        size = Size(
            object=object,
            source=source,
            size=transform.scale_x * transform.scale_y,
            weight=weight * balance.size,
            settled=True,
            **vars(self),
        )
        return shape, position, size

    def look(self, object: str, source: str, weight: float) -> Appearance:
        """The term that gives an object its look in the reference."""
        return Appearance(object=object, source=source, weight=weight, **vars(self))

    def kept(self, but: Sequence[str], weight: float) -> tuple[EnergyTerm, ...]:
        """Terms that keep shape and look of all objects but those that share a word with some.

        Args:
            but: objects that are not kept.
            weight: of a shape; that of a look is `LOOK` of it.
        """
        table = self.reference.table
        terms: list[EnergyTerm] = []
        for name in table.objects:
            if all(table.apart(name, other) for other in but):
                terms.append(Shape(object=name, weight=weight, settled=True, **vars(self)))
                terms.append(self.look(name, "", LOOK * weight))
        return tuple(terms)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A wish to move or resize one object and to keep all else.

    What it keeps depends on the other wishes of a run, so it stays whole until all of them are
    known. It has no energy of its own.

    Attributes:
        object: phrase of the prompt.
        reference: record of the unguided run with the same prompt and seed.
        transform: where the object goes, relative to the reference.
        weight: factor of the terms that move the object; 0 moves nothing, and keeps the rest.
        window: when the object is guided; the rest is held from its start on.
        balance: weights of the parts.
        free: objects that are not kept either.
        step_length: of its terms, see `EnergyTerm`; `STEP_LENGTH` if None, less where the weight is
            below 1: what keeps the rest must not steer by itself.
        group: of its terms.

    Raises:
        ValueError: the reference lacks the object or a free one, or holds no picture.
    """

    object: str
    reference: Record
    transform: Affine
    weight: float = 1.0
    window: Window = field(default=GUIDED)
    balance: Balance = field(default=Balance())
    free: tuple[str, ...] = ()
    step_length: float | None = None
    group: str = ""

    def __post_init__(self) -> None:
        self.parts(self.transform)  # says what the reference lacks where the recipe is made

    @property
    def length(self) -> float:
        """`step_length`, or what follows from the weight."""
        if self.step_length is None:
            return STEP_LENGTH * min(1.0, abs(self.weight))
        return self.step_length

    @property
    def takes_raw(self) -> bool:
        """No: raw steps moved the object in one of three pictures, at strengths from 10 to 3000."""
        return False

    @property
    def change(self) -> Change | None:
        """Where it takes its object; None if it is switched off."""
        if self.weight == 0 or self.window.empty:
            return None
        return Change(self.object, self.reference, self.transform)

    def parts(self, transform: Affine) -> tuple[Term, ...]:
        """The recipe's terms, should the object go there."""
        self.reference.table.find_object(self.object)
        balance = self.balance
        source = Source(self.reference, self.window, self.length, self.group)
        rest = HoldRest(
            object=self.object,
            reference=self.reference,
            transform=transform,
            weight=balance.rest,
            window=self.window.opened(),
            group=self.group,
            idle=self.weight == 0,
        )
        return (
            *source.place(self.object, "", transform, self.weight, balance),
            source.look(self.object, "", LOOK * balance.others),
            *source.kept((self.object, *self.free), balance.others),
            rest,
        )

    def expand(self, changes: Sequence[Change]) -> tuple[Term, ...]:
        """Its terms, with its object where all recipes of the object together take it."""
        goes = Affine()
        if self.change is not None:
            goes = next(
                change.transform
                for change in changes
                if change.transform is not None
                and (change.object, change.reference) == (self.object, self.reference)
            )
        return self.parts(goes)

    def combined(self, weight: float, group: str = "") -> "Recipe":
        """See `Wish`: the factor counts for all that it moves and keeps."""
        balance = replace(
            self.balance, others=weight * self.balance.others, rest=weight * self.balance.rest
        )
        path = " / ".join(part for part in (group, self.group) if part)
        length = self.step_length and min(1.0, abs(weight)) * self.step_length
        return replace(
            self, weight=weight * self.weight, balance=balance, step_length=length, group=path
        )

    def scaled(self, share: float, held: float) -> "Recipe":
        """See `Wish`."""
        scaled = self.combined(share)
        balance = replace(scaled.balance, rest=held * self.balance.rest)
        return replace(scaled, balance=balance, step_length=share * self.length)
