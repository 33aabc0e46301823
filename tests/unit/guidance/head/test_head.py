"""Heads on features whose best read-out is known."""

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from selfguidance.guidance.families import FAMILIES
from selfguidance.guidance.head.fit import RIDGE, fit
from selfguidance.guidance.head.head import Head
from selfguidance.guidance.record.record import Record
from selfguidance.tests.unit.guidance.toys import left, record, seen
from torch import Tensor

SHAPES = FAMILIES[0]


def showing(*grids: Tensor, sigmas: Sequence[float] = (4.0, 1.0)) -> Record:
    """A run whose features were these [B, C, h, w], one a noise level; the last one stays."""
    shown = [*grids, *[grids[-1]] * (len(sigmas) - len(grids))]
    return record(
        *(
            replace(seen(torch.ones(len(grid), 2, 2), sigma=sigma), feature_grid=grid)
            for sigma, grid in zip(sigmas, shown, strict=True)
        )
    )


def row(*values: float) -> Tensor:
    """Features of one channel on one row of cells, [1, 1, 1, w]."""
    return torch.tensor(values).reshape(1, 1, 1, -1)


def marking(*values: float) -> Tensor:
    """A mask on one row of cells, [1, 1, w]."""
    return torch.tensor(values).reshape(1, 1, -1)


