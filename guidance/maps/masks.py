"""Regions of a picture: masks as users give them, and the cells of a grid that a box covers."""

import torch
from torch import Tensor


def checked_mask(mask: Tensor, label: str) -> Tensor:
    """A mask [B, H, W] or [H, W] of any dtype as [B, H, W] in [0, 1], float32.

    Raises:
        ValueError: another number of dimensions, NaN or infinite values, or nothing above 0.
    """
    if mask.ndim not in (2, 3):
        raise ValueError(
            f"the mask of '{label}' must be [batch, height, width], got {list(mask.shape)}"
        )
    if not torch.isfinite(mask).all():
        raise ValueError(
            f"the mask of '{label}' holds NaN or infinite values; check the node that made it"
        )
    if not (mask > 0).any():
        raise ValueError(f"the mask of '{label}' is empty; paint the region that it shall mark")
    return mask.reshape(-1, *mask.shape[-2:]).float().clamp(0, 1)


def covered(cells: int, start: float, end: float, like: Tensor | None = None) -> Tensor:
    """Part of every one of n equal cells of [0, 1] that an interval covers, [n] in [0, 1].

    Args:
        cells: n.
        start, end: of the interval.
        like: tensor whose device and dtype the result has; float32 on the CPU if None.
    """
    bounds = torch.arange(cells + 1).to(torch.float32 if like is None else like) / cells
    shared = bounds[1:].clamp(max=end) - bounds[:-1].clamp(min=start)
    return shared.clamp(min=0) * cells
