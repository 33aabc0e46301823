"""Terms that are at their goals leave a picture as it is, and a batch is its pictures."""

from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Any

import pytest
import torch
from selfguidance.guidance.terms.appearance import Appearance
from selfguidance.guidance.terms.reference import Concentration, Position, Shape, Size

KINDS = {
    "position": lambda then: [
        Position(object="red circle", x=0.0, y=0.0, reference=then),
        Concentration(object="red circle", x=0.0, y=0.0, reference=then),
    ],
    "size": lambda then: [Size(object="red circle", size=1.0, reference=then)],
    "shape": lambda then: [Shape(object="red circle", reference=then)],
    "appearance": lambda then: [Appearance(object="red circle", reference=then)],
}
each_kind = pytest.mark.parametrize("kind", KINDS)
# Features differ from their record by its rounding, which a look is never quite free of.
MOVED = {"position": 0.005, "size": 0.005, "shape": 0.005, "appearance": 0.35}
APART = {"position": 1e-3, "size": 1e-3, "shape": 1e-3, "appearance": 0.05}


Run = Callable[..., tuple[torch.Tensor, Any]]


@pytest.fixture(scope="module")
def guided(lab: ModuleType, shapes: tuple[Any, Any, Any], pair: dict[str, Any]) -> Run:
    """Samples and record of the pictures of a batch that have these numbers."""

    def run(indices: tuple[int, ...], *terms: Any) -> tuple[torch.Tensor, Any]:
        latent = lab.latent(len(indices), 16, 16, batch_index=list(indices))
        return lab.guided(shapes[0], terms, latent_image=latent, **pair)

    return run


@pytest.fixture(scope="module")
def unguided(guided: Run) -> Run:
    """The same without terms, the same run for every kind."""
    return cache(lambda indices: guided(indices))


@pytest.fixture(scope="module")
def moved(guided: Run, unguided: Run) -> float:
    """By how much a picture changes whose object is far from its goal."""
    away = Position(object="red circle", x=0.5, y=0.5)
    return float((guided((0,), away)[0] - unguided((0,))[0]).abs().mean())


@each_kind
def test_a_term_at_its_goal_moves_next_to_nothing(
    guided: Run, unguided: Run, moved: float, kind: str
) -> None:
    plain, then = unguided((0,))
    kept, _ = guided((0,), *KINDS[kind](then))
    assert (kept - plain).abs().mean() < MOVED[kind] * moved


@each_kind
def test_a_picture_at_its_goal_is_the_same_in_a_batch(
    guided: Run, unguided: Run, kind: str
) -> None:
    def run(*indices: int) -> torch.Tensor:
        _, then = unguided(indices)
        return guided(indices, *KINDS[kind](then))[0]

    together = run(0, 1, 2)
    for index in range(3):
        assert (run(index)[0] - together[index]).abs().mean() < APART[kind]