def noise(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def example(seed: int = 0, batch: int = 1, channels: int = 5) -> tuple[Record, Tensor]:
    """Noise, in which the marked left part shows in every channel, on two noise levels."""
    mask = left(6, 8, 3).repeat(batch, 1, 1)
    grids = [noise(seed + k, batch, channels, 6, 8) + mask[:, None] for k in (0, 100)]
    return showing(*grids), mask


def head(knots: int = 2, channels: int = 3, axes: int = 2, **changes: object) -> Head:
    """A head with arbitrary parts."""
    parts = {
        "weights": noise(1, knots, channels),
        "bias": noise(2, knots),
        "axes": noise(3, knots, axes, channels),
        "offset": noise(4, knots, axes),
        "sigmas": tuple(4.0 / 4**k for k in range(knots)),
    }
    return Head("ball", "shapes", SHAPES.feature_place, **{**parts, **changes})


@pytest.mark.parametrize("odds", [math.log(3), 5.0, 12.0])
def test_the_odds_of_two_values_are_those_of_the_ridge(odds: float) -> None:
    """Values of +-1 have odds of +-w, where the slope, -1 / (1 + e^w) + ridge w, vanishes.

    With ridge = 1 / (4 ln 3) that is at w = ln 3, as 1 / (1 + 3) = 1 / 4.
    """
    run = showing(row(7.0, 7.0, 3.0, 3.0))
    ridge = 1 / (1 + math.exp(odds)) / odds
    fitted = fit([(run, marking(1, 1, 0, 0))], "ball", ridge=ridge)
    torch.testing.assert_close(fitted.logits(row(7.0, 3.0, 5.0), 2.0), marking(odds, -odds, 0.0))


def test_a_small_object_counts_as_much_as_the_rest() -> None:
    """One cell of four: standardised values 3^.5 and -3^-.5. The free bias makes the odds +-z.

    z is where 4 (1 - p) = 3 ridge z with p = 1 / (1 + e^-z); for ridge = 1 / (3 ln 3), z = ln 3.
    """
    run = showing(row(7.0, 3.0, 3.0, 3.0))
    fitted = fit([(run, marking(1, 0, 0, 0))], "ball", ridge=1 / (3 * math.log(3)))
    odds = fitted.logits(row(7.0, 3.0), 1.0)
    torch.testing.assert_close(odds, marking(math.log(3), -math.log(3)))


def test_more_pictures_and_more_channels_weigh_like_one() -> None:
    """Twice the pictures halve the penalty; the same channel twice leaves all as it is."""
    run, mask = showing(row(7.0, 7.0, 3.0, 3.0)), marking(1, 1, 0, 0)
    twice = fit([(run, mask), (run, mask)], "ball", ridge=2 / (8 * math.log(7)))
    odds = twice.logits(row(7.0), 2.0)
    assert odds.item() == pytest.approx(math.log(7), rel=1e-5)  # 1 / (1 + 7) = ridge / 2 * ln 7
    doubled = showing(row(7.0, 7.0, 3.0, 3.0).repeat(1, 2, 1, 1))
    pair = fit([(doubled, mask)], "ball", ridge=1 / (4 * math.log(3)))
    assert pair.logits(row(7.0).repeat(1, 2, 1, 1), 2.0).item() == pytest.approx(math.log(3))


def test_the_odds_are_even_where_half_of_a_cell_is_covered() -> None:
    run = showing(row(2.0, 1.0, 0.0))
    fitted = fit([(run, marking(1, 1, 1, 0, 0, 0))], "ball")
    odds = fitted.logits(row(2.0, 1.0, 0.0), 2.0)[0, 0]
    assert odds[0] > 1 > 1e-4 > abs(odds[1]) and odds[2] < -1


def test_cells_and_mask_go_together_on_a_grid_that_is_not_square() -> None:
    mask = left(3, 7, 2)[None]
    grid = torch.cat([mask[:, None] * 2, noise(14, 1, 2, 3, 7)], 1)
    odds = fit([(showing(grid), mask)], "ball").logits(grid, 2.0)
    assert torch.equal(odds > 1, mask > 0) and torch.equal(odds < -1, mask == 0)


def test_odds_between_knots_are_linear_in_log_sigma_and_constant_outside() -> None:
    known = head(sigmas=(16.0, 1.0))
    grid = noise(9, 1, 3, 2, 2)
    above, below = known.logits(grid, 16.0), known.logits(grid, 1.0)
    torch.testing.assert_close(known.logits(grid, 4.0), (above + below) / 2)
    torch.testing.assert_close(known.logits(grid, 2.0), above / 4 + below * 3 / 4)
    assert torch.equal(known.logits(grid, 99.0), above)
    assert torch.equal(known.logits(grid, 0.0), below)
    vectors = noise(10, 7, 3)
    mean = (known.project(vectors, 16.0) + known.project(vectors, 1.0)) / 2
    torch.testing.assert_close(known.project(vectors, 4.0), mean)


def test_knots_span_the_noise_levels_that_all_records_share() -> None:
    mask = marking(1, 0)
    runs = [showing(row(1.0, 0.0), sigmas=s) for s in ((16, 1, 0), (64, 2, 0.5, 0.25))]
    fitted = fit([(run, mask) for run in runs], "ball", knots=3)
    assert fitted.sigmas == pytest.approx((16, 4, 1))
    assert fit([(runs[0], mask)], "ball", knots=1).sigmas == (16,)
    assert fit([(showing(row(1.0, 0.0), sigmas=(5,)), mask)], "ball").sigmas == (5,)


def test_every_knot_reads_its_own_features() -> None:
    """What shows the object at one noise level shows its opposite at the other."""
    mask = marking(1, 1, 0, 0)
    run = showing(row(1, 1, -1, -1), row(-1, -1, 1, 1), sigmas=(4, 1))
    fitted = fit([(run, mask)], "ball")
    assert fitted.logits(row(1.0), 4.0) > 1
    assert fitted.logits(row(1.0), 1.0) < -1
    assert fitted.logits(row(1.0), 2.0).abs() < 1e-4


def test_scale_and_offset_of_a_channel_do_not_matter() -> None:
    run, mask = example()
    scale, offset = torch.tensor([1, 30, 0.2, -2, 7]), torch.tensor([0, 5, 40, -8, 1])

    def changed(grid: Tensor) -> Tensor:
        return grid * scale[:, None, None] + offset[:, None, None]

    grids = [step.properties.feature_grid for step in run]
    other = fit([(showing(*map(changed, grids)), mask)], "ball")
    fitted, new = fit([(run, mask)], "ball"), noise(5, 2, 5, 4, 4)
    close = {"rtol": 1e-3, "atol": 1e-3}
    torch.testing.assert_close(other.logits(changed(new), 2.0), fitted.logits(new, 2.0), **close)
    cells = [g.permute(0, 2, 3, 1) for g in (changed(new), new)]
    torch.testing.assert_close(other.project(cells[0], 2), fitted.project(cells[1], 2), **close)


def test_a_channel_that_never_changes_says_nothing() -> None:
    run, mask = example(channels=3)
    grids = [torch.cat([s.properties.feature_grid, torch.full((1, 1, 6, 8), 3.3)], 1) for s in run]
    fitted = fit([(showing(*grids), mask)], "ball")
    assert not fitted.weights[:, 3].any() and not fitted.axes[..., 3].any()
    elsewhere = noise(6, 1, 4, 6, 8)
    other = elsewhere.index_fill(1, torch.tensor([3]), 50.0)
    assert torch.equal(fitted.logits(other, 2.0), fitted.logits(elsewhere, 2.0))


def test_a_batch_equals_its_pictures_one_by_one() -> None:
    run, mask = example(batch=3)
    mask = torch.stack([left(6, 8, k + 2) for k in range(3)])
    alone = [
        (showing(*(step.properties.feature_grid[k : k + 1] for step in run)), mask[k : k + 1])
        for k in range(3)
    ]
    together, apart = fit([(run, mask)], "ball"), fit(alone, "ball")
    for name in ("weights", "bias", "axes", "offset"):
        torch.testing.assert_close(getattr(together, name), getattr(apart, name))
    grids = noise(7, 4, 5, 3, 3)
    odds = torch.cat([together.logits(grid[None], 1.5) for grid in grids])
    torch.testing.assert_close(together.logits(grids, 1.5), odds)


def test_one_mask_may_stand_for_every_picture_and_be_of_any_size() -> None:
    run, mask = example(batch=2)
    fitted = fit([(run, mask)], "ball")
    large = mask[:1].repeat_interleave(4, 1).repeat_interleave(3, 2)
    assert torch.equal(fit([(run, large)], "ball").weights, fitted.weights)


def test_fitting_twice_gives_the_same_head() -> None:
    first, second = (fit([example()], "ball") for _ in range(2))
    for name in ("weights", "bias", "axes", "offset"):
        assert torch.equal(getattr(first, name), getattr(second, name))


def test_features_of_half_precision_are_read_in_full() -> None:
    known, grid = head(), noise(8, 1, 3, 2, 2).half()
    torch.testing.assert_close(known.logits(grid, 2.0), known.logits(grid.float(), 2.0))
    assert known.project(grid[:, :, 0, 0], 2.0).dtype == torch.float32


@pytest.mark.parametrize("sigma", [4.0, 1.9, 1.0])
def test_gradients_are_those_of_finite_differences(sigma: float) -> None:
    known = head()
    grid = noise(11, 2, 3, 2, 3).double().requires_grad_()
    vectors = noise(12, 2, 3).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda g: known.logits(g, sigma).sigmoid(), grid)
    assert torch.autograd.gradcheck(lambda v: known.project(v, sigma).square(), vectors)


