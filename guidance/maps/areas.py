"""Maps of a part of the picture on the grid of the whole picture.

A conditioning that is limited to an area is shown a crop of the latent. Its maps are put back where
the crop was cut out; outside, nothing attended to its words, so they are 0 there.
"""

import torch
from torch import Tensor

Pair = tuple[int, int]


def placed(maps: Tensor, corner: Pair, part: Pair, whole: Pair) -> Tensor:
    """Maps of a part, on the whole picture's grid: every cell holds the mean over its area.

    Args:
        maps: [..., h, w] of a part.
        corner: row and column of the part's first cell, in cells of the latent.
        part: height and width of the part, in cells of the latent.
        whole: height and width of the picture, in cells of the latent.

    Returns:
        [..., H, W], as the network itself would halve the whole latent; 0 outside the part.

    Raises:
        ValueError: the maps' grid is none that halving the part's height and width leads to.
    """
    rows, columns = _halved((maps.shape[-2], maps.shape[-1]), part, whole)
    down = _shares(maps.shape[-2], rows, corner[0], part[0], whole[0]).to(maps)
    across = _shares(maps.shape[-1], columns, corner[1], part[1], whole[1]).to(maps)
    return down @ maps @ across.T


def _halved(grid: Pair, part: Pair, whole: Pair) -> Pair:
    """The whole picture's grid at the depth of the network at which the part has its grid."""
    sizes = [*part, *whole]
    while tuple(sizes[:2]) != grid:
        if max(sizes[:2]) <= 1:
            raise ValueError(
                f"a conditioning's area of {part[0]} x {part[1]} latent cells is seen as "
                f"{grid[0]} x {grid[1]} by the model; another patch changes its size: switch that "
                "patch off for this model"
            )
        sizes = [-(-size // 2) for size in sizes]
    return sizes[2], sizes[3]


def _shares(cells: int, wanted: int, start: int, length: int, whole: int) -> Tensor:
    """What part of each of the whole's cells each cell of the part covers, [wanted, cells]."""
    edges = (start + torch.arange(cells + 1) * (length / cells)) * (wanted / whole)
    bounds = torch.arange(wanted + 1).float()
    upper = torch.minimum(bounds[1:, None], edges[None, 1:])
    lower = torch.maximum(bounds[:-1, None], edges[None, :-1])
    return (upper - lower).clamp(min=0)
