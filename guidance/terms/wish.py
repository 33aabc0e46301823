"""Wishes: what users wire into a chain, either terms or recipes.

A recipe becomes terms only when all wishes of a run are known, as they depend on the other wishes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol, TypeVar

from ..maps.affine import Affine
from ..record.record import Record

if TYPE_CHECKING:
    from .base import Term


class Aspect(Enum):
    """An aspect of an object that a term keeps, or a recipe changes."""

    PLACE = "place"
    SIZE = "size"
    SHAPE = "shape"
    LOOK = "look"


@dataclass(frozen=True, eq=False)
class Change:
    """A change of an object of a reference, which a wish asks for; terms that keep it are dropped.

    Attributes:
        object: phrase of the reference's prompt.
        reference: record that shows it.
        transform: from its place there to the new one; None if it is removed.
    """

    object: str
    reference: Record
    transform: Affine | None

    @property
    def aspects(self) -> frozenset[Aspect]:
        """Aspects of the object that differ from the reference afterwards."""
        transform = self.transform
        if transform is None:
            return frozenset(Aspect)
        changed = {
            Aspect.PLACE: transform.dx != 0 or transform.dy != 0,
            Aspect.SIZE: transform.scale_x * transform.scale_y != 1,
            Aspect.SHAPE: transform != Affine(),
        }
        return frozenset(aspect for aspect, is_changed in changed.items() if is_changed)

    def concerns(self, object: str, compared: str, references: Sequence[Record]) -> bool:
        """Whether it changes the object of a wish.

        Args:
            object: phrase of the wish in the prompt.
            compared: phrase of the object in its references.
            references: records that the wish compares with.
        """
        if any(record is self.reference for record in references) and compared == object:
            return not self.reference.table.apart(object, self.object)
        return self.transform is not None and object == self.object


class Wish(Protocol):
    """An entry of a chain: a term or a recipe."""

    @property
    def object(self) -> str:
        """Phrase of the prompt."""
        ...

    @property
    def takes_raw(self) -> bool:
        """Whether it works with raw gradients, whose length is not normalised."""
        ...

    @property
    def change(self) -> Change | None:
        """Its change of an object of a reference; None if it has none, or is switched off."""
        ...

    def expand(self, changes: Sequence[Change]) -> "tuple[Term, ...]":
        """Its terms, given the changes of all wishes of the run."""
        ...

    def combined(self: "WishKind", weight: float, group: str = "") -> "WishKind":
        """Itself in a sum of wishes: weight multiplied by that of the sum, name prefixed by its."""
        ...

    def scaled(self: "WishKind", share: float, held: float) -> "WishKind":
        """Itself with weights for a run of another strength, see `Settings.joined`.

        Args:
            share: factor of the weights of energy terms.
            held: factor of those of hold terms, which strengths above 1 do not increase.
        """
        ...


WishKind = TypeVar("WishKind", bound=Wish)
