"""Checks of a run's inputs before the first step, each with one clear error."""

from typing import Any

import torch

from ..guidance.energies import Term
from ..guidance.families import Family
from ..guidance.guide import Guide
from ..guidance.tokens import TokenTable
from .patch import KEY


def check_run(
    guide: Guide, family: Family, positive: list[Any], latent: torch.Tensor, steps: int
) -> None:
    """Raise a ValueError for input that guidance cannot work with.

    Raises:
        ValueError: no steps; a latent that is not finite; with terms: a positive conditioning that
            is limited to an area or has no token table, an object that is not in the prompt, a
            reference of another family, of another batch size or without the object; a mask of
            another batch size.
    """
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    if not torch.isfinite(latent).all():
        raise ValueError("latent_image holds NaN or infinite values; check the node that made it")
    if not guide.terms:
        return
    if any("area" in entry[1] for entry in positive):
        raise ValueError(
            "the positive conditioning is limited to an area, in which guidance cannot place "
            "objects yet; use a mask (Conditioning Set Mask) instead of an area"
        )
    tables = [entry[1][KEY] for entry in positive if KEY in entry[1]]
    if not tables:
        raise ValueError(
            "the positive conditioning has no token table, so no object can be found in it; "
            "encode the positive prompt with the Self-Guidance Prompt node instead of CLIP Text "
            "Encode"
        )
    table = TokenTable.joined(tables)
    for term, *_ in guide.terms:
        for phrase in term.phrases:
            table.find(phrase)
        for record in term.references:
            _check_reference(term.label, record, family, len(latent))
        _check_mask(term, len(latent))


def _check_reference(label: str, record: Any, family: Family, batch: int) -> None:
    if record.family != family.name:
        raise ValueError(
            f"the reference of '{label}' was recorded with a model of family {record.family!r}, "
            f"but this model is {family.name!r}; record it again with this model"
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
