"""What a user asks a run to do, before the model that samples is known."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from .pace import Effort
from .plan import Plan
from .terms.wish import Wish


class MemoryMode(Enum):
    """How much of a guided pass stays in memory until its gradient is taken."""

    AUTO = "auto"
    FAST = "fast"
    SAVE = "save memory"


@dataclass(frozen=True)
class Settings:
    """Terms and recipes, and how strongly they steer.

    Windows are fractions of the noise schedule here; `plan` turns them into noise levels of the
    model that samples.

    Attributes:
        terms, strength, raw: as in `Plan`.
        memory: see `MemoryMode`; where two settings are joined, the one that needs less memory.
        effort: see `Effort`; where two settings are joined, `EVERY` before `AUTO` before `THRIFTY`.

    Raises:
        ValueError: raw gradients for a recipe, whose parts are balanced for normalised steps.
    """

    terms: tuple[Wish, ...] = ()
    strength: float = 1.0
    raw: bool = False
    memory: MemoryMode = MemoryMode.AUTO
    effort: Effort = Effort.AUTO

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
        """The plan of a run, without the schedule of its sampler; raises like `Plan.of`."""
        return Plan.of(self.terms, percent_to_sigma, self.strength, self.raw)

    def joined(self, more: "Settings") -> "Settings":
        """Both settings as one: the terms of both, with the larger strength.

        Weights of the terms with the smaller strength are scaled down in proportion. With equal
        strengths the result is the chain of both; raw gradients add up. Hold terms hold as much as
        each would alone.

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
        order = (Effort.EVERY, Effort.AUTO, Effort.THRIFTY)
        effort = min(self.effort, more.effort, key=order.index)
        return Settings(terms, strength, self.raw, memory, effort)

    def _scaled(self, strength: float) -> tuple[Wish, ...]:
        """The terms for a run of a larger strength, with weights that keep their effect."""
        if self.strength == strength:
            return self.terms
        share = self.strength / strength
        # strengths above 1 hold no more than 1 does, see `HoldTerm.pull`
        held = min(1.0, self.strength) / min(1.0, strength)
        return tuple(term.scaled(share, held) for term in self.terms)


def _name(raw: bool) -> str:
    return "raw" if raw else "normalised"
