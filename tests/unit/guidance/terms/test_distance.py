"""The distance of terms that compare: the paper's beyond the goal's surroundings, at rest at it."""

import pytest
import torch
from selfguidance.guidance.terms.distance import FADE, distance
from torch import Tensor


def slope(away: float) -> float:
    """Derivative by what is compared."""
    now = torch.tensor(0.25 + away, dtype=torch.float64, requires_grad=True)
    distance(now, torch.tensor(0.25, dtype=torch.float64)).backward()
    assert isinstance(now.grad, Tensor)
    return now.grad.item()


@pytest.mark.parametrize("away", [FADE, 0.1, 3.0])
@pytest.mark.parametrize("sign", [1, -1])
def test_beyond_the_goals_surroundings_it_is_the_papers(away: float, sign: int) -> None:
    now, target = torch.tensor([1.0 + sign * away]), torch.tensor([1.0])
    torch.testing.assert_close(distance(now, target), torch.tensor([away]))
    assert slope(sign * 1.001 * away) == pytest.approx(sign)


def test_at_the_goal_nothing_pulls() -> None:
    assert slope(0.0) == 0.0
    assert distance(torch.ones(3), torch.ones(3)).tolist() == [0.0, 0.0, 0.0]


def test_what_rounding_leaves_over_pulls_next_to_nothing() -> None:
    rounding = 2.0**-11  # of half precision, near 1
    assert 0 < slope(rounding) < 0.1
    assert slope(rounding) == -slope(-rounding)


def test_it_never_turns_back_and_has_no_corner_but_follows_its_formula() -> None:
    near = torch.linspace(0, 2 * FADE, 401, dtype=torch.float64)
    values = distance(near, torch.zeros(1, dtype=torch.float64))
    steps = values.diff() / near.diff()
    assert (steps > 0).all()
    assert steps.diff().abs().max() < 0.025  # a corner of L1 would be a jump by 1 or 2
    half = distance(torch.tensor(FADE / 2), torch.tensor(0.0))
    assert half.item() == pytest.approx(FADE / 2 * 0.5 * 1.5)


def test_shapes_broadcast() -> None:
    assert distance(torch.rand(3, 2, 2), torch.rand(2)).shape == (3, 2, 2)
