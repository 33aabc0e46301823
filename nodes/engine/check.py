"""Checks of a run's inputs before the first step, each with one clear error."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from ...guidance.families import Family
from ...guidance.plan import Plan
from .check_conditioning import check_words
from .control import check_hooks


def check_run(
    plan: Plan,
    family: Family,
    conds: Mapping[str, Sequence[Mapping[str, Any]]],
    latent: torch.Tensor,
) -> None:
    """Raise a ValueError for input that guidance cannot work with.

    Args:
        plan: terms of the run.
        family: of the model that samples.
        conds: the guider's conditionings by name, as dictionaries.
        latent: what is denoised.

    Raises:
        ValueError: a latent that is not finite; with terms: a guider that calls no conditioning
            positive, one whose words are not known, positives with different hooks, an object that
            is not in the prompt, a reference of another family, of other sites, of another batch
            size or without the object; a mask of another batch size.
    """
    if not torch.isfinite(latent).all():
        raise ValueError("latent_image holds NaN or infinite values; check the node that made it")
    if not plan.terms:
        return
    if "positive" not in conds:
        raise ValueError(
            "guidance follows the conditioning that a guider calls 'positive', but this one has "
            f"only: {', '.join(map(repr, conds)) or 'none'}; sample with a KSampler, with the "
            "Self-Guidance Guider, or with ComfyUI's CFGGuider, DualCFGGuider or PerpNegGuider"
        )
    terms = [scheduled.term for scheduled in plan.terms]
    check_words(terms, conds["positive"])
    check_hooks(conds["positive"])
    for term in terms:
        term.check(family, len(latent))


def check_latent(latent: torch.Tensor, latent_format: Any) -> None:
    """Raise a ValueError unless a latent is of pictures, with the model's axes and channels.

    Args:
        latent: what is denoised, after ComfyUI has given an empty one the model's channels.
        latent_format: the model's own.
    """
    channels, axes = latent_format.latent_channels, latent_format.latent_dimensions
    wanted = ["batch", str(channels), *["frames"] * (axes - 2), "height", "width"]
    shape = list(latent.shape)
    if len(shape) != len(wanted) or shape[1] != channels:
        has = f"its {shape[1]} channels" if len(shape) == len(wanted) else f"its {len(shape)} axes"
        raise ValueError(
            f"latent_image must be [{', '.join(wanted)}] for this model, got {shape}: {has} are "
            "those of another kind of model; encode the picture with the VAE of this model, or "
            "make an empty latent for it"
        )
    if axes > 2 and shape[2] > 1:
        raise ValueError(
            f"latent_image has {shape[2]} frames, but guidance reads pictures: make it a latent of "
            "one frame (length 1), or sample the video without Self-Guidance nodes"
        )
    if not latent.numel():
        raise ValueError(
            f"latent_image is empty, got {shape}; wire a latent of at least one picture with a "
            "height and a width"
        )


def check_steps(steps: int) -> None:
    """Raise a ValueError unless there is at least one step."""
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")


@contextmanager
def seed_checked(seed: int, sampler_name: str) -> Iterator[None]:
    """Context in which a seed that is too large for the host raises a clear ValueError.

    Raises:
        ValueError: the host adds to the seed, and no generator takes the sum.
    """
    try:
        yield
    except (ValueError, RuntimeError) as error:  # which of them depends on PyTorch's version
        if "Overflow when unpacking" not in str(error):
            raise
        raise ValueError(
            f"seed {seed} is too large for the sampler '{sampler_name}' here, as this ComfyUI adds "
            "to it; choose a smaller one"
        ) from error


def check_levels(plan: Plan, sigmas: Sequence[float]) -> None:
    """Raise a ValueError if a term acts at noise levels above those of its reference.

    Below its lowest noise level a record is a good reference, as maps change little there. Above
    its highest it is not: maps at high noise are vaguer. That is the case for the record of a run
    with low denoise in a run with full denoise. As schedules start at different levels, a reference
    is valid up to two of its own steps above its highest level, and only terms most of whose steps
    are above that are refused.

    Args:
        plan: terms with their noise levels.
        sigmas: noise levels of the run's steps.

    Raises:
        ValueError: a term acts mostly above the noise levels of its reference.
    """
    for scheduled in plan.terms:
        term = scheduled.term
        levels = [s for s in sigmas if s > 0 and scheduled.low <= s <= scheduled.high]
        if term.weight == 0 or not term.reads_levels:
            continue
        for known in (record.sigmas for record in term.references):
            if sum(s > _reach(known) for s in levels) > len(levels) / 2:
                raise ValueError(
                    f"the reference of '{term.label}' was seen at sigma {max(known):.3g} and below,"
                    f" but the term acts from {max(levels):.3g} to {min(levels):.3g}: it is the "
                    "record of a run with a lower denoise; take one with the denoise of this run, "
                    "or let the term start later (start_percent)"
                )


def _reach(sigmas: Sequence[float]) -> float:
    """The highest noise level at which a record of these levels is a valid reference."""
    known = sorted({s for s in sigmas if s > 0}, reverse=True)
    return known[0] * (known[0] / known[1]) ** 2 if len(known) > 1 else float("inf")
