"""Checks of a run's inputs before the first step, each with one clear error."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from ...guidance.families import Family
from ...guidance.head.head import check_head
from ...guidance.maps.properties import Site
from ...guidance.plan import Guide
from ...guidance.terms.reference import Term
from .check_conditioning import check_words
from .control import check_hooks


def check_run(
    guide: Guide,
    family: Family,
    conds: Mapping[str, Sequence[Mapping[str, Any]]],
    latent: torch.Tensor,
) -> None:
    """Raise a ValueError for input that guidance cannot work with.

    Args:
        guide: terms of the run.
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
    if not guide.terms:
        return
    if "positive" not in conds:
        raise ValueError(
            "guidance follows the conditioning that a guider calls 'positive', but this one has "
            f"only: {', '.join(map(repr, conds)) or 'none'}; sample with a KSampler, with the "
            "Self-Guidance Guider, or with ComfyUI's CFGGuider, DualCFGGuider or PerpNegGuider"
        )
    check_words([term for term, *_ in guide.terms], conds["positive"])
    check_hooks(conds["positive"])
    for term, *_ in guide.terms:
        _check_term(term, family, len(latent))


def _check_term(term: Term, family: Family, batch: int) -> None:
    for record in term.references:
        _check_reference(term.label, record, family, batch)
    _check_mask(term, batch)
    _check_feature(term, family, batch)
    head = getattr(term, "head", None)
    if head is not None:
        check_head(head, family)


def check_steps(steps: int) -> None:
    """Raise a ValueError unless there is a step to take."""
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")


@contextmanager
def seed_checked(seed: int, sampler_name: str) -> Iterator[None]:
    """Within it, a seed that is too large for what the host does with it is a clear error.

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


def _check_reference(label: str, record: Any, family: Family, batch: int) -> None:
    if record.family != family.name:
        raise ValueError(
            f"the reference of '{label}' was recorded with a model of family {record.family!r}, "
            f"but this model is {family.name!r}; record it again with this model"
        )
    sites = tuple(record.last.maps)
    if sites != family.sites:
        raise ValueError(
            f"the reference of '{label}' was recorded at the attention sites {_listed(sites)}, but "
            f"guidance now reads {_listed(family.sites)}; record it again"
        )
    if record.batch not in (1, batch):
        raise ValueError(
            f"the reference of '{label}' holds {record.batch} pictures but the latent holds "
            f"{batch}; use a reference of one picture or of the same batch size"
        )


def _check_mask(term: Term, batch: int) -> None:
    mask = getattr(term, "mask", None)
    if mask is not None and len(mask) not in (1, batch):
        raise ValueError(
            f"the mask of '{term.label}' holds {len(mask)} pictures but the latent holds {batch}; "
            "use one mask or as many as pictures"
        )


def check_levels(guide: Guide, sigmas: Sequence[float]) -> None:
    """Raise a ValueError where a term compares with what its reference never saw.

    Below its lowest noise level a reference shows the same, only finer. Above its highest it knows
    nothing of how vague things still are, as the record of a run with a low denoise does in a full
    one. Schedules differ in where they start, so a reference is taken to reach two of its own steps
    above its highest level, and only a term that acts mostly higher is refused.

    Args:
        guide: terms with their windows.
        sigmas: noise levels of the run's steps.

    Raises:
        ValueError: a term acts mostly above the noise levels of its reference.
    """
    for term, high, low in guide.terms:
        acting = [s for s in sigmas if s > 0 and low <= s <= high]
        if term.weight == 0 or getattr(term, "settled", False):
            continue  # where objects ended up is the same at every noise level
        for known in (record.sigmas for record in term.references):
            if sum(s > _reach(known) for s in acting) > len(acting) / 2:
                raise ValueError(
                    f"the reference of '{term.label}' was seen at sigma {max(known):.3g} and below,"
                    f" but the term acts from {max(acting):.3g} to {min(acting):.3g}: it is the "
                    "record of a run with a lower denoise; take one with the denoise of this run, "
                    "or let the term start later (start_percent)"
                )


def _reach(sigmas: Sequence[float]) -> float:
    """Up to which noise level a record that saw these can speak."""
    levels = sorted({s for s in sigmas if s > 0}, reverse=True)
    return levels[0] * (levels[0] / levels[1]) ** 2 if len(levels) > 1 else float("inf")


def _listed(sites: Sequence[Site]) -> str:
    return ", ".join(" ".join(map(str, site)) for site in sites)


def _check_feature(term: Term, family: Family, batch: int) -> None:
    feature = getattr(term, "feature", None)
    if feature is None:
        return
    if feature.family != family.name:
        raise ValueError(
            f"the feature of '{term.label}' shows {feature.label!r} in a model of family "
            f"{feature.family!r}, but this model is {family.name!r}; take it from a record of this "
            "model"
        )
    if feature.batch not in (1, batch):
        raise ValueError(
            f"the feature of '{term.label}' holds {feature.batch} pictures but the latent holds "
            f"{batch}; use a feature of one picture or of the same batch size"
        )
