"""Affine transforms of shapes: move, scale and rotate about the object's own centroid."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Affine:
    """The transform T of the paper's recipes (arXiv 2306.00986, section 4).

    Attributes:
        dx, dy: offset as fraction of the width and of the height; right and down are positive.
        scale_x, scale_y: factors about the centroid, > 0.
        rotation: degrees, clockwise as seen, about the centroid.

    Raises:
        ValueError: a scale of 0 or less.
    """

    dx: float = 0.0
    dy: float = 0.0
    scale_x: float = 1.0
    scale_y: float = 1.0
    rotation: float = 0.0

    def __post_init__(self) -> None:
        for name, value in (("scale_x", self.scale_x), ("scale_y", self.scale_y)):
            if value <= 0:
                raise ValueError(f"{name} must be above 0, got {value}")


def warp(maps: Tensor, centre: Tensor, transform: Affine, aspect: float | None = None) -> Tensor:
    """Maps transformed by T, interpolated linearly; outside the picture they are 0.

    Args:
        maps: [B, H, W].
        centre: [B, 2], the point (x, y) in [0, 1] that scale and rotation leave in place.
        transform: T.
        aspect: width over height of the picture, needed as rotation acts on square pixels; that of
            the maps if None.

    Returns:
        [B, H, W].
    """
    height, width = maps.shape[-2:]
    angle = math.radians(transform.rotation)
    aspect = aspect or width / height
    # coordinates are fractions but rotation acts on pixels: off-diagonal entries have the aspect
    forward = torch.tensor(
        [
            [math.cos(angle) * transform.scale_x, -math.sin(angle) * transform.scale_y / aspect],
            [math.sin(angle) * transform.scale_x * aspect, math.cos(angle) * transform.scale_y],
        ]
    )
    inverse = torch.linalg.inv(forward.double()).to(maps)
    middle = 2 * centre.to(maps) - 1
    target = middle + 2 * torch.tensor([transform.dx, transform.dy]).to(maps)
    # grid_sample wants the input point of each output point: p_in = A^-1 (p_out - target) + middle
    offset = middle - target @ inverse.T
    theta = torch.cat([inverse.expand(len(maps), 2, 2), offset[..., None]], -1)
    grid = F.affine_grid(theta, [len(maps), 1, height, width], align_corners=False)
    return F.grid_sample(maps[:, None], grid, align_corners=False)[:, 0]
