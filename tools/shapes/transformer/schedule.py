"""What changes over the training, all by step and never by the clock."""

import math

import torch

SUPERVISED_UNTIL, FADED_AT = 0.26, 0.32  # share of the steps: full weight until, none from
SUPERVISION_WARMUP = 200  # steps
LEVEL_MEAN, LEVEL_STD, UNIFORM_SHARE = 1.0, 1.15, 0.15
EMA = 0.9985


def supervision(step: int, steps: int, peak: float) -> float:
    """Weight of the attention loss at a step: it fades out before a third and is then exactly 0."""
    part = step / steps
    if part >= FADED_AT:
        return 0.0
    fade = (FADED_AT - part) / (FADED_AT - SUPERVISED_UNTIL)
    return peak * min(1.0, (step + 1) / SUPERVISION_WARMUP) * min(1.0, fade)


def supervised_steps(steps: int) -> int:
    """How many steps are done when the attention loss has faded out."""
    return math.ceil(FADED_AT * steps)


def average_decay(step: int) -> float:
    """How much of the running average stays at a step; short at first, when all is new."""
    return min(EMA, (2 + step) / (11 + step))


def noise_levels(count: int, generator: torch.Generator) -> torch.Tensor:
    """Noise levels [count] in 0..1, spread evenly over the quantiles of their distribution.

    Most are logit-normal about 0.73, because layout is decided between 0.95 and 0.8; the rest are
    uniform.
    """
    steps = torch.randperm(count, generator=generator)
    even = ((steps + torch.rand(count, generator=generator)) / count).clamp(1e-4, 1 - 1e-4)
    often = torch.sigmoid(LEVEL_MEAN + LEVEL_STD * torch.special.ndtri(even))
    uniform = torch.rand(count, generator=generator) < UNIFORM_SHARE
    return torch.where(uniform, even, often).clamp(1e-3, 0.9999)
