"""Small pictures for the first part of the training: as many things, less empty background.

All three formats have 144 latent positions instead of 256, so a step costs half as much and one
compiled graph serves them. Their sides reach up to 16 positions, those of a full picture.
"""

from pathlib import Path
from random import Random

import numpy as np
import torch

from ....demo.scenes import MARGIN, Scene, box, masks, random_scene, render
from .. import dataset
from ..dataset import CELL, SLOTS, Bucket

FORMATS = {"small": (96, 96, 0.5), "low": (128, 72, 0.25), "narrow": (72, 128, 0.25)}
COUNTS = (1, 2, 2, 2)  # a third thing seldom fits
_CHUNK = 250


def scene(rng: Random, width: int, height: int) -> Scene:
    """A scene whose things all lie inside a picture that is too small for some radii."""
    count = rng.choice(COUNTS)
    while True:
        drawn = random_scene(rng, count, width, height)
        boxes = np.array([box(thing, width, height) for thing in drawn.things])
        inside = (boxes[:, :2] >= MARGIN - 1e-6) & (
            boxes[:, 2:] <= np.array([width, height]) - MARGIN + 1e-6
        )
        if inside.all():
            return drawn


def make(folder: Path, pictures: int, seed: int, moments: dict[str, torch.Tensor]) -> None:
    """Render `pictures` small scenes and write one file a format to a folder.

    `moments`: the whitening of the landed encoder, `mean` and `std` [4].
    """
    folder.mkdir(parents=True, exist_ok=True)
    for number, (name, (width, height, share)) in enumerate(FORMATS.items()):
        rng, total = Random(seed + 100 + number), round(pictures * share)
        parts = [
            _examples(rng, min(_CHUNK, total - start), width, height, moments)
            for start in range(0, total, _CHUNK)
        ]
        columns = [torch.cat(column) for column in zip(*parts, strict=True)]
        torch.save(dict(zip(Bucket.__annotations__, columns, strict=True)), folder / f"{name}.pt")
        print(f"data: {name} {total}/{total}", flush=True)


def _examples(
    rng: Random, count: int, width: int, height: int, moments: dict[str, torch.Tensor]
) -> tuple[torch.Tensor, ...]:
    rows, columns = height // CELL, width // CELL
    pictures = np.empty((count, height, width, 3), dtype=np.uint8)
    coarse = np.zeros((count, SLOTS, rows, columns), dtype=np.uint8)
    tokens, words = [], torch.zeros(count, SLOTS, 2, dtype=torch.int16)
    for k in range(count):
        drawn = scene(rng, width, height)
        layers = masks(drawn)
        pictures[k] = render(drawn, layers)
        cells = layers.reshape(len(layers), rows, CELL, columns, CELL).mean((2, 4))
        coarse[k, : len(layers)] = np.round(cells * 255)
        row, places = dataset.token_row(dataset.random_caption(rng, drawn))
        tokens.append(row)
        words[k, : len(places)] = torch.tensor(places)
    mean, std = (moments[key][None, :, None, None] for key in ("mean", "std"))
    latents = ((dataset.raw_cells(pictures) - mean) / std).half()
    return latents, torch.from_numpy(coarse), torch.tensor(tokens, dtype=torch.int16), words
