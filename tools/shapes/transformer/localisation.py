"""Where the transformer looks while it draws, layer by layer, in a run of ComfyUI's own sampler.

A picture token attends to text and picture at once. Its map of a word is the share that the word
gets among all tokens, mean of the heads.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from ....demo.scenes import Thing
from ..localisation import THRESHOLD, Words
from ..measure import Found

LEVELS = (0.97, 0.9, 0.8, 0.67, 0.5, 0.3)
CELL = 8

Overlaps = dict[int, dict[float, tuple[float, float]]]  # by layer and level: overlap, distance


class LayerMaps:
    """Keeps every layer's maps of the conditional half, at the steps nearest to `LEVELS`.

    Patch a clone of the MODEL with `call` as its UNet wrapper. `schedule`: noise levels that the
    run will visit.
    """

    def __init__(self, schedule: Sequence[float]) -> None:
        self.wanted = {
            min(schedule, key=lambda visited: abs(visited - level)): level for level in LEVELS
        }
        self.by_level: dict[float, list[torch.Tensor]] = {}

    def call(self, apply_model: Callable, inputs: dict) -> torch.Tensor:
        """ComfyUI's UNet wrapper."""
        x, level, c = inputs["input"], float(inputs["timestep"][0]), inputs["c"]
        near = min(self.wanted, key=lambda visited: abs(visited - level))
        lists = inputs["cond_or_uncond"]
        if abs(near - level) > 1e-4 or 0 not in lists:
            return apply_model(x, inputs["timestep"], **c)
        height, width = x.shape[-2:]
        rows = len(x) // len(lists)
        part = slice(lists.index(0) * rows, (lists.index(0) + 1) * rows)
        maps: list[torch.Tensor] = []

        def override(function: Callable, q: Any, k: Any, *args: Any, **kwargs: Any) -> Any:
            text = q.shape[2] - height * width
            if text > 0 and kwargs.get("skip_reshape") and q.shape[2] > c["c_crossattn"].shape[1]:
                scores = q[part, :, text:].float() @ k[part].float().transpose(-1, -2)
                weights = (scores / q.shape[-1] ** 0.5).softmax(-1)[..., :text].mean(1)
                maps.append(weights.unflatten(1, (height, width)))
            return function(q, k, *args, **kwargs)

        options = dict(c.get("transformer_options", {}), optimized_attention_override=override)
        out = apply_model(x, inputs["timestep"], **dict(c, transformer_options=options))
        self.by_level[self.wanted[near]] = maps
        return out

    def phrase(
        self, layer: int, level: float, picture: int, positions: Sequence[int]
    ) -> np.ndarray:
        """The mean map [H, W] of a phrase's tokens, as shares of all attention."""
        return self.by_level[level][layer][picture][..., list(positions)].mean(-1).numpy()


def agreement(
    maps: LayerMaps,
    words: Words,
    picture: int,
    asked: Sequence[Thing],
    found: Sequence[Found],
) -> list[Overlaps]:
    """For each object of an all-right picture, by layer and level: intersection over union with
    the finished object, and the distance of the map's centre from the object's."""
    result = []
    for thing, positions in zip(asked, words[picture], strict=True):
        match = next(f for f in found if (f.colour, f.shape) == (thing.colour, thing.shape))
        height, width = match.mask.shape
        cells = match.mask.reshape(height // CELL, CELL, width // CELL, CELL).mean((1, 3)) > 0.5
        layers = range(len(next(iter(maps.by_level.values()))))
        result.append(
            {
                layer: {
                    level: _compare(maps.phrase(layer, level, picture, positions), cells, match)
                    for level in LEVELS
                }
                for layer in layers
            }
        )
    return result


def _compare(attention: np.ndarray, cells: np.ndarray, match: Found) -> tuple[float, float]:
    low, span = attention.min(), max(np.ptp(attention), 1e-12)
    there = (attention - low) / span > THRESHOLD
    overlap = (there & cells).sum() / max((there | cells).sum(), 1)
    rows, columns = np.mgrid[: attention.shape[0], : attention.shape[1]] + 0.5
    share = attention / max(attention.sum(), 1e-12)
    x = (share * columns).sum() / attention.shape[1]
    y = (share * rows).sum() / attention.shape[0]
    return float(overlap), float(np.hypot(x - match.x, y - match.y))


def means(overlaps: Sequence[Overlaps]) -> dict[str, dict[str, dict[str, float]]]:
    """By kind of number, layer and level: mean overlap and median distance."""
    if not overlaps:
        return {}
    result: dict[str, dict[str, dict[str, float]]] = {"iou": {}, "distance": {}}
    for layer in overlaps[0]:
        for kind, number, reduce in (("iou", 0, np.mean), ("distance", 1, np.median)):
            result[kind][f"layer {layer}"] = {
                f"{level:g}": round(
                    float(reduce([one[layer][level][number] for one in overlaps])), 3
                )
                for level in LEVELS
            }
    return result
