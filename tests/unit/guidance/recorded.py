"""Toy records with all that a run can record."""

from typing import Any

import torch
from selfguidance.guidance.families import FAMILIES
from selfguidance.guidance.maps.properties import Properties
from selfguidance.guidance.record.record import Record, Step
from selfguidance.guidance.words.table import TokenTable
from torch import Tensor

FAMILY = FAMILIES[0]
TABLE = TokenTable("Ein „Kreis“", ("ein", "„", "kreis"), ((1,), (2, 3), (4,)), 77, ("kreis",), (1,))
OTHER = TokenTable.joined([TABLE, TokenTable("円 🟦", ("円", "🟦"), ((1, 2), (3,)), 77)])


def shown(seed: int, sigma: float, table: TokenTable = TABLE) -> Properties:
    """The properties of a pass of two pictures; all sizes differ."""
    generator = torch.Generator().manual_seed(seed)

    def noise(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator).half()

    words = len(table.words)
    maps = {site: noise(2, words, 4 + i, 6 + i) for i, site in enumerate(FAMILY.sites)}
    return Properties(
        sigma, table, maps, noise(2, words, 10), noise(2, 8, 11, 12), noise(2, 10, 13, 14)
    )


def run(*tables: TokenTable) -> Record:
    """The record of a run with a step for each table."""
    energies = {"position of kreis": (0.1 + 0.2, 1e-45), "größe": (0.0, -3.5)}
    return Record(
        FAMILY.name,
        tuple(
            Step(shown(i, 14.614642 / (i + 1), table), energies if i else {}, i > 0)
            for i, table in enumerate(tables)
        ),
    )


def equal(one: Record, other: Record) -> bool:
    """Whether two records are equal in every bit, order and dtype."""
    return one.family == other.family and [*map(bits, one)] == [*map(bits, other)]


def bits(step: Step) -> list[Any]:
    """The content of a step as comparable values."""
    seen = step.properties
    tensors = [*seen.maps.values(), seen.features, seen.denoised, seen.feature_grid]
    data = [None if t is None else (t.dtype, t.shape, t.numpy().tobytes()) for t in tensors]
    return [seen.sigma, seen.table, list(seen.maps), data, step.energies, step.guided]
