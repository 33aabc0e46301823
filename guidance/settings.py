"""What a run is asked to follow, before it is known what model samples it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from .plan import Plan
from .terms.wish import Wish


class MemoryMode(Enum):
    """What guided steps hold in memory until their gradient is taken."""

    AUTO = "auto"
    FAST = "fast"
    SAVE = "save memory"


@dataclass(frozen=True)
class Settings:
    """Terms and recipes, and how strongly they steer.

    Windows are still fractions of the schedule: which noise levels these are, only the model that
    samples can tell.

    Attributes:
        terms, strength, raw: as in `Plan`.
        memory: what is held in memory meanwhile; of two settings the more careful one counts.

    Raises:
        ValueError: raw gradients for a recipe, whose parts are balanced for normalised steps.
    """

    terms: tuple[Wish, ...] = ()
    strength: float = 1.0
    raw: bool = False
    memory: MemoryMode = MemoryMode.AUTO

    def __post_init__(self) -> None:
        recipes = [wish.object for wish in self.terms if not wish.takes_raw]
        if self.raw and recipes:
            raise ValueError(
                f"weighting 'raw (paper)' cannot move or resize {recipes[0]!r} by a recipe, whose "
                "parts are balanced for steps of a known length; set weighting to 'normalised', or "
                "use single terms such as Position with strengths of 100 to 1000"
            )

    @property
    def empty(self) -> bool:
        """Whether they ask for nothing."""
        return not self.terms or self.strength == 0

    def plan(self, percent_to_sigma: Callable[[float], float]) -> Plan:
        """The plan of a run; raises like `Plan.of`."""
        return Plan.of(self.terms, percent_to_sigma, self.strength, self.raw)

    def joined(self, more: "Settings") -> "Settings":
        """Both at once, as if the terms of both came on one wire.

        The larger strength counts for all, and the terms of the weaker settings weigh less in
        proportion. With equal strengths this is the plain chain; raw gradients simply add up. What
        either holds of a picture is held as much as by itself.

        Raises:
            ValueError: one is raw and the other is not.
        """
        if self.empty or more.empty:
            return more if self.empty else self
        if self.raw != more.raw:
            raise ValueError(
                "weighting must be the same for all terms of a model: those that it follows "
                f"already are {_name(self.raw)}, the new ones {_name(more.raw)}; choose one "
                "weighting in all Self-Guidance nodes that this model passes"
            )
        strength = max(self.strength, more.strength)
        terms = (*self._scaled(strength), *more._scaled(strength))
        careful = (MemoryMode.SAVE, MemoryMode.AUTO, MemoryMode.FAST)
        memory = min(self.memory, more.memory, key=careful.index)
        return Settings(terms, strength, self.raw, memory)

    def _scaled(self, strength: float) -> tuple[Wish, ...]:
        """The terms, to be followed with a larger strength than they ask for."""
        if self.strength == strength:
            return self.terms
        share = self.strength / strength
        # no strength holds more than all, see `HoldTerm.pull`
        held = min(1.0, self.strength) / min(1.0, strength)
        return tuple(term.scaled(share, held) for term in self.terms)


def _name(raw: bool) -> str:
    return "raw" if raw else "normalised"
