"""Maps of a part of the picture on the grid of the whole picture.

A conditioning that is limited to an area is shown a crop of the latent. Its maps are put back where
the crop was cut out; outside, nothing attended to its words, so they are 0 there.
"""

import torch
from torch import Tensor

Pair = tuple[int, int]


def placed(maps: Tensor, grid: Pair, corner: Pair, part: Pair, whole: Pair) -> Tensor:
    """Maps of a part, on the whole picture's grid: every cell holds the mean over its area.

    Args:
        maps: [..., h, w] of a part.
        grid: rows H and columns W on which the network shows the whole picture there.
        corner: row and column of the part's first cell, in cells of the latent.
        part: height and width of the part, in cells of the latent.
        whole: height and width of the picture, in cells of the latent.

    Returns:
        [..., H, W]; 0 outside the part.
    """
    down = _shares(maps.shape[-2], grid[0], corner[0], part[0], whole[0]).to(maps)
    across = _shares(maps.shape[-1], grid[1], corner[1], part[1], whole[1]).to(maps)
    return down @ maps @ across.T


def _shares(cells: int, wanted: int, start: int, length: int, whole: int) -> Tensor:
    """What part of each of the whole's cells each cell of the part covers, [wanted, cells]."""
    edges = (start + torch.arange(cells + 1) * (length / cells)) * (wanted / whole)
    bounds = torch.arange(wanted + 1).float()
    upper = torch.minimum(bounds[1:, None], edges[None, 1:])
    lower = torch.maximum(bounds[:-1, None], edges[None, :-1])
    return (upper - lower).clamp(min=0)