@pytest.mark.parametrize("sigma", [4.0, 2.0, 1.0])
def test_a_head_made_in_inference_mode_takes_part_in_gradients(sigma: float) -> None:
    with torch.inference_mode():
        fitted = fit([example()], "ball")
    grid = noise(13, 1, 5, 6, 8).requires_grad_()
    odds = fitted.logits(grid, sigma).square().sum()
    looks = fitted.project(grid.mean((2, 3)), sigma).square().sum()
    (slope,) = torch.autograd.grad(odds + looks, grid)
    assert slope.abs().sum() > 0


def test_the_projection_measures_by_how_much_the_object_varies() -> None:
    """Channel 0 is 1 in the object and -1 in the rest, channel 1 is 1 and -1 there, and 0.

    Standardised, they have variances 0 and 2 in the object and 1 and 1 in all, half of it in the
    object. A fifth of the latter and four fifths of the former are 0.2 and 1.8.
    """
    grid = torch.tensor([[[[1.0, 1, -1, -1]], [[1.0, -1, 0, 0]]]])
    fitted = fit([(showing(grid), marking(1, 1, 0, 0))], "ball")
    looks = fitted.project(torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]]), 2.0)
    looks[:, 1] *= looks[2, 1].sign()  # channel 1 sets nothing apart, so its axis has either sign
    unit, other = 0.2**-0.5, (2 / 1.8) ** 0.5
    expected = torch.tensor([[2 * unit, 0.0], [0.0, 0.0], [unit, other]])
    torch.testing.assert_close(looks, expected, rtol=1e-4, atol=1e-4)


def test_an_axis_means_the_same_at_every_knot() -> None:
    """Two channels change their ranks with the noise, and the axes do not change with them.

    The object varies in one of them only; the rest varies in both, independently.
    """
    still, varied = torch.zeros(4), torch.tensor([1.0, -1, 1, -1])
    rest = torch.tensor([[2.5, 2.5, -1.5, -1.5], [2.5, -1.5, -1.5, 2.5]])
    grids = [
        torch.cat([torch.stack(own), rest], 1)[None, :, None]
        for own in ((still, varied), (varied, still))
    ]
    fitted = fit([(showing(*grids), marking(1, 1, 1, 1, 0, 0, 0, 0))], "ball", knots=2)
    looks = [fitted.project(g[0, :, 0].T, k) for k, g in zip((4.0, 1.0), grids, strict=True)]
    for shown in looks:
        torch.testing.assert_close(shown[4:].mean(0), torch.zeros(2), rtol=0, atol=1e-4)
    for axis in (0, 1):
        along = torch.corrcoef(torch.stack([shown[:, axis] for shown in looks]))[0, 1]
        assert along > 0.8


def test_a_counter_example_pushes_a_lookalike_out() -> None:
    """The object shows in two channels alike, so half of it is undecided until told otherwise."""
    both = torch.tensor([[[[1.0, 0.0]], [[1.0, 0.0]]]])
    lookalike = torch.tensor([[[[1.0]], [[0.0]]]])
    pair = (showing(both), marking(1, 0))
    undecided = fit([pair], "ball").logits(lookalike, 2.0)
    assert undecided.abs() < 1e-4
    told = fit([pair, (showing(lookalike), None)], "ball")
    assert told.logits(lookalike, 2.0) < -0.5
    assert told.logits(both, 2.0)[0, 0, 0] > 0.5


def test_a_smaller_ridge_is_surer() -> None:
    odds = [
        fit([example()], "ball", ridge=RIDGE * r).logits(noise(3, 1, 5, 4, 4), 2.0).std()
        for r in (100, 1, 0.01)
    ]
    assert odds[0] < odds[1] < odds[2]
