"""Checks of a run's positive conditioning before the first step, each with one clear error."""

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import comfy.samplers

from ...guidance.plan import Plan
from ...guidance.terms.base import Term
from ...guidance.words.table import TokenTable
from ..text.key import TABLE_KEY, count
from .conditioning import takes_part, with_table

Entries = Sequence[Mapping[str, Any]]


def readable(positive: Entries) -> TokenTable:
    """The words of a positive conditioning, checked to be readable.

    Args:
        positive: its entries, as dictionaries, each with its tokens as `cross_attn`.

    Raises:
        ValueError: it has no token table, is zero, or has fewer tokens than its table.
    """
    known = with_table(positive)
    if not known:
        if any(TABLE_KEY in entry for entry in positive):
            raise ValueError(
                "the positive conditioning is zero everywhere, as Conditioning Zero Out makes it, "
                "so the model sees no words in it; wire the conditioning before that node"
            )
        raise ValueError(
            "the positive conditioning has no token table, so no object can be found in it; "
            "encode the positive prompt with the Self-Guidance Prompt node instead of CLIP Text "
            "Encode, or add its words with Self-Guidance Add Words"
        )
    for entry in known:
        table, length = entry[TABLE_KEY], count(entry["cross_attn"], entry)
        if length < table.length:
            raise ValueError(
                f"the positive conditioning holds {length} tokens, but the token table of the "
                f"prompt {table.prompt!r} describes {table.length}; a node has cut it: add the "
                "words that are left with Self-Guidance Add Words behind that node"
            )
    return TokenTable.joined([entry[TABLE_KEY] for entry in known])


def check_words(terms: Sequence[Term], positive: Entries) -> None:
    """Raise a ValueError unless the positive conditioning names the objects of all terms.

    Args:
        terms: of the run.
        positive: its entries, as for `readable`.

    Raises:
        ValueError: see `readable` and `TokenTable.find`.
    """
    table = readable(positive)
    known = with_table(positive)
    spare = [count(entry["cross_attn"], entry) - entry[TABLE_KEY].length for entry in known]
    for term, phrase in [(t, phrase) for t in terms for phrase in t.phrases]:
        try:
            table.find_object(phrase)
        except ValueError as error:
            if any(spare):
                raise ValueError(
                    f"{error}. The conditioning holds {max(spare)} tokens more, of which no token "
                    "table knows the words, as behind Conditioning (Concat): put Self-Guidance Add "
                    "Words behind that node, and write its texts with BREAK between them"
                ) from None
            raise ValueError(f"{error}{_lost(term, phrase)}") from None


def _lost(term: Term, phrase: str) -> str:
    """Advice for the message if the prompt lacks an object that the term's reference names."""
    prompts = [r.table.prompt for r in term.references if phrase in r.table.objects]
    if not prompts or term.compared != phrase:
        return ""
    return (
        f". The reference names it, with the prompt {prompts[0]!r}: Move Object, Resize Object and "
        "the Layout keep every object of their reference. Sample with a prompt that names them "
        "all; or, if this one shall go, list the objects to keep in the objects input of the "
        "prompt node that made the reference"
    )


def check_times(plan: Plan, positive: Entries, sampling: Any, sigmas: Sequence[float]) -> None:
    """Raise a ValueError if a term acts only in steps whose conditionings lack its objects.

    Args:
        plan: terms with their noise levels.
        positive: entries of the conditioning, as for `readable`.
        sampling: the model's `model_sampling`.
        sigmas: noise levels of the run's steps.

    Raises:
        ValueError: no step of a term's window lies in the timestep range of a conditioning that has
            its objects.
    """
    entries = list(with_table(positive))
    comfy.samplers.calculate_start_end_timesteps(SimpleNamespace(model_sampling=sampling), entries)
    for scheduled in plan.terms:
        term = scheduled.term
        levels = [s for s in sigmas if s > 0 and scheduled.low <= s <= scheduled.high]
        needed = [
            e for e in entries if not term.phrases or any(map(e[TABLE_KEY].has, term.phrases))
        ]
        if term.weight and levels and not any(takes_part(e, s) for e in needed for s in levels):
            raise ValueError(
                f"'{term.label}' acts from sigma {max(levels):.3g} to {min(levels):.3g}, but in "
                "none of these steps does the conditioning take part that names its object: "
                "let the term's start_percent and end_percent overlap the conditioning's timestep "
                "range (Conditioning Set Timestep Range)"
            )
