"""Maps of a part of the picture on the grid of the whole picture.

A conditioning that is limited to an area is computed on a crop of the latent. Its maps are put back
where the crop was; outside of it they are 0, as nothing there attends to its words.
"""

import torch
from torch import Tensor

Pair = tuple[int, int]


def placed(maps: Tensor, grid: Pair, corner: Pair, part: Pair, whole: Pair) -> Tensor:
    """Maps of a part resampled on the grid of the whole picture, by area.

    Args:
        maps: [..., h, w] of a part.
        grid: rows H and columns W of the grid of the whole picture at the same site.
        corner: row and column of the part's first cell, in cells of the latent.
        part: height and width of the part, in cells of the latent.
        whole: height and width of the picture, in cells of the latent.

    Returns:
        [..., H, W]; 0 outside the part.
    """
    down = _overlaps(maps.shape[-2], grid[0], corner[0], part[0], whole[0]).to(maps)
    across = _overlaps(maps.shape[-1], grid[1], corner[1], part[1], whole[1]).to(maps)
    return down @ maps @ across.T


def _overlaps(cells: int, wanted: int, start: int, length: int, whole: int) -> Tensor:
    """Fraction of each of `wanted` cells of the whole that each cell of a part covers.

    Args:
        cells: number of cells of the part along one axis.
        wanted: number of cells of the whole along it.
        start, length: where the part lies, in cells of the latent.
        whole: cells of the latent in all.

    Returns:
        [wanted, cells] in [0, 1].
    """
    edges = (start + torch.arange(cells + 1) * (length / cells)) * (wanted / whole)
    bounds = torch.arange(wanted + 1).float()
    upper = torch.minimum(bounds[1:, None], edges[None, 1:])
    lower = torch.maximum(bounds[:-1, None], edges[None, :-1])
    return (upper - lower).clamp(min=0)
