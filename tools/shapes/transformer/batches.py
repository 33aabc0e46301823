"""Batches of the transformer's training: which scenes, which captions, how long a text."""

from dataclasses import dataclass
from pathlib import Path

import torch

from ....demo.architecture import TOKENS
from .. import dataset
from ..dataset import Bucket
from . import small

SHORT = 20  # text tokens of the usual step; the longest caption has 18
SMALL_UNTIL, SMALL_SHARE = 0.5, 0.8  # of the steps, and of those before
OTHER_SHARE = 0.16  # wide and tall pictures, at half the batch, among the later steps
LONG_SHARE = 0.08  # of the later steps: all 77 text tokens
BEHIND_SHARE = 0.4  # of the captions: the picture's place is that behind a longer text
DROPPED_CAPTIONS = 0.1
UNCOLOURED = 0.12  # objects whose caption leaves their colour open


@dataclass(frozen=True)
class Batch:
    """One step's examples.

    latents: [B, 4, H, W]. masks: each object's coverage, [B, 3, H, W] in 0..1. tokens: [B, T].
    words: positions of each object's two words, or 0, [B, 3, 2]. closed: [B, T], minus infinity
    for tokens that do not count, else 0. lengths: [B], tokens before the picture's place.
    """

    latents: torch.Tensor
    masks: torch.Tensor
    tokens: torch.Tensor
    words: torch.Tensor
    closed: torch.Tensor
    lengths: torch.Tensor


def load(folder: Path, with_small: bool = True) -> dict[str, Bucket]:
    """The buckets of full and of small pictures, by format."""
    names = [*dataset.FORMATS, *(small.FORMATS if with_small else ())]
    return {name: Bucket(**torch.load(folder / f"{name}.pt")) for name in names}


def text_lengths(
    tokens: torch.Tensor, text: int, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """How many of `text` computed tokens count, and behind how many the picture stands, each [B].

    Hosts give the network the caption alone, all 77 tokens or something between; the end tokens
    that follow a caption carry nothing, but they are keys, and they move the picture's place on
    the first rotary axis.
    """
    ends = (tokens != 1).sum(1) + 1
    low = ends if text < TOKENS else ends.clamp(min=SHORT + 1)
    draws = torch.rand(3, len(tokens), generator=generator)
    some = (low + draws[0] * (text + 1 - low)).long()
    counted = torch.where(draws[1] < 0.5, some, text)
    behind = (text + draws[0] * (TOKENS + 1 - text)).long()
    moved = (draws[2] < BEHIND_SHARE) & (draws[1] >= 0.5) & (text < TOKENS)
    return counted, torch.where(moved, behind, counted)


class Sampler:
    """Draws batches; all randomness is one generator that is checkpointed."""

    def __init__(self, buckets: dict[str, Bucket], batch: int, seed: int) -> None:
        self.buckets, self.batch = buckets, batch
        self.generator = torch.Generator().manual_seed(seed)
        self.empty = torch.tensor(dataset.token_row("")[0])

    def draw(self, part: float) -> Batch:
        """A batch when `part` of the training, 0..1, is done."""
        g = self.generator
        name, text = self._kind(part)
        bucket = self.buckets[name]
        size = self.batch // 2 if name in ("wide", "tall") else self.batch
        rows = torch.randint(len(bucket.latents), (size,), generator=g)
        latents, masks = bucket.latents[rows].float(), bucket.masks[rows].float() / 255
        tokens, words = bucket.tokens[rows].long(), bucket.words[rows].long()
        mirrored = torch.rand(size, generator=g) < 0.5
        latents[mirrored], masks[mirrored] = latents[mirrored].flip(-1), masks[mirrored].flip(-1)
        dataset.leave_open(tokens, words, torch.rand(words.shape[:2], generator=g) < UNCOLOURED)
        dropped = torch.rand(size, generator=g) < DROPPED_CAPTIONS
        tokens[dropped], words[dropped] = self.empty, 0
        counted, lengths = text_lengths(tokens, text, g)
        closed = torch.zeros(size, text)
        closed[torch.arange(text) >= counted[:, None]] = float("-inf")
        return Batch(latents, masks, tokens[:, :text], words, closed, lengths)

    def _kind(self, part: float) -> tuple[str, int]:
        first, second, third = torch.rand(3, generator=self.generator).tolist()
        if part < SMALL_UNTIL:
            names = list(small.FORMATS)
            shares = torch.tensor([share for _, _, share in small.FORMATS.values()]).cumsum(0)
            chosen = names[min(int((shares <= second).sum()), len(names) - 1)]
            return (chosen if first < SMALL_SHARE else "square"), SHORT
        other = "wide" if second < 0.5 else "tall"
        return (other if first < OTHER_SHARE else "square"), TOKENS if third < LONG_SHARE else SHORT
