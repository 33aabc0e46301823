"""How many gradients one model call takes: several where a sampler removes much noise at once.

A sampler takes D as constant until the next noise level, and with it the guidance step. With few
steps that is long: at 4 steps x would be moved by up to three times the noise that is left, along
one gradient. Such a call is divided into parts, as if there were noise levels between, in equal
ratios. Each part has a gradient of its own, taken where the parts before it lead, and what they
moved shrinks with the noise as it does between steps. The last part's D is the call's.

With r = noise left / noise now, n parts of equal ratio r^(1/n) move x by n (r^(-1/n) - 1) steps in
units of the noise left, where one part moves it by 1 / r - 1.
"""

import math
from dataclasses import dataclass

import torch

from .prediction import Prediction

# How far one gradient may move x, in standard deviations of the noise that is left: further, and
# the call is divided. With the schedulers `normal` and `simple` no run of 15 or more steps is.
WHOLE = 0.4
PART = 0.25  # how far, at most, each part of a divided call moves it
MOST = 4  # parts of a call
# A divided step of D is shortened by this factor: its D has already seen where the parts lead.
KEPT = 0.5
LAYOUT = 0.5  # noise over picture below which layouts are decided, so that no call is divided
CLEAN = 1e-3  # noise left at the end of a run, over that before, in place of none


@dataclass(frozen=True)
class Pace:
    """Of one model call.

    Attributes:
        parts: number of gradients.
        share: factor of the mean step of D.
        ahead: how far x moves towards the next part, by a step of D of 1.
    """

    parts: int = 1
    share: float = 1.0
    ahead: float = 0.0

    @classmethod
    def of(cls, sigma: float, below: float, length: float, prediction: Prediction) -> "Pace":
        """The pace between two noise levels.

        Args:
            sigma: noise level of the call.
            below: the next one of the run, 0 at its end.
            length: longest step, root mean square in standard deviations of the noise.
            prediction: how x mixes picture and noise.
        """
        below = max(below, CLEAN * sigma)
        now, then = (float(prediction.reach(torch.tensor(level))) for level in (sigma, below))
        if not 0 < then <= now or now < LAYOUT or not length:
            return cls()
        moved = length * now * (prediction.picture(below) - prediction.picture(sigma))
        if moved <= WHOLE:
            return cls()
        parts = 2
        while parts < MOST and moved * _share(then / now, parts) / parts > PART:
            parts += 1
        share = _share(then / now, parts)
        each = min(PART, moved * share / parts)
        return cls(parts, KEPT * share, sigma * each / (length * now))


def _share(left: float, parts: int) -> float:
    """How far parts move x together, over how far one step does."""
    if math.isclose(left, 1):
        return 1.0
    return parts * (left ** (-1 / parts) - 1) / (1 / left - 1)
