"""Localisation of one object by attention and by fitted heads, by noise level."""

from collections.abc import Callable, Mapping
from functools import partial
from random import Random

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ...guidance.head.fit import fit
from ...guidance.head.head import Head
from ...guidance.maps.properties import Properties, mean_shape
from ...guidance.prediction import Prediction
from ...nodes.engine.model import prediction_of
from .studio import Studio
from .trials import Original, as_mask, names, sampled

OBJECT = "red circle"
SIGMAS = (8.0, 4.0, 2.0, 1.0)  # noise over picture, see `_level`
EXAMPLES = (1, 2, 4)  # numbers of pictures that a head is fitted on
Reader = Callable[[Properties], Tensor]


def run(studio: Studio, count: int, progress: Callable[[int], None]) -> dict[str, dict[str, float]]:
    """Mean overlap with the object in `count` pictures on which no head was fitted.

    A cell belongs to the object if the shape map, or the probability of the head, is above 0.5.

    Returns:
        mean intersection over union, by reader (attention or head) and sigma.
    """
    originals: list[Original] = []
    number, flow = 0, prediction_of(studio.model) is Prediction.FLOW
    while len(originals) < max(EXAMPLES) + count:
        phrases = [OBJECT, *names(Random(f"heads {number}"), 1, [OBJECT])]
        original = sampled(studio, phrases, 40_000 + 10 * number)
        originals += [original] if original else []
        number += 1
        progress(max(0, len(originals) - max(EXAMPLES)))
    readers = _readers(originals[: max(EXAMPLES)])
    others = originals[max(EXAMPLES) :]
    return {
        name: {
            f"{sigma:g}": round(
                float(np.mean([_overlap(s, _level(sigma, flow), read) for s in others])), 3
            )
            for sigma in SIGMAS
        }
        for name, read in readers.items()
    }


def table(rows: Mapping[str, Mapping[str, float]]) -> str:
    """The rows of `run` as text."""
    lines = [f"{'overlap at sigma':24}" + "".join(f"{sigma:>8g}" for sigma in SIGMAS)]
    lines += [
        f"{name:24}" + "".join(f"{value:8.2f}" for value in row.values())
        for name, row in rows.items()
    ]
    return "\n".join(lines)


def _readers(examples: list[Original]) -> dict[str, Reader]:
    marked = [(original.record, as_mask(original.thing(OBJECT).mask)) for original in examples]
    heads = {f"head of {many}": fit(marked[:many], OBJECT) for many in EXAMPLES}
    return {"attention": _by_words, **{name: partial(_by_head, h) for name, h in heads.items()}}


def _level(sigma: float, flow: bool) -> float:
    """The model's noise level at which noise and picture have this ratio."""
    return sigma / (1 + sigma) if flow else sigma


def _by_words(seen: Properties) -> Tensor:
    return mean_shape(seen, OBJECT)[0] > 0.5


def _by_head(head: Head, seen: Properties) -> Tensor:
    assert seen.feature_grid is not None  # every run records the grid
    return head.logits(seen.feature_grid, seen.sigma)[0] > 0


def _overlap(original: Original, sigma: float, read: Reader) -> float:
    there = read(original.record.at(sigma))
    mask = as_mask(original.thing(OBJECT).mask)[None]
    wanted = F.interpolate(mask, there.shape, mode="area")[0, 0] > 0.5
    return float((there & wanted).sum() / torch.clamp((there | wanted).sum(), min=1))
