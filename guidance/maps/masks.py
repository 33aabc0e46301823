"""Masks from users, which have one of two meanings.

As a region to hold, a value between 0 and 1 holds in part. As the outline of an object, only values
relative to the brightest one matter, which marks the object.
"""

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


def outline(mask: Tensor, label: str) -> Tensor:
    """A mask as the outline of an object, [B, H, W] in [0, 1]: its peak is 1 in every picture.

    So masks that are soft, blurred or grey, such as those of segmentation nodes, mark the whole
    object. An empty mask of a picture stays empty.

    Raises:
        ValueError: see `checked_mask`.
    """
    return peaked(checked_mask(mask, label))


def peaked(mask: Tensor) -> Tensor:
    """A mask [B, H, W] in [0, 1], float32, whose peak is 1 in every picture that has one.

    It checks nothing: a mask without pixels or with NaN is left to `checked_mask`.
    """
    mask = mask.float().clamp(0, 1)
    if not mask.numel():
        return mask
    peak = mask.amax((-2, -1), keepdim=True)
    return mask / torch.where(peak > 0, peak, torch.ones_like(peak))


def placing(mask: Tensor, label: str) -> Tensor:
    """An `outline` that determines a place: in every picture some of it is object, some is not.

    Raises:
        ValueError: see `checked_mask`; or in some picture it is empty, or without room around it.
    """
    mask = outline(mask, label)
    if not (mask > 0).flatten(1).any(1).all():
        raise ValueError(
            f"the mask of '{label}' is empty in a picture of its batch, where it places nothing; "
            "paint the object's place in every picture"
        )
    if not (mask < 0.5).flatten(1).any(1).all():
        raise ValueError(
            f"the mask of '{label}' covers the whole picture, which places nothing; leave room "
            "around the object, or invert the mask"
        )
    return mask


def pictures(mask: Tensor) -> Tensor:
    """A MASK of any shape that nodes use as [B, H, W].

    Args:
        mask: [H, W], [B, H, W], [B, 1, H, W] or [B, H, W, 1].

    Raises:
        ValueError: another shape.
    """
    if mask.ndim == 4 and mask.shape[1] == 1:
        return mask[:, 0]
    if mask.ndim == 4 and mask.shape[3] == 1:
        return mask[..., 0]
    if mask.ndim not in (2, 3):
        picture = " an IMAGE is made a mask by Convert Image to Mask;" if mask.ndim == 4 else ""
        raise ValueError(
            f"mask must be [batch, height, width], got {list(mask.shape)};{picture} wire a node "
            "that gives a MASK"
        )
    return mask if mask.ndim == 3 else mask[None]


def covered(cells: int, start: float, end: float, like: Tensor | None = None) -> Tensor:
    """Fraction of each of n equal cells of [0, 1] that an interval covers, [n] in [0, 1].

    Args:
        cells: n.
        start, end: of the interval.
        like: tensor whose device and dtype the result has; float32 on the CPU if None.
    """
    bounds = torch.arange(cells + 1).to(torch.float32 if like is None else like) / cells
    shared = bounds[1:].clamp(max=end) - bounds[:-1].clamp(min=start)
    return shared.clamp(min=0) * cells
