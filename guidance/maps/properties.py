"""Properties of objects: centroid, size, shape and appearance (arXiv 2306.00986, section 3.2)."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from ..words.table import TokenTable
from .attention import sharpen

# A layer of the network at which attention is read. Only its architecture knows what the parts of
# the tuple mean; here sites are only compared, and files use the parts as a name.
Site = tuple[Any, ...]
GRID_CELLS = 256  # 16 x 16, the grid on which attention localises objects best
Value = TypeVar("Value")


def coordinates(maps: Tensor) -> tuple[Tensor, Tensor]:
    """Centres of the cells of maps [..., H, W], x as [1, W] and y as [H, 1], in [0, 1]."""
    height, width = maps.shape[-2:]
    x = (torch.arange(width, device=maps.device, dtype=maps.dtype) + 0.5) / width
    y = (torch.arange(height, device=maps.device, dtype=maps.dtype) + 0.5) / height
    return x[None, :], y[:, None]


def centroid(maps: Tensor) -> Tensor:
    """Centre of mass (x, y) of maps [..., H, W], as [..., 2] in [0, 1]; (0.5, 0.5) if empty.

    Section 3.2 of the paper: sum over (x, y) of (x, y) A / sum A.
    """
    x, y = coordinates(maps)
    mass = maps.sum((-2, -1))
    full = mass > 0
    safe = torch.where(full, mass, torch.ones_like(mass))
    centre = torch.stack([(maps * x).sum((-2, -1)), (maps * y).sum((-2, -1))], -1) / safe[..., None]
    return torch.where(full[..., None], centre, torch.full_like(centre, 0.5))


def spread(maps: Tensor, about: Tensor) -> Tensor:
    """Mean squared distance of the mass of maps [..., H, W] to points [..., 2], as [...]."""
    x, y = coordinates(maps)
    squared = (x - about[..., 0, None, None]) ** 2 + (y - about[..., 1, None, None]) ** 2
    mass = maps.sum((-2, -1))
    return (maps * squared).sum((-2, -1)) / torch.where(mass > 0, mass, torch.ones_like(mass))


def pool(features: Tensor, shapes: Tensor) -> Tensor:
    """Mean feature under each shape, without gradient through the shapes, as in the paper.

    Args:
        features: [B, C, h, w].
        shapes: [B, T, H, W] in [0, 1], resampled to h x w where the grids differ.

    Returns:
        [B, T, C]; 0 for an empty shape.
    """
    shapes = resample(shapes.detach(), *features.shape[-2:])
    mass = shapes.sum((-2, -1)).clamp(min=1e-6)
    return torch.einsum("bchw,bthw->btc", features, shapes) / mass[..., None]


def resample(maps: Tensor, height: int, width: int) -> Tensor:
    """Maps [B, T, H, W] on another grid, averaged when it is coarser, interpolated when finer."""
    if maps.shape[-2:] == (height, width):
        return maps
    return F.interpolate(
        maps, (height, width), mode="bilinear", align_corners=False, antialias=True
    )


def coarse(features: Tensor) -> Tensor:
    """Features [B, C, h, w] averaged to about `GRID_CELLS` cells, few enough to record."""
    height, width = features.shape[-2:]
    factor = max(1.0, math.sqrt(height * width / GRID_CELLS))
    size = max(1, round(height / factor)), max(1, round(width / factor))
    return features if size == (height, width) else F.interpolate(features, size, mode="area")


@dataclass(frozen=True)
class Properties:
    """Attention maps and features of one forward pass, and the properties of objects in them.

    Attributes:
        sigma: noise level, in the model's own units.
        table: the words of the prompt, T in number.
        maps: attention by site, each [B, T, H, W] in [0, 1].
        features: [B, T, C] mean features of each word, from the pass of its own conditioning; None
            if they were not read: the pass did not reach their place, or no term needs them (those
            of a record are computed later, see `record.with_features`).
        denoised: [B, C, h, w] prediction of the clean latent after guidance, or None during the
            pass.
        feature_grid: [B, C, h, w] the features themselves, see `coarse`, or None like `features`.
    """

    sigma: float
    table: TokenTable
    maps: Mapping[Site, Tensor]
    features: Tensor | None = None
    denoised: Tensor | None = None
    feature_grid: Tensor | None = None
    _known: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def at_sites(self, sites: Sequence[Site]) -> "Properties":
        """The same properties with the maps of some sites only."""
        return replace(self, maps={site: self.maps[site] for site in sites})

    def remember(self, key: Any, make: Callable[[], Value]) -> Value:
        """The value of `make`, made once: several terms ask for the same property of one pass."""
        if key not in self._known:
            self._known[key] = make()
        return self._known[key]

    def map(self, name: str) -> tuple[Tensor, ...]:
        """The object's map at every site, each [B, H, W]: the mean over the words of its phrase.

        Raises:
            ValueError: the prompt lacks the object, as in all properties of it.
        """

        def mean() -> tuple[Tensor, ...]:
            words = list(self.table.find(name))
            return tuple(maps[:, words].mean(1) for maps in self.maps.values())

        return self.remember(("map", name), mean)

    def shape(self, name: str) -> tuple[Tensor, ...]:
        """The object's sharpened map at every site, each [B, H, W] in [0, 1]."""
        return self.remember(("shape", name), lambda: _at_once(sharpen, self.map(name)))

    def centroid(self, name: str) -> Tensor:
        """The object's centroid (x, y) in [0, 1] at every site, [B, S, 2]."""
        return self.remember(
            ("centroid", name), lambda: torch.stack(_at_once(centroid, self.map(name)), 1)
        )

    def size(self, name: str) -> Tensor:
        """The object's size at every site, [B, S], as fraction of the area: its mean shape."""
        return torch.stack([s.mean((-2, -1)) for s in self.shape(name)], 1)

    def appearance(self, name: str) -> Tensor:
        """The object's mean feature, [B, C]: the mean over the words of its phrase.

        Raises:
            ValueError: the pass read no features.
        """
        if self.features is None:
            raise ValueError(f"no features were read, so object {name!r} has no appearance here")
        return self.features[:, list(self.table.find(name))].mean(1)


def mean_shape(properties: Properties, name: str) -> Tensor:
    """Mean over the sites of an object's shapes, [B, H, W] in [0, 1], on the grid of the first."""
    shapes = properties.shape(name)
    height, width = shapes[0].shape[-2:]
    return torch.stack([resample(s[:, None], height, width)[:, 0] for s in shapes]).mean(0)


def pooled(maps: Mapping[Site, Tensor], features: Tensor) -> Tensor:
    """Features [B, C, h, w] pooled under the mean shape of every word, [B, T, C].

    The paper pools with the shape of each layer; the mean shape over the sites gives one vector for
    each word.
    """
    height, width = features.shape[-2:]
    sharp = _at_once(sharpen, [m.detach() for m in maps.values()])
    shapes = [resample(shape, height, width) for shape in sharp]
    return pool(features, torch.stack(shapes).mean(0))


def _at_once(function: Callable[[Tensor], Tensor], maps: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """A function of maps [..., H, W] applied to each; to maps of one shape in a single call."""
    if len({m.shape for m in maps}) == 1:
        return function(torch.stack(tuple(maps))).unbind()
    return tuple(map(function, maps))
