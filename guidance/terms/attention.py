"""Terms without a reference: an object is in the picture at all, or lies in a box.

`Presence` follows Attend-and-Excite (arXiv 2301.13826), `Box` layout control (arXiv 2304.03373)
and, for its corners, BoxDiff (arXiv 2307.10816). To compare an object with one of a reference, use
`Position`, `Size` and `Shape`, which read its map instead of a box.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from ..maps.attention import normalised
from ..maps.masks import covered
from ..maps.properties import Properties
from .base import EnergyTerm

# Fraction of a region whose highest values are averaged, as in BoxDiff.
TOP = 0.2
ROUNDING = 1e-6


@dataclass(frozen=True, kw_only=True)
class Presence(EnergyTerm):
    """relu(1 - max(smoothed share) / enough), averaged over the sites.

    The share of an object in a cell is the paper's: softmax of 100 A over the words of the prompt,
    without start and end tokens, then smoothed by a Gaussian of 3 x 3 cells. Departures from the
    paper: an object is a phrase, whose mean map competes with the words outside the phrase; a map
    of zeros competes as well, as a prompt of one phrase would have share 1 everywhere (in the
    authors' code padding tokens have this role); every object is a term of its own, not only the
    most neglected one; and the energy is 0 once the object is present, because steps of normalised
    length would otherwise distort the picture.

    Attributes:
        enough: share that counts as present, in (0, 1]; 0.8 as in the paper.
        sharpness: factor of A in the softmax; the paper's 100 suits models whose attention is
            shared with start tokens and padding.

    Raises:
        ValueError: `enough` outside its range.
    """

    enough: float = 0.8
    sharpness: float = 100.0

    def __post_init__(self) -> None:
        if not 0 < self.enough <= 1:
            raise ValueError(f"enough must be above 0 and at most 1, got {self.enough}")

    def __call__(self, seen: Properties) -> Tensor:
        """See `EnergyTerm`."""
        peaks = [
            smoothed(share).amax((-2, -1)) for share in shares(seen, self.object, self.sharpness)
        ]
        return F.relu(1 - torch.stack(peaks) / self.enough).mean(0)


@dataclass(frozen=True, kw_only=True)
class Box(EnergyTerm):
    """Mean over the sites of (1 - sum of A inside the box / sum of A)^2.

    This keeps the object inside the box. With `corners` it also fills the box, by the terms of
    BoxDiff, each in [0, 1]: 1 - the mean of the highest fifth of the cells inside; the mean of the
    highest fifth outside; and, near each edge, the distance of the maximum of every column and row
    to 1 inside the box and 0 outside. BoxDiff reads shares as in `Presence`, whose gradient
    vanishes where attention is strong; here it is the normalised map N(A). Cells that the box cuts
    count by the area inside.

    Attributes:
        x, y: top-left corner of the box in [0, 1].
        width, height: its sides as fractions of the picture, above 0.
        corners: whether the object must also reach the edges.

    Raises:
        ValueError: a box without area, one that reaches outside, or the whole picture.
    """

    x: float
    y: float
    width: float
    height: float
    corners: bool = False
    tolerance: ClassVar[float] = 0.001  # 3 % of the attention outside

    def __post_init__(self) -> None:
        right, bottom = self.x + self.width, self.y + self.height
        if not (self.width > ROUNDING and self.height > ROUNDING):
            reason = "has no area"
        elif not (min(self.x, self.y) >= 0 and max(right, bottom) <= 1 + ROUNDING):
            reason = "reaches outside the picture"
        elif self.width * self.height >= 1 - ROUNDING:
            reason = "covers the whole picture, which places nothing"
        else:
            return
        raise ValueError(
            f"the box of object {self.object!r} {reason}: got x {self.x:g}, y {self.y:g}, width "
            f"{self.width:g}, height {self.height:g}; give its top-left corner and its sides as "
            "fractions of the picture, with x + width and y + height at most 1"
        )

    def __call__(self, seen: Properties) -> Tensor:
        """See `EnergyTerm`."""
        values = [
            (1 - self._inside(maps)) ** 2 + (self._misfit(normalised(maps)) if self.corners else 0)
            for maps in seen.map(self.object)
        ]
        return torch.stack(values).mean(0)

    def goal(self, seen: Properties) -> Tensor:
        """The centre of the box."""
        return torch.tensor([[self.x + self.width / 2, self.y + self.height / 2]])

    def _profiles(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Fractions of every column [W] and row [H] of maps that the box covers."""
        height, width = maps.shape[-2:]
        columns = covered(width, self.x, self.x + self.width, maps)
        return columns, covered(height, self.y, self.y + self.height, maps)

    def _inside(self, maps: Tensor) -> Tensor:
        columns, rows = self._profiles(maps)
        mass = maps.sum((-2, -1))
        inside = (maps * rows[:, None] * columns).sum((-2, -1))
        return inside / torch.where(mass > 0, mass, torch.ones_like(mass))

    def _misfit(self, maps: Tensor) -> Tensor:
        columns, rows = self._profiles(maps)
        area = rows[:, None] * columns
        along_x = _edges(maps.amax(-2), columns, self.x, self.x + self.width)
        along_y = _edges(maps.amax(-1), rows, self.y, self.y + self.height)
        return 1 - highest(maps, area) + highest(maps, 1 - area) + along_x + along_y


def shares(seen: Properties, name: str, sharpness: float) -> tuple[Tensor, ...]:
    """Softmax share of an object in the attention of all words, by site, each [B, H, W] in (0, 1).

    Args:
        seen: properties of a pass.
        name: phrase of the object.
        sharpness: see `Presence`.
    """
    own = seen.table.find(name)
    others = [word for word in range(len(seen.table.words)) if word not in own]
    result = []
    for here, maps in zip(seen.map(name), seen.maps.values(), strict=True):
        nothing = torch.zeros_like(here)
        rivals = torch.stack([here, nothing, *maps[:, others].unbind(1)], 1)
        result.append((sharpness * rivals).softmax(1)[:, 0])
    return tuple(result)


def smoothed(maps: Tensor, deviation: float = 0.5) -> Tensor:
    """Maps [B, H, W] smoothed by a Gaussian of 3 x 3 cells, with the border replicated."""
    side = math.exp(-1 / (2 * deviation**2))
    line = torch.tensor([side, 1.0, side]).to(maps) / (1 + 2 * side)
    padded = F.pad(maps[:, None], (1, 1, 1, 1), mode="replicate")
    return F.conv2d(padded, (line[:, None] * line)[None, None])[:, 0]


def highest(maps: Tensor, area: Tensor, part: float = TOP) -> Tensor:
    """Mean of the highest values of a region, weighted by area.

    Args:
        maps: [B, H, W].
        area: [H, W], fraction of every cell that belongs to the region; not 0 everywhere.
        part: fraction of the region's area whose highest values are averaged.

    Returns:
        [B].
    """
    values, order = maps.flatten(1).sort(descending=True)
    cells = area.flatten()[order]
    wanted = part * area.sum()
    left = wanted - (cells.cumsum(1) - cells)
    weights = left.clamp(min=0).minimum(cells)
    return (weights * values).sum(1) / weights.sum(1)


def _edges(profile: Tensor, target: Tensor, start: float, end: float) -> Tensor:
    """Mean |profile [B, n] - target [n]| over the cell before and the cell after either edge."""
    cells = len(target)
    near = [covered(cells, edge - 1 / cells, edge + 1 / cells, target) for edge in (start, end)]
    weights = (near[0] + near[1]).clamp(max=1)
    return (weights * (profile - target).abs()).sum(1) / weights.sum()
