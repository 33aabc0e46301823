"""Sources: the positive conditionings of a run whose attention is read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import torch

from ...guidance.words.table import TokenTable
from ..text.key import TABLE_KEY


@dataclass(frozen=True)
class Source:
    """A conditioning whose maps are read.

    Attributes:
        table: its words.
        length: number of its tokens as the model is given them; nodes such as Conditioning
            (Concat) append some, which belong to no word.
        corner: row and column of its area's first cell in the latent; None for the whole picture.
        crossattn: its `c_crossattn`, whose identity distinguishes it from a counterpart with the
            same uuid, see `sources`.
        padding: number of those tokens that ComfyUI has put in front of its own.
    """

    table: TokenTable
    length: int
    corner: tuple[int, int] | None = None
    crossattn: Any = None
    padding: int = 0


def with_table(entries: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Entries of a conditioning that have a token table and were not zeroed."""
    return [
        entry
        for entry in entries
        if TABLE_KEY in entry
        and entry.get("cross_attn") is not None
        and bool(entry["cross_attn"].any())
    ]


def sources(
    positive: Sequence[Mapping[str, Any]], sigma: float, padded_left: bool = False
) -> dict[UUID, Source]:
    """The sources among the entries that take part at a noise level, by uuid.

    For an area of another conditioning ComfyUI adds a counterpart to this one. It has the table and
    uuid of the other, but the tokens of an earlier entry; entries whose tokens occurred before are
    therefore skipped.

    Args:
        positive: entries as the guider has them during sampling.
        sigma: noise level of the model call.
        padded_left: whether ComfyUI pads the texts of this model in front.
    """
    known: list[Any] = []
    first = []
    for entry in positive:
        tokens = entry["model_conds"].get("c_crossattn")
        if tokens is not None and all(tokens is not other for other in known):
            known.append(tokens)
            first.append(entry)
    taking = [entry for entry in with_table(first) if takes_part(entry, sigma)]
    return {entry["uuid"]: _source(entry, padded_left) for entry in taking}


def takes_part(entry: Mapping[str, Any], sigma: float) -> bool:
    """Whether a noise level is in the timestep range of an entry."""
    start, end = entry.get("timestep_start"), entry.get("timestep_end")
    if start is None and end is None:
        return True
    level = torch.tensor(sigma)  # float32, as ComfyUI compares it
    return bool((start is None or level <= start) and (end is None or level >= end))


def read_lists(
    conds: Sequence[Sequence[Mapping[str, Any]] | None], known: Mapping[UUID, Source]
) -> list[bool]:
    """Whether each of a call's lists of conditionings has a source.

    A counterpart in another list has the uuid of a source, but other tokens.
    """

    def holds(cond: Sequence[Mapping[str, Any]] | None, exact: bool) -> bool:
        return any(
            entry["uuid"] in known
            and (
                not exact
                or entry["model_conds"].get("c_crossattn") is known[entry["uuid"]].crossattn
            )
            for entry in cond or ()
        )

    exact = [holds(cond, True) for cond in conds]
    return exact if any(exact) else [holds(cond, False) for cond in conds]


def _source(entry: Mapping[str, Any], padded_left: bool) -> Source:
    tokens = entry["model_conds"]["c_crossattn"]
    length = tokens.cond.shape[1]
    padding = length - entry["cross_attn"].shape[1] if padded_left else 0
    area = entry.get("area")
    corner = None if area is None else (int(area[-2]), int(area[-1]))
    return Source(entry[TABLE_KEY], length, corner, tokens, padding)
