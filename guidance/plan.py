"""The plan of a run: its terms, and at which noise levels each of them acts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from torch import Tensor

from .acting import UNIT, Acting, named
from .maps.properties import Properties
from .pace import Pace, Schedule
from .recipes.combine import expanded
from .terms.base import Term
from .terms.wish import Wish
from .words.table import TokenTable


@dataclass(frozen=True)
class Scheduled:
    """A term with the noise levels at which it acts, both inclusive."""

    term: Term
    high: float
    low: float

    def acts(self, sigma: float, table: TokenTable | None) -> bool:
        """Whether it acts at a noise level, on a prompt that names its objects.

        Args:
            sigma: the noise level.
            table: words of the prompt; None if they do not matter.
        """
        if self.term.weight == 0 or not self.low <= sigma <= self.high:
            return False
        return table is None or all(map(table.has, self.term.phrases))


@dataclass(frozen=True)
class Plan:
    """Terms of one run with their noise levels.

    Attributes:
        terms: in the order of the chain, with recipes replaced by their terms.
        strength: 1 is a good default for any model, prompt and size; with `raw` the paper's v.
        raw: the step is the gradient times strength, as in the paper, where v is about 7500; else
            its length is normalised for every picture, so that one strength suits all models, sizes
            and numbers of terms, see `Acting.step_length`.
        schedule: of the sampler; decides how many gradients a call takes. Raw gradients are those
            of the paper, one a call.
    """

    terms: tuple[Scheduled, ...] = ()
    strength: float = 1.0
    raw: bool = False
    schedule: Schedule = field(default=Schedule())

    @classmethod
    def of(
        cls,
        wishes: Sequence[Wish],
        percent_to_sigma: Callable[[float], float],
        strength: float = 1.0,
        raw: bool = False,
    ) -> "Plan":
        """The plan of a run, with windows as noise levels.

        Args:
            wishes: terms and recipes.
            percent_to_sigma: noise level of a fraction of the model's schedule.
            strength, raw: see the class.

        Raises:
            ValueError: recipes that cannot act together.
        """
        known = [t for t in expanded(wishes) if not t.window.empty] if strength != 0 else []
        # a move of weight 0 holds nothing but still sets its region free for others; a removal
        # that is switched off does not
        used = [term for term in known if term.weight != 0 or term.frees]
        if not any(term.weight for term in used):
            used = []
        scheduled = (Scheduled(term, *term.window.sigmas(percent_to_sigma)) for term in used)
        return cls(tuple(scheduled), strength, raw)

    @property
    def reads_features(self) -> bool:
        """Whether a term's gradient runs through the model's features."""
        return any(scheduled.term.reads_features for scheduled in self.terms)

    def acts(self, sigma: float) -> bool:
        """Whether a term acts at a noise level."""
        return any(scheduled.acts(sigma, None) for scheduled in self.terms)

    def at(self, sigma: float, table: TokenTable | None = None) -> "Acting":
        """The terms that act at a noise level.

        Conditionings may have timestep ranges, so the objects that the prompt names can change
        during a run.

        Args:
            sigma: the noise level.
            table: words of the prompt, of which terms need their objects; None: all terms act.
        """
        terms = [scheduled.term for scheduled in self.terms if scheduled.acts(sigma, table)]
        energies = [energy for term in terms if (energy := term.as_energy) is not None]
        holds = [hold for term in terms if (hold := term.as_hold) is not None]
        acting = Acting(
            sigma,
            named(energies),
            tuple(holds),
            self._regions,
            self.strength,
            self.raw,
            self.schedule.prediction,
        )
        return replace(acting, pace=self._pace(acting))

    def _pace(self, acting: Acting) -> Pace:
        if self.raw or not acting.energies:
            return Pace()
        starts = [s.high for s in self.terms if s.term.weight and s.term.as_energy is not None]
        length = abs(self.strength) * UNIT * acting.longest
        return self.schedule.pace(acting.sigma, length, starts)

    def goals(self, seen: Properties) -> dict[str, Tensor]:
        """Target centre of each object, (x, y) as [B or 1, 2] in [0, 1], from its heaviest term.

        Args:
            seen: properties of a step; targets relative to a reference are those of its noise
                level.
        """
        found: dict[str, Tensor] = {}
        for scheduled in sorted(self.terms, key=lambda scheduled: -scheduled.term.weight):
            term = scheduled.term.as_energy
            if term is not None and term.weight > 0 and term.object not in found:
                wanted = term.goal(seen)
                if wanted is not None:
                    found[term.object] = wanted
        return found

    @cached_property
    def _regions(self) -> tuple[Tensor, ...]:
        """Where recipes hold the picture; of idle ones only where there are no others."""
        holds = [hold for s in self.terms if (hold := s.term.as_hold) is not None and hold.shared]
        active = [hold for hold in holds if not hold.idle]
        return tuple(hold.region for hold in active or holds)
