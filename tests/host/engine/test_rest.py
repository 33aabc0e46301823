"""Terms that are at their goals leave a picture as it is, and a batch is its pictures."""

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


def noise(lab: ModuleType, indices: list[int]) -> dict[str, Any]:
    return lab.latent(len(indices), 16, 16, batch_index=indices)


@each_kind
def test_a_term_at_its_goal_moves_next_to_nothing(
    lab: ModuleType, shapes: tuple[Any, Any, Any], pair: dict[str, Any], kind: str
) -> None:
    latent = noise(lab, [0])
    plain, then = lab.guided(shapes[0], latent_image=latent, **pair)
    kept, _ = lab.guided(shapes[0], KINDS[kind](then), latent_image=latent, **pair)
    away = [Position(object="red circle", x=0.5, y=0.5)]
    moved, _ = lab.guided(shapes[0], away, latent_image=latent, **pair)
    assert (kept - plain).abs().mean() < MOVED[kind] * (moved - plain).abs().mean()


@each_kind
def test_a_picture_at_its_goal_is_the_same_in_a_batch(
    lab: ModuleType, shapes: tuple[Any, Any, Any], pair: dict[str, Any], kind: str
) -> None:
    def run(indices: list[int]) -> torch.Tensor:
        latent = noise(lab, indices)
        _, then = lab.guided(shapes[0], latent_image=latent, **pair)
        return lab.guided(shapes[0], KINDS[kind](then), latent_image=latent, **pair)[0]

    together = run([0, 1, 2])
    for index in range(3):
        assert (run([index])[0] - together[index]).abs().mean() < APART[kind]
