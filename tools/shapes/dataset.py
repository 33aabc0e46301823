"""The training data: scenes as latents, captions and masks; rendered once, not part of git."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from random import Random

import comfy.sd1_clip
import numpy as np
import torch

from ...demo.architecture import END_TOKEN, TOKENS, cell_filters
from ...demo.scenes import (
    BACKGROUNDS,
    COLOURS,
    RADII,
    SHAPES,
    Scene,
    caption,
    masks,
    random_scene,
    render,
)

START_TOKEN = 49406
CELL = 8
WHITENING = "whitening.pt"
SLOTS = max(RADII)  # most objects of one caption
# width and height in pixels, and share of the pictures; wide and tall ones are included because
# users edit such pictures, too
FORMATS = {"square": (128, 128, 0.86), "wide": (256, 128, 0.07), "tall": (128, 256, 0.07)}
WORDS = (
    *("a", "an", "and", ",", "on", "background", "gray"),
    *COLOURS,
    *SHAPES,
    *BACKGROUNDS,
)
_CHUNK = 250


@dataclass(frozen=True)
class Bucket:
    """Training examples of one picture format.

    Attributes:
        latents: whitened, float16 [N, 4, H, W].
        masks: coverage of each object, uint8 [N, 3, H, W] in 0..255.
        tokens: indices into `token_ids()`, int16 [N, 77].
        words: token positions of each object's colour and shape, int16 [N, 3, 2]; 0 for objects
            that the caption lacks.
    """

    latents: torch.Tensor
    masks: torch.Tensor
    tokens: torch.Tensor
    words: torch.Tensor


@lru_cache(maxsize=1)
def token_ids() -> tuple[int, ...]:
    """CLIP's ids of the start token, the end token and every word of `WORDS`."""
    tokenizer = comfy.sd1_clip.SD1Tokenizer()
    ids = [START_TOKEN, END_TOKEN]
    for word in WORDS:
        pairs = tokenizer.tokenize_with_weights(word)["l"][0]
        tokens = [int(pair[0]) for pair in pairs if pair[0] not in (START_TOKEN, END_TOKEN)]
        if len(tokens) != 1:
            raise ValueError(
                f"word {word!r}: expected one token, got {tokens}; choose another word"
            )
        ids += tokens
    return tuple(ids)


def token_row(text: str) -> tuple[list[int], list[tuple[int, int]]]:
    """A caption as 77 indices into `token_ids()`, and the positions of each object's two words."""
    words = text.replace(",", " ,").split()
    row = [0, *(WORDS.index(word) + 2 for word in words)]
    places = [(at + 1, at + 2) for at, word in enumerate(words) if word in COLOURS]
    return row + [1] * (TOKENS - len(row)), places


def leave_open(tokens: torch.Tensor, words: torch.Tensor, which: torch.Tensor) -> None:
    """Remove the colour words of some objects from the captions, in place.

    Args:
        tokens: [B, 77], see `token_row`.
        words: [B, slots, 2], positions of each object's colour and shape; both become the shape's.
        which: bool [B, slots], the objects that lose their colour word.
    """
    a, an = (WORDS.index(word) + 2 for word in ("a", "an"))
    for row, slot in (which & (words[..., 0] > 0)).nonzero().tolist():
        at = int(words[row, slot, 0])
        if tokens[row, at - 1] == an:  # "an" would reveal that the colour is orange
            tokens[row, at - 1] = a
        tokens[row, at:-1] = tokens[row, at + 1 :].clone()
        words[row][words[row] > at] -= 1


def random_caption(rng: Random, scene: Scene) -> str:
    """A caption of the scene, with or without background and articles."""
    text = caption(scene, background=rng.random() < 0.35, articles=rng.random() < 0.9)
    return text.replace("grey", "gray") if rng.random() < 0.5 else text


def raw_cells(pictures: np.ndarray) -> torch.Tensor:
    """Outputs of `cell_filters`, [B, 4, H, W], for pictures uint8 [B, 8 H, 8 W, 3]."""
    images = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1
    return torch.nn.functional.conv2d(images, cell_filters(), stride=CELL)


def make(
    folder: Path, pictures: int, seed: int, moments: dict[str, torch.Tensor] | None = None
) -> None:
    """Render scenes and write a file for each format, and the whitening, to a folder.

    Args:
        folder: where the files go.
        pictures: number of scenes.
        seed: of the scenes.
        moments: the whitening, `mean` and `std` [4]; None: that of 2000 other scenes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    moments = moments or _moments(Random(seed - 1))
    torch.save(moments, folder / WHITENING)
    for number, (name, (width, height, share)) in enumerate(FORMATS.items()):
        rng = Random(seed + number)
        parts = []
        total = round(pictures * share)
        for start in range(0, total, _CHUNK):
            parts.append(_examples(rng, min(_CHUNK, total - start), width, height, moments))
            if start % (20 * _CHUNK) == 0:
                print(f"data: {name} {start}/{total}", flush=True)
        columns = [torch.cat(column) for column in zip(*parts, strict=True)]
        torch.save(dict(zip(Bucket.__annotations__, columns, strict=True)), folder / f"{name}.pt")


def load(folder: Path) -> dict[str, Bucket]:
    """The examples that `make` wrote, by format."""
    return {name: Bucket(**torch.load(folder / f"{name}.pt")) for name in FORMATS}


def _moments(rng: Random, pictures: int = 2000) -> dict[str, torch.Tensor]:
    scenes = [random_scene(rng, rng.randint(1, SLOTS)) for _ in range(pictures)]
    cells = raw_cells(np.stack([render(scene) for scene in scenes]))
    return {"mean": cells.mean((0, 2, 3)), "std": cells.std((0, 2, 3))}


def _examples(
    rng: Random, count: int, width: int, height: int, moments: dict[str, torch.Tensor]
) -> tuple[torch.Tensor, ...]:
    rows, columns = height // CELL, width // CELL
    pictures = np.empty((count, height, width, 3), dtype=np.uint8)
    coarse = np.zeros((count, SLOTS, rows, columns), dtype=np.uint8)
    tokens = torch.empty(count, TOKENS, dtype=torch.int16)
    words = torch.zeros(count, SLOTS, 2, dtype=torch.int16)
    for k in range(count):
        scene = random_scene(rng, rng.choice((1, 2, 2, 3)), width, height)
        layers = masks(scene)
        pictures[k] = render(scene, layers)
        cells = layers.reshape(len(layers), rows, CELL, columns, CELL).mean((2, 4))
        coarse[k, : len(layers)] = np.round(cells * 255)
        row, places = token_row(random_caption(rng, scene))
        tokens[k] = torch.tensor(row)
        words[k, : len(places)] = torch.tensor(places)
    mean, std = (moments[key][None, :, None, None] for key in ("mean", "std"))
    latents = ((raw_cells(pictures) - mean) / std).half()
    return latents, torch.from_numpy(coarse), tokens, words
