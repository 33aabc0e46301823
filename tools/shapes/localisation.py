"""Localisation by attention: overlap of a phrase's map with its object in the finished picture.

The maps are those of the conditional rows of a sampling run, at the sites that guidance reads.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack

import numpy as np
import torch
from torch import nn

from ...demo.scenes import Thing
from .measure import Found
from .networks import SITES, recorded_maps

SIGMAS = (8.0, 4.0, 2.0, 1.0)
THRESHOLD = 0.5  # of a map scaled to 0..1, as in the soft threshold of the paper

Words = Sequence[Sequence[tuple[int, int]]]


class PhraseMaps:
    """Records the attention maps of a sampling run.

    A context manager around the run; the model must have `call` as its UNet wrapper.

    Args:
        unet: the UNet that runs.
        words: for each picture, the token positions of each object's colour and shape.
    """

    def __init__(self, unet: nn.Module, words: Words) -> None:
        self.unet, self.words = unet, words
        self.by_sigma: dict[float, dict[str, torch.Tensor]] = {}
        self._stack = ExitStack()

    def __enter__(self) -> "PhraseMaps":
        self._maps = self._stack.enter_context(recorded_maps(self.unet))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def call(self, apply_model: Callable, inputs: dict) -> torch.Tensor:
        """UNet wrapper of ComfyUI: runs the model and records the maps of the conditional rows."""
        x, sigma = inputs["input"], inputs["timestep"]
        out = apply_model(x, sigma, **inputs["c"])
        lists = inputs["cond_or_uncond"]
        if 0 in lists:
            rows = len(x) // len(lists)
            part = slice(lists.index(0) * rows, (lists.index(0) + 1) * rows)
            height, width = x.shape[-2:]
            self.by_sigma[float(sigma[0])] = {
                site: maps[part].unflatten(1, (height, width)).clone()
                for site, maps in self._maps.by_site.items()
            }
        return out

    def phrase(self, site: str, sigma: float, picture: int, thing: int) -> np.ndarray:
        """Map [H, W] of an object's phrase at the step with the nearest sigma, scaled to 0..1."""
        nearest = min(self.by_sigma, key=lambda level: abs(np.log(level / sigma)))
        positions = list(self.words[picture][thing])
        column = self.by_sigma[nearest][site][picture][..., positions].mean(-1).numpy()
        return (column - column.min()) / max(np.ptp(column), 1e-12)


def agreement(
    maps: PhraseMaps, picture: int, asked: Sequence[Thing], found: Sequence[Found]
) -> list[dict[str, dict[float, float]]]:
    """For each object of a picture that is all right: intersection over union by site and sigma."""
    overlaps = []
    for number, thing in enumerate(asked):
        pair = thing.colour, thing.shape
        match = next(f for f in found if (f.colour, f.shape) == pair)
        cells = match.mask.reshape(match.mask.shape[0] // 8, 8, match.mask.shape[1] // 8, 8)
        target = cells.mean((1, 3)) > 0.5
        overlaps.append(
            {
                site: {s: _iou(maps.phrase(site, s, picture, number), target) for s in SIGMAS}
                for site in SITES
            }
        )
    return overlaps


def _iou(scaled: np.ndarray, target: np.ndarray) -> float:
    there = scaled > THRESHOLD
    return float((there & target).sum() / max((there | target).sum(), 1))
