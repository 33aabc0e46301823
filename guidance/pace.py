"""How many gradients a model call takes: none, one, or several.

A sampler takes D as constant until the next noise level, and with it the guidance step. With few
steps that is long: at 4 steps x would be moved by up to three times the noise that is left, along
one gradient. Such a call is divided into parts, as if there were noise levels between, in equal
ratios. Each part has a gradient of its own, taken where the parts before it lead, and what they
moved shrinks with the noise as it does between steps. The last part's D is the call's.

With r = noise left / noise now, n parts of equal ratio r^(1/n) move x by n (r^(-1/n) - 1) steps in
units of the noise left, where one part moves it by 1 / r - 1.

With many steps, on the other hand, a gradient says much the same as the one before. `THRIFTY`
takes one after each `EARLY_GAP` or `LATE_GAP` of noise, with a longer step, and none between.
What a call takes depends on its noise level and the schedule alone, so that a run is the same in
any node and twice over, and samplers may call the model several times a step or go back.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

import torch

from .prediction import Prediction

# How far one gradient may move x, in standard deviations of the noise that is left: further, and
# the call is divided, unless the run has `LONG` or more noise levels.
WHOLE = 0.4
LONG = 11  # with 12 steps a removal beside a move went worse, with 4 to 10 all moves better
PART = 0.25  # how far, at most, each part of a divided call moves it
MOST = 4  # parts of a call
# A divided step of D is shortened by this factor: its D has already seen where the parts lead.
KEPT = 0.5
LAYOUT = 0.5  # noise over picture below which layouts are decided, so that no call is divided
CLEAN = 1e-3  # noise left at the end of a run, over that before, in place of none
END = 2e-3  # noise levels below are the end: some samplers write one of 0.001 in the place of 0
# Natural logarithms of how much the noise shrinks between two gradients of a thrifty run, above and
# below the noise over picture `EARLY`, where the layout is nearly decided. With 25 steps of the
# scheduler `normal` these are every step and every third.
EARLY, EARLY_GAP, LATE_GAP = 3.5, 0.15, 0.38
# How far a thrifty step moves x over how far all steps would that it stands for: measured with 25
# steps, where each third step at twice the length moved objects as exactly as every step.
STRETCH = 2 / 3
LONGEST = 2.5  # times the usual length


class Effort(Enum):
    """How many gradients a run takes.

    Attributes:
        AUTO: one a call, and several where a call removes much noise.
        EVERY: exactly one a call.
        THRIFTY: as `AUTO`, but fewer where the noise shrinks little between calls.
    """

    AUTO = "auto"
    EVERY = "every step"
    THRIFTY = "thrifty"


@dataclass(frozen=True)
class Pace:
    """Of one model call.

    Attributes:
        gradients: how many it takes.
        length: factor of their mean step of D.
        ahead: how far x moves towards the next part, by a step of D of 1.
    """

    gradients: int = 1
    length: float = 1.0
    ahead: float = 0.0

    @classmethod
    def of(cls, sigma: float, below: float, length: float, prediction: Prediction) -> "Pace":
        """The pace between two noise levels: one gradient, or several.

        Args:
            sigma: noise level of the call.
            below: the next one of the run, 0 at its end.
            length: longest step, root mean square in standard deviations of the noise.
            prediction: how x mixes picture and noise.
        """
        now, then = (_reach(level, prediction) for level in (sigma, max(below, CLEAN * sigma)))
        if not 0 < then <= now or now < LAYOUT or not length:
            return cls()
        moved = length * _moved(sigma, below, prediction)
        if moved <= WHOLE:
            return cls()
        parts = 2
        while parts < MOST and moved * _share(then / now, parts) / parts > PART:
            parts += 1
        share = _share(then / now, parts)
        each = min(PART, moved * share / parts)
        return cls(parts, KEPT * share, sigma * each / (length * now))


@dataclass(frozen=True)
class Schedule:
    """Noise levels of a run, and what guidance makes of them.

    Attributes:
        levels: of the sampler, without its end; samplers may call the model between them. If
            empty, they are not known, and every call takes one gradient.
        prediction: how x mixes picture and noise.
        effort: see the class.
        end: where the last step leads: 0, or the last level where a sampler does a part of a run.
    """

    levels: tuple[float, ...] = ()
    prediction: Prediction = Prediction.VARIANCE
    effort: Effort = Effort.AUTO
    end: float = 0.0

    @classmethod
    def of(cls, levels: Sequence[float], prediction: Prediction, effort: Effort) -> "Schedule":
        """The schedule of a sampler's noise levels, of which the last may be 0."""
        end = levels[-1] if levels and levels[-1] > END else 0.0
        return cls(tuple(level for level in levels if level > END), prediction, effort, end)

    def pace(self, sigma: float, length: float, starts: Sequence[float] = ()) -> Pace:
        """The pace of a call.

        Args:
            sigma: its noise level.
            length: longest step, root mean square in standard deviations of the noise.
            starts: noise levels from which terms act: the first call of each takes a gradient.
        """
        if self.effort is Effort.EVERY or not self.levels:
            return Pace()
        nearest = min(self.levels, key=lambda level: abs(level - sigma))
        if math.isclose(nearest, sigma, rel_tol=1e-4):  # samplers may change the last digits
            sigma = nearest
        below = max((x for x in self.levels if x < sigma), default=min(self.end, sigma))
        short = len(self.levels) < LONG
        pace = Pace.of(sigma, below, length, self.prediction) if short else Pace()
        if self.effort is Effort.AUTO or pace.gradients > 1:
            return pace
        above = sum(level >= sigma for level in self.levels)
        return self._thrifty(starts)[max(above - 1, 0)]

    def _thrifty(self, starts: Sequence[float]) -> list[Pace]:
        """The pace from each level to the next one, where none is divided."""
        chosen = [0]
        for i, level in enumerate(self.levels[1:], 1):
            begins = any(level <= start < self.levels[i - 1] for start in starts)
            before = _reach(self.levels[chosen[-1]], self.prediction)
            gap = math.log(before / max(_reach(level, self.prediction), CLEAN * before))
            if begins or gap >= (EARLY_GAP if before > EARLY else LATE_GAP):
                chosen.append(i)
        moved = [_moved(*pair, self.prediction) for pair in pairwise((*self.levels, self.end))]
        paces = [Pace(0)] * len(self.levels)
        for i, following in pairwise((*chosen, len(self.levels))):
            whole = STRETCH * sum(moved[i:following])
            stretch = whole / moved[i] if moved[i] > 0 else 1.0
            paces[i] = Pace(1, min(max(1.0, stretch), LONGEST))
        return paces


def _moved(sigma: float, below: float, prediction: Prediction) -> float:
    """How far a step of length 1 moves x, in standard deviations of the noise that is left."""
    below = max(below, CLEAN * sigma)
    return _reach(sigma, prediction) * (prediction.picture(below) - prediction.picture(sigma))


def _reach(level: float, prediction: Prediction) -> float:
    return float(prediction.reach(torch.tensor(level)))


def _share(left: float, parts: int) -> float:
    """How far parts move x together, over how far one step does."""
    if math.isclose(left, 1):
        return 1.0
    return parts * (left ** (-1 / parts) - 1) / (1 / left - 1)
