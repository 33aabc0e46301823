"""Attention maps from the queries and keys of one site.

Self-guidance reads A = softmax(Q K^T / sqrt(d)) (arXiv 2306.00986, section 3). The softmax runs
over every key, padding included, as in the model itself; heads are averaged; only then are words
picked.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

# Numbers in the matrix of one site up to which it is made, which is then quicker and as exact as
# can be: 32 MiB.
SMALL = 2**23
# Range of a map, relative to its peak, below which it is noise: ten times the rounding of the half
# precision in which records are stored.
NOISE = 0.01


def by_heads(tokens: Tensor, heads: int) -> Tensor:
    """Queries or keys [B, N, heads * D] as [B, heads, N, D]."""
    return tokens.unflatten(-1, (heads, -1)).transpose(1, 2)


def word_maps(
    query: Tensor,
    key: Tensor,
    words: Tensor,
    text: slice = slice(None),
    mask: Tensor | None = None,
    scale: float | None = None,
) -> Tensor:
    """Attention of every cell to every word: softmax(Q K^T / sqrt(D)), averaged over heads.

    A context shorter than its batch mates is repeated by ComfyUI until the lengths agree. A softmax
    over r copies gives each copy 1/r of the probability, so the copies are summed again.

    Args:
        query: [B, heads, N, D], N cells.
        key: [B, heads, M, D] of all M tokens that are attended to.
        words: [K, T], column t averages the tokens of word t (see `TokenTable.averaging`).
        text: where among the M tokens those K of the prompt stand, repeated R times; all by
            default.
        mask: what the model adds to the logits, or where it attends (bool); goes with
            [B, heads, N, M]. None for no mask.
        scale: of the logits; 1 / sqrt(D) if None.

    Returns:
        [B, T, N] in [0, 1], float32.

    Raises:
        ValueError: the number of the prompt's keys is no multiple of K.
    """
    repeats = _repeats(len(range(key.shape[2])[text]), len(words))
    if mask is not None or query.shape[:3].numel() * key.shape[2] > SMALL:
        values = words.new_zeros(key.shape[2], words.shape[1])
        values[text] = words.repeat(repeats, 1)
        return _attended(query, key, values, mask, scale)
    q, k = query.float(), key.float()
    logits = q * (q.shape[-1] ** -0.5 if scale is None else scale) @ k.transpose(-1, -2)
    probability = logits.softmax(-1).mean(1)[..., text]
    rows = words.to(probability).t().repeat(1, repeats)
    return rows @ probability.transpose(1, 2)


def _repeats(attended: int, tokens: int) -> int:
    """How often the prompt's tokens stand among the keys that should be theirs."""
    repeats, rest = divmod(attended, tokens)
    if rest:
        raise ValueError(
            f"the token table describes {tokens} tokens but the model attends to {attended}; "
            "encode the prompt with the Self-Guidance Prompt node and do not change its length "
            "afterwards"
        )
    return repeats


def _attended(
    query: Tensor, key: Tensor, values: Tensor, mask: Tensor | None, scale: float | None
) -> Tensor:
    """Attention to the tokens of every word, without the matrix of all cells and tokens.

    Attention itself computes it, with the words' own columns as values [M, T]. PyTorch has kernels
    that need no matrix for values as wide as queries alone, so columns are added or split.
    """
    width, maps = query.shape[-1], []
    for part in values.to(query).split(width, 1):
        filled = F.pad(part, (0, width - part.shape[1])).expand(*key.shape[:2], -1, -1)
        out = F.scaled_dot_product_attention(query, key, filled, mask, scale=scale)
        maps.append(out[..., : part.shape[1]].float().mean(1))
    return torch.cat(maps, -1).transpose(1, 2)


def as_grid(maps: Tensor, height: int, width: int) -> Tensor:
    """Maps [B, T, N] of a site with height x width cells as [B, T, height, width].

    Raises:
        ValueError: N is another number of cells.
    """
    if maps.shape[-1] != height * width:
        raise ValueError(
            f"an attention site that guidance reads sees {maps.shape[-1]} pixels instead of "
            f"{height} x {width}; another patch merges or tiles its tokens: switch that patch off "
            "for this model"
        )
    return maps.unflatten(-1, (height, width))


def sharpen(maps: Tensor, steepness: float = 10.0) -> Tensor:
    """Normalised, thresholded maps A' = N(sigmoid(s (N(A) - 0.5))).

    Section 3 of the paper (arXiv 2306.00986) with its s = 10. The second N divides by the range of
    the sigmoid on [0, 1] instead of the map's own, so that it does not amplify a flat map.

    Args:
        maps: [..., H, W].
        steepness: s; larger is closer to a hard threshold at half of the range.

    Returns:
        [..., H, W] in [0, 1]; 0 everywhere for a flat map, see `normalised`.
    """
    low = 1 / (1 + math.exp(steepness / 2))
    return (torch.sigmoid(steepness * (normalised(maps) - 0.5)) - low) / (1 - 2 * low)


def normalised(maps: Tensor) -> Tensor:
    """N(X) = (X - min X) / (max X - min X) of maps [..., H, W], over space, in [0, 1].

    A map whose range is below `NOISE` of its peak is flat: it shows rounding, not an object. N(X)
    is therefore multiplied by r^4 / (1 + r^4), with r the range in units of NOISE max |X|: 1 to
    four digits above r = 10, near 0 for a flat map, and smooth in between.
    """
    low = maps.amin((-2, -1), keepdim=True)
    span = maps.amax((-2, -1), keepdim=True) - low
    level = NOISE * maps.abs().amax((-2, -1), keepdim=True)
    level = torch.where(level > 0, level, torch.ones_like(level))
    ratio = span / level
    return (maps - low) / level * (ratio**3 / (1 + ratio**4))
