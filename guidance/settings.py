"""What a run is asked to follow, before it is known what model samples it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum

from .plan import Guide
from .recipes.transform import Recipe
from .terms.hold import Preserve
from .terms.reference import Term


class Holding(Enum):
    """What guided steps hold in memory until their gradient is taken."""

    AUTO = "auto"
    KEEP = "fast"
    RECOMPUTE = "save memory"


@dataclass(frozen=True)
class Request:
    """Terms, and how strongly they steer.

    Windows are still fractions of the schedule: which noise levels these are, only the model that
    samples can tell.

    Attributes:
        terms, strength, raw: as in `Guide`.
        holding: what is held in memory meanwhile; of two requests the more careful one counts.
    """

    terms: tuple[Term, ...] = ()
    strength: float = 1.0
    raw: bool = False
    holding: Holding = Holding.AUTO

    @property
    def empty(self) -> bool:
        """Whether it asks for nothing."""
        return not self.terms or self.strength == 0

    def guide(self, percent_to_sigma: Callable[[float], float]) -> Guide:
        """The guide of a run; raises like `Guide.over`."""
        return Guide.over(self.terms, percent_to_sigma, self.strength, self.raw)

    def joined(self, more: "Request") -> "Request":
        """Both at once, as if the terms of both came on one wire.

        The larger strength counts for all, and the terms of the weaker request weigh less in
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
        terms = (*self._weighed(strength), *more._weighed(strength))
        careful = (Holding.RECOMPUTE, Holding.AUTO, Holding.KEEP)
        holding = min(self.holding, more.holding, key=careful.index)
        return Request(terms, strength, self.raw, holding)

    def _weighed(self, strength: float) -> tuple[Term, ...]:
        """The terms, to be followed with a larger strength than they ask for."""
        if self.strength == strength:
            return self.terms
        share = self.strength / strength
        # no strength holds more than all, see `Guide.preserve`
        held = min(1.0, self.strength) / min(1.0, strength)
        return tuple(_weighed(term, share, held) for term in self.terms)


def _weighed(term: Term, share: float, held: float) -> Term:
    """The term with a share of its weight, or with another share of what it holds."""
    if isinstance(term, Preserve):
        return term.combined(held)
    weighed = replace(term.combined(share), stride=share * term.own_stride)
    if isinstance(weighed, Recipe) and isinstance(term, Recipe):
        kept = replace(weighed.balance, rest=held * term.balance.rest)
        return replace(weighed, balance=kept)
    return weighed


def _name(raw: bool) -> str:
    return "raw" if raw else "normalised"
