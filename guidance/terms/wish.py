"""What users wire into a chain: terms, and recipes that become terms once all wishes are known."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol, TypeVar

from ..maps.affine import Affine
from ..record.record import Record

if TYPE_CHECKING:
    from .base import Term


class Aspect(Enum):
    """What of an object a term keeps, or a recipe changes."""

    PLACE = "place"
    SIZE = "size"
    SHAPE = "shape"
    LOOK = "look"


@dataclass(frozen=True, eq=False)
class Change:
    """What a wish changes of an object that a reference shows: terms that keep it give way.

    Attributes:
        object: phrase of the reference's prompt.
        reference: record that shows it.
        transform: where it goes; None if it is taken away.
    """

    object: str
    reference: Record
    transform: Affine | None

    @property
    def aspects(self) -> frozenset[Aspect]:
        """What is another thing afterwards."""
        way = self.transform
        if way is None:
            return frozenset(Aspect)
        changed = {
            Aspect.PLACE: way.dx != 0 or way.dy != 0,
            Aspect.SIZE: way.scale_x * way.scale_y != 1,
            Aspect.SHAPE: way != Affine(),
        }
        return frozenset(aspect for aspect, is_changed in changed.items() if is_changed)

    def concerns(self, object: str, compared: str, references: Sequence[Record]) -> bool:
        """Whether it is about the object of a wish.

        Args:
            object: the wish's phrase of the prompt.
            compared: its object of the reference.
            references: records that it compares with.
        """
        if any(record is self.reference for record in references) and compared == object:
            return not self.reference.table.apart(object, self.object)
        return self.transform is not None and object == self.object


class Wish(Protocol):
    """What a chain of terms holds: terms, and recipes that become terms."""

    @property
    def object(self) -> str:
        """Phrase of the prompt."""
        ...

    @property
    def takes_raw(self) -> bool:
        """Whether it can be followed by gradients as they are, whose length nobody normalises."""
        ...

    @property
    def change(self) -> Change | None:
        """What it changes of an object that a reference shows; None if nothing, or switched off."""
        ...

    def expand(self, changes: Sequence[Change]) -> "tuple[Term, ...]":
        """Its terms, knowing what all wishes of the run change together."""
        ...

    def combined(self: "WishKind", weight: float, group: str = "") -> "WishKind":
        """The same in a sum: its weight times a factor, its group after the sum's name."""
        ...

    def scaled(self: "WishKind", share: float, held: float) -> "WishKind":
        """The same in a run of another strength.

        Args:
            share: factor of what it steers.
            held: factor of what it holds, which no strength makes more than all.
        """
        ...


WishKind = TypeVar("WishKind", bound=Wish)
