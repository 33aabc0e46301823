"""Toy maps, prompts and records with known properties, made without a model."""

from collections.abc import Mapping

import torch
from selfguidance.guidance.maps.properties import Properties, Site
from selfguidance.guidance.plan import Plan, Scheduled
from selfguidance.guidance.record.record import Record, Step
from selfguidance.guidance.terms.base import Term
from selfguidance.guidance.words.table import TokenTable
from torch import Tensor

SITE: Site = ("output", 0, 0)
OTHER: Site = ("output", 1, 0)


def table(prompt: str = "circle and square", named: tuple[str, ...] = ()) -> TokenTable:
    """A token table with one token a word, after a start token."""
    words = tuple(prompt.split())
    positions = tuple((i + 1,) for i in range(len(words)))
    return TokenTable(prompt, words, positions, 77, named)


TABLE = table()


def blob(height: int, width: int, x: float, y: float, deviation: float = 0.1) -> Tensor:
    """A Gaussian about (x, y) in [0, 1], [height, width]; `deviation` is a fraction of the side."""
    across = (torch.arange(width) + 0.5) / width - x
    down = (torch.arange(height) + 0.5) / height - y
    return torch.exp(-(across[None] ** 2 + down[:, None] ** 2) / (2 * deviation**2))


def cell(height: int, width: int, row: int, column: int) -> Tensor:
    """1 in one cell, 0 elsewhere, [height, width]."""
    maps = torch.zeros(height, width)
    maps[row, column] = 1.0
    return maps


def left(height: int, width: int, columns: int) -> Tensor:
    """1 in the first columns, 0 in the others, [height, width]."""
    return (torch.arange(width) < columns).float().expand(height, width)


def words(circle: Tensor, square: Tensor | None = None) -> Tensor:
    """Maps [..., 3, H, W] of the words of `TABLE` from those of its objects, [..., H, W]."""
    square = torch.zeros_like(circle) if square is None else square
    return torch.stack([circle, torch.zeros_like(circle), square], -3)


def seen(
    *circles: Tensor,
    square: Tensor | None = None,
    sigma: float = 1.0,
    features: Tensor | None = None,
    denoised: Tensor | None = None,
) -> Properties:
    """Properties of a pass with the circle's maps, [B, H, W] or [H, W], at one site or at two."""
    maps: Mapping[Site, Tensor] = {
        site: words(c if c.ndim == 3 else c[None], square)
        for site, c in zip((SITE, OTHER), circles, strict=False)
    }
    return Properties(sigma, TABLE, maps, features, denoised)


def record(*steps: Properties) -> Record:
    """A record of these steps."""
    return Record("shapes", tuple(Step(properties) for properties in steps))


def pictured(
    prompt: str = "a red circle and a blue square and a star",
    named: tuple[str, ...] = (),
    pictures: int = 1,
) -> Record:
    """A record of one step with random maps, features and denoised latents."""
    words = table(prompt, named)
    maps = {SITE: torch.rand(pictures, len(words.words), 6, 8)}
    features = torch.rand(pictures, len(words.words), 5)
    return record(Properties(1.0, words, maps, features, torch.rand(pictures, 4, 12, 16)))


def always(*terms: Term, strength: float = 1.0, raw: bool = False) -> Plan:
    """A plan of terms that act at every noise level."""
    return Plan(tuple(Scheduled(term, 1e9, 0.0) for term in terms), strength, raw)
