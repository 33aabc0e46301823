"""Move and resize an object, and keep all else (arXiv 2306.00986, section 4, eq. 9).

The target of the object's shape is the transformed shape of the reference; the shapes of the other
objects and all appearances are kept. Three departures from the paper: a position term, as shapes
that do not overlap have no useful gradient; positions and shapes are compared with the final ones
of the reference, because its maps at high noise are too vague, which left objects half way or drew
them twice; and a hold term for what no word names.
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

# Default window of recipes. Steps of normalised length do not vanish at the target, where they only
# disturb the object, and samplers that extrapolate from step to step amplify that. Positions and
# shapes are decided before its end.
RECIPE_WINDOW = Window(0.0, 0.7)
# Weight of appearance next to shape and position of the same object: with more it distorts shapes.
APPEARANCE = 0.1
# Steps of recipes; a single term distorts its object with steps of this length.
STEP_LENGTH = 1.5


@dataclass(frozen=True)
class Balance:
    """Weights of the parts of a recipe; the defaults are those that `nox -s report` measures.

    Attributes:
        shape: of the object's transformed shape.
        position: of its centroid.
        size: of its size.
        others: shape and appearance of the other objects, and appearance of this one.
        rest: of the hold term: fraction of the difference to the reference that is removed outside
            the object, 0 to 1.
    """

    shape: float = 2.0
    position: float = 2.0
    size: float = 1.0
    others: float = 1.0
    rest: float = 1.0


@dataclass(frozen=True)
class FromReference:
    """Makes the terms of a recipe that compare with one reference.

    Attributes:
        reference: record of a run or of a real image.
        window: of the terms.
        step_length, group: of the terms, see `EnergyTerm`.
    """

    reference: Record
    window: Window
    step_length: float | None = STEP_LENGTH
    group: str = ""

    def place(
        self, object: str, reference_object: str, transform: Affine, weight: float, balance: Balance
    ) -> tuple[EnergyTerm, ...]:
        """Terms for shape, position and size of an object: the final ones of the reference.

        Args:
            object: phrase of the prompt.
            reference_object: object of the reference; the same phrase if empty.
            transform: from its place in the reference to the new one.
            weight: factor of all terms.
            balance: weights of shape, position and size.
        """
        shape = Shape(
            object=object,
            reference_object=reference_object,
            transform=transform,
            weight=weight * balance.shape,
            settled=True,
            **vars(self),
        )
        position = Position(
            object=object,
            reference_object=reference_object,
            x=transform.dx,
            y=transform.dy,
            weight=weight * balance.position,
            settled=True,
            **vars(self),
        )
        size = Size(
            object=object,
            reference_object=reference_object,
            size=transform.scale_x * transform.scale_y,
            weight=weight * balance.size,
            settled=True,
            **vars(self),
        )
        return shape, position, size

    def appearance(self, object: str, reference_object: str, weight: float) -> Appearance:
        """The term that gives an object its appearance in the reference."""
        return Appearance(
            object=object, reference_object=reference_object, weight=weight, **vars(self)
        )

    def keep(self, but: Sequence[str], weight: float) -> tuple[EnergyTerm, ...]:
        """Terms that keep shape and appearance of the objects of the reference.

        Args:
            but: objects that are not kept, nor any that shares a word with one of them.
            weight: of a shape; that of an appearance is `APPEARANCE` times it.
        """
        table = self.reference.table
        terms: list[EnergyTerm] = []
        for name in table.objects:
            if all(table.apart(name, other) for other in but):
                terms.append(Shape(object=name, weight=weight, settled=True, **vars(self)))
                terms.append(self.appearance(name, "", APPEARANCE * weight))
        return tuple(terms)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A wish to move or resize one object and to keep all else.

    It has no energy of its own: its terms depend on the other wishes of the run, see `expand`.

    Attributes:
        object: phrase of the prompt.
        reference: record of the unguided run with the same prompt and seed.
        transform: from its place in the reference to the new one.
        weight: factor of the terms that move the object; at 0 it only keeps the rest.
        window: when the energy terms act; the rest of the picture is held from its start to the
            end of the run.
        balance: weights of the parts.
        free: objects that are not kept either.
        step_length: of its terms, see `EnergyTerm`; if None, `STEP_LENGTH` times the weight, at
            most `STEP_LENGTH`: terms that keep the rest must not take long steps by themselves.
        group: of its terms.

    Raises:
        ValueError: the reference lacks the object or a free one, or holds no picture.
    """

    object: str
    reference: Record
    transform: Affine
    weight: float = 1.0
    window: Window = field(default=RECIPE_WINDOW)
    balance: Balance = field(default=Balance())
    free: tuple[str, ...] = ()
    step_length: float | None = None
    group: str = ""

    def __post_init__(self) -> None:
        self.parts(self.transform)  # raises if the reference lacks something

    @property
    def length(self) -> float:
        """`step_length`, or what follows from the weight."""
        if self.step_length is None:
            return STEP_LENGTH * min(1.0, abs(self.weight))
        return self.step_length

    @property
    def takes_raw(self) -> bool:
        """No: raw steps moved the object in only one of three pictures, at any strength tried."""
        return False

    @property
    def change(self) -> Change | None:
        """The transform of its object; None if the recipe is switched off."""
        if self.weight == 0 or self.window.empty:
            return None
        return Change(self.object, self.reference, self.transform)

    def parts(self, transform: Affine) -> tuple[Term, ...]:
        """The recipe's terms for a transform."""
        self.reference.table.find_object(self.object)
        balance = self.balance
        make = FromReference(self.reference, self.window, self.length, self.group)
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
            *make.place(self.object, "", transform, self.weight, balance),
            make.appearance(self.object, "", APPEARANCE * balance.others),
            *make.keep((self.object, *self.free), balance.others),
            rest,
        )

    def expand(self, changes: Sequence[Change]) -> tuple[Term, ...]:
        """Its terms, with the composed transform of all recipes of its object, see `combine`."""
        joint = Affine()
        if self.change is not None:
            joint = next(
                change.transform
                for change in changes
                if change.transform is not None
                and (change.object, change.reference) == (self.object, self.reference)
            )
        return self.parts(joint)

    def combined(self, weight: float, group: str = "") -> "Recipe":
        """See `Wish`; the factor also multiplies the weights of what it keeps."""
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
