"""Collect what guidance reads while the model runs once."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import torch
from torch import Tensor

from ..guidance.attention import as_grid, word_maps
from ..guidance.families import Family
from ..guidance.properties import Properties, Site, coarse, pooled
from ..guidance.tokens import TokenTable


class Capture:
    """Maps and features of the conditionings that carry a token table, in one model call.

    The call may run several conditionings in one batch, or one after the other; rows are told apart
    by the conditioning's uuid.

    Args:
        family: which sites and features to read.
        tables: token table by uuid of the conditioning.
        traced: whether the call runs with gradient, whose graph then ends where all that is read
            was seen.
        features: whether the gradient of the features is wanted, too.
    """

    def __init__(
        self,
        family: Family,
        tables: Mapping[UUID, TokenTable],
        traced: bool = False,
        features: bool = False,
    ) -> None:
        self.family = family
        self.tables = tables
        self._averaging = {uuid: table.averaging() for uuid, table in tables.items()}
        self._maps: dict[tuple[UUID, Site], Tensor] = {}
        self._features: dict[UUID, Tensor] = {}
        self.traced = traced
        self._wants_features = features

    def read_attention(
        self, site: Site, query: Tensor, key: Tensor, options: Mapping[str, Any]
    ) -> None:
        """Take the maps of one site from queries [R, N, HD] and keys [R, K, HD] of all rows."""
        height, width = options["activations_shape"][-2:]
        for uuid, rows in self._rows(len(query), options):
            maps = word_maps(query[rows], key[rows], options["n_heads"], self._averaging[uuid])
            self._maps[uuid, site] = as_grid(maps, height, width)
        self._end_graph()

    def read_features(self, hidden: Tensor, options: Mapping[str, Any]) -> None:
        """Take the features [R, C, h, w] of all rows."""
        for uuid, rows in self._rows(len(hidden), options):
            self._features[uuid] = coarse(hidden[rows].float())
        self._end_graph()

    def properties(self, sigma: float) -> Properties | None:
        """What the call showed; None where no conditioning with a table took part."""
        seen = [uuid for uuid in self.tables if (uuid, self.family.sites[0]) in self._maps]
        if not seen:
            return None
        maps = {
            site: torch.cat([self._maps[uuid, site] for uuid in seen], 1)
            for site in self.family.sites
        }
        features = grid = None
        if all(uuid in self._features for uuid in seen):
            words = [
                pooled({s: self._maps[uuid, s] for s in self.family.sites}, self._features[uuid])
                for uuid in seen
            ]
            features = torch.cat(words, 1)
            grid = torch.stack([self._features[uuid] for uuid in seen]).mean(0)
        table = TokenTable.joined([self.tables[uuid] for uuid in seen])
        return Properties(sigma, table, maps, features, grid=grid)

    def _rows(self, count: int, options: Mapping[str, Any]) -> list[tuple[UUID, slice]]:
        uuids = options["uuids"]
        batch = count // len(uuids)
        return [
            (u, slice(i * batch, (i + 1) * batch)) for i, u in enumerate(uuids) if u in self.tables
        ]

    def _end_graph(self) -> None:
        """Stop recording the graph once all that terms read was seen: the rest costs no memory."""
        maps_done = len(self._maps) == len(self.tables) * len(self.family.sites)
        if (
            self.traced
            and maps_done
            and (not self._wants_features or len(self._features) == len(self.tables))
        ):
            torch.set_grad_enabled(False)
