"""Read attention maps and features in one pass of the model."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import torch
import torch.nn.functional as F
from torch import Tensor

from ...guidance.families import Family
from ...guidance.maps.areas import Pair, placed
from ...guidance.maps.attention import as_grid, word_maps
from ...guidance.maps.properties import Properties, Site, coarse, pooled, resample
from ...guidance.words.table import TokenTable
from .conditioning import Source


@dataclass(frozen=True, eq=False)
class Attention:
    """Attention of one site, for all R rows of a batch.

    Attributes:
        query: [R, heads, N, D] of the N cells of the picture, row by row from the top.
        key: [R, heads, K, D] of all K tokens over which the softmax runs.
        grid: height and width in cells, N together.
        text: where among the K tokens those of a conditioning of so many tokens stand; they may
            stand there several times over, one repetition behind the other.
        mask, scale: see `word_maps`; the mask [1 or R, 1 or heads, 1 or N, K].
    """

    query: Tensor
    key: Tensor
    grid: Pair
    text: Callable[[int], slice] = lambda tokens: slice(None)  # cross-attention: all are text
    mask: Tensor | None = None
    scale: float | None = None


@dataclass(frozen=True, eq=False)
class Rows:
    """Conditionings of the rows of a batch, the same number of rows each, and their crop.

    Attributes:
        uuids: of the conditionings, as ComfyUI gives them in `transformer_options`.
        lists: indices of the call's lists that they are in: ComfyUI's `cond_or_uncond`.
        part: height and width of the latent that the model gets: those of an area if it is a crop.
        grid_of: grid of the whole picture at a layer, from the grid of the part there.
    """

    uuids: Sequence[UUID]
    lists: Sequence[int]
    part: Pair
    grid_of: Callable[[Pair], Pair]


class Capture:
    """Maps and features of the conditionings that carry a token table, in one model call.

    The call may run several conditionings in one batch, or one after the other; their uuids tell
    which rows are whose. Rows of a conditioning with an area are of a crop, whose maps and features
    are put into the grid of the whole picture.

    Args:
        family: which sites and features to read.
        sources: what is read, by uuid of the conditioning.
        lists: numbers of the call's lists of conditionings that hold the sources.
        size: height and width of the latent.
        traced: whether the call runs with gradient; its graph then ends once everything that terms
            read was captured.
        features: whether a term reads the features of words, in the pass and with gradient.
    """

    def __init__(
        self,
        family: Family,
        sources: Mapping[UUID, Source],
        lists: frozenset[int],
        size: Pair,
        traced: bool = False,
        features: bool = False,
    ) -> None:
        self.family = family
        self.size = size
        self.traced = traced
        self._sources = sources
        self._lists = lists
        self._averaging = {u: _averaging(source) for u, source in sources.items()}
        self._maps: dict[tuple[UUID, Site], Tensor] = {}
        self._features: dict[UUID, Tensor] = {}
        self._covered: dict[UUID, Tensor] = {}  # of areas alone
        self._wants_features = features
        self._finished = False

    def read_attention(self, site: Site, seen: Attention, rows: Rows) -> None:
        """Capture the maps of one site."""
        query, key, mask = seen.query, seen.key, seen.mask
        for uuid, part in self._parts(len(query), rows):
            text = seen.text(self._sources[uuid].length)
            own = mask if mask is None or len(mask) == 1 else mask[part]
            words = self._averaging[uuid]
            maps = word_maps(query[part], key[part], words, text, own, seen.scale)
            maps = self._whole(uuid, as_grid(maps, *seen.grid), rows)
            # a recomputed block calls this again in the backward pass, which must not change the
            # maps
            if not self._finished:
                self._maps[uuid, site] = maps
        self._end_graph()

    def read_features(self, hidden: Tensor, rows: Rows) -> None:
        """Capture the features [R, C, h, w] of all rows."""
        for uuid, part in self._parts(len(hidden), rows):
            features = hidden[part].float()
            if self._sources[uuid].corner is None:
                self._features[uuid] = coarse(features)
                continue
            everywhere = torch.ones_like(features[:, :1].detach())
            covered = coarse(self._whole(uuid, everywhere, rows))
            features = coarse(self._whole(uuid, features, rows))
            self._features[uuid], self._covered[uuid] = _divided(features, covered), covered
        self._end_graph()

    def properties(self, sigma: float) -> Properties | None:
        """Properties of the call; None if no conditioning with a table took part."""
        self._finished = True
        sites = self.family.sites
        seen = [u for u in self._sources if all((u, site) in self._maps for site in sites)]
        if not seen:
            return None
        maps = {site: _joined([self._maps[uuid, site] for uuid in seen]) for site in sites}
        features = grid = None
        if all(uuid in self._features for uuid in seen):
            grid = self._mean_features(seen)
            # of one conditioning alone they can be pooled for the whole record at once
            if self._wants_features or len(seen) > 1:
                features = torch.cat([self._pooled(uuid) for uuid in seen], 1)
        table = TokenTable.joined([self._sources[uuid].table for uuid in seen])
        return Properties(sigma, table, maps, features, feature_grid=grid)

    def _pooled(self, uuid: UUID) -> Tensor:
        """Features [B, T, C] of a conditioning's words, from its own pass."""
        maps = {site: self._maps[uuid, site] for site in self.family.sites}
        return pooled(maps, self._features[uuid])

    def _whole(self, uuid: UUID, maps: Tensor, rows: Rows) -> Tensor:
        """Maps [B, T, h, w] of a conditioning on the grid of the whole picture."""
        corner = self._sources[uuid].corner
        if corner is None:
            return maps
        height, width = maps.shape[-2:]
        return placed(maps, rows.grid_of((height, width)), corner, rows.part, self.size)

    def _mean_features(self, seen: Sequence[UUID]) -> Tensor:
        """Mean of the features of a cell over the conditionings that cover it; 0 if none does."""
        grids = [self._features[uuid] for uuid in seen]
        if not self._covered:
            return grids[0] if len(grids) == 1 else torch.stack(grids).mean(0)
        shares = [
            self._covered.get(uuid, torch.ones_like(grid[:, :1]))
            for uuid, grid in zip(seen, grids, strict=True)
        ]
        parts = _aligned([grid * share for grid, share in zip(grids, shares, strict=True)])
        return _divided(torch.stack(parts).sum(0), torch.stack(_aligned(shares)).sum(0))

    def _parts(self, count: int, rows: Rows) -> list[tuple[UUID, slice]]:
        """The sources among `count` rows, each with the slice of its rows."""
        batch = count // len(rows.uuids)
        return [
            (uuid, slice(i * batch, (i + 1) * batch))
            for i, (uuid, which) in enumerate(zip(rows.uuids, rows.lists, strict=True))
            if uuid in self._sources and which in self._lists
        ]

    def _end_graph(self) -> None:
        """Disable gradients once all that terms read was captured: the rest needs no graph."""
        if not self.traced or self._finished:
            return
        wanted = ((uuid, site) for uuid in self._sources for site in self.family.term_sites)
        maps_done = all(place in self._maps for place in wanted)
        if maps_done and (not self._wants_features or len(self._features) == len(self._sources)):
            torch.set_grad_enabled(False)


def _averaging(source: Source) -> Tensor:
    """How each word averages the tokens that the model is given, [length, T]."""
    words = source.table.averaging(source.length - source.padding)
    return F.pad(words, (0, 0, source.padding, 0)) if source.padding else words


def _joined(maps: Sequence[Tensor]) -> Tensor:
    """Maps [B, T, h, w] of several conditionings, concatenated over their words."""
    return maps[0] if len(maps) == 1 else torch.cat(_aligned(maps), 1)


def _aligned(maps: Sequence[Tensor]) -> list[Tensor]:
    """Maps resampled to the coarsest of their grids; a crop of one cell may give a finer one."""
    height, width = min((m.shape[-2:] for m in maps), key=lambda size: size[0] * size[1])
    return [resample(m, height, width) for m in maps]


def _divided(features: Tensor, covered: Tensor) -> Tensor:
    """Features [B, C, h, w] divided by coverage [B, 1, h, w]; 0 where that is 0."""
    return features / torch.where(covered > 0, covered, torch.ones_like(covered))
