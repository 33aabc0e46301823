"""Properties of maps whose centroid, size and mass are known."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from selfguidance.guidance.maps.properties import (
    Properties,
    centroid,
    coarse,
    coordinates,
    mean_shape,
    pool,
    pooled,
    resample,
    spread,
)
from selfguidance.tests.unit.guidance.toys import OTHER, SITE, TABLE, blob, cell, left, seen, table

GRIDS = [(16, 16), (8, 24), (30, 12)]
sides = st.integers(1, 9)


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("place", [(0.5, 0.5), (0.4, 0.6), (0.55, 0.45)])
def test_the_centroid_of_a_blob_is_where_it_stands(
    grid: tuple[int, int], place: tuple[float, float]
) -> None:
    torch.testing.assert_close(
        centroid(blob(*grid, *place, 0.09)), torch.tensor(place), atol=1e-3, rtol=0
    )


@given(sides, sides, st.data())
def test_the_centroid_of_one_cell_is_its_middle(height: int, width: int, data) -> None:
    row, column = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    torch.testing.assert_close(
        centroid(cell(height, width, row, column)),
        torch.tensor([(column + 0.5) / width, (row + 0.5) / height]),
    )


def test_an_empty_map_has_its_centroid_in_the_middle_and_a_finite_gradient() -> None:
    maps = torch.stack([torch.zeros(3, 5), cell(3, 5, 0, 0)]).requires_grad_()
    centre = centroid(maps)
    torch.testing.assert_close(centre, torch.tensor([[0.5, 0.5], [0.1, 1 / 6]]))
    centre.sum().backward()
    assert torch.isfinite(maps.grad).all()


def test_the_spread_of_two_points_is_their_squared_distance() -> None:
    maps = torch.ones(1, 2)  # cells at x = 1/4 and 3/4, y = 1/2
    assert spread(maps, torch.tensor([0.5, 0.5])).item() == pytest.approx(1 / 16)
    assert spread(maps, torch.tensor([0.0, 0.5])).item() == pytest.approx((1 / 16 + 9 / 16) / 2)
    assert spread(maps, torch.tensor([0.5, 0.0])).item() == pytest.approx(1 / 16 + 1 / 4)


def test_every_map_spreads_about_its_own_point_however_little_mass_it_has() -> None:
    maps = torch.stack([torch.ones(1, 2), torch.full((1, 2), 0.1)])
    found = spread(maps, torch.tensor([[0.5, 0.5], [0.0, 0.5]]))
    torch.testing.assert_close(found, torch.tensor([1 / 16, (1 / 16 + 9 / 16) / 2]))


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
def test_coordinates_are_of_the_dtype_and_device_of_the_maps(dtype: torch.dtype) -> None:
    maps = torch.zeros(2, 3, 5, dtype=dtype, device="meta")
    for values, shape in zip(coordinates(maps), ((1, 5), (3, 1)), strict=True):
        assert (values.dtype, values.device, values.shape) == (dtype, maps.device, shape)


@pytest.mark.parametrize("grid", [(64, 64), (48, 96)])
def test_the_spread_of_a_disc_is_half_its_squared_radius(grid: tuple[int, int]) -> None:
    deviation = 1.0
    disc = (blob(*grid, 0.5, 0.5, deviation) > math.exp(-(0.3**2) / 2)).float()
    assert spread(disc, torch.tensor([0.5, 0.5])).item() == pytest.approx(0.3**2 / 2, rel=0.02)


def test_the_spread_ignores_the_amount_of_mass_and_is_zero_without_any() -> None:
    middle = torch.tensor([0.5, 0.5])
    maps = blob(8, 8, 0.4, 0.5)
    torch.testing.assert_close(spread(7 * maps, middle), spread(maps, middle))
    assert spread(0 * maps, middle) == 0


@pytest.mark.parametrize("columns", [2, 3, 6])
def test_the_size_is_the_covered_fraction_whatever_the_level(columns: int) -> None:
    shown = seen(0.01 + 0.3 * left(4, 8, columns))
    assert shown.size("circle").item() == pytest.approx(columns / 8)


def test_pooling_is_the_mean_under_the_mask() -> None:
    features = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]], [[0.0, 0.0], [8.0, 0.0]]]])
    shapes = torch.tensor([[[[1.0, 0.0], [0.5, 0.0]], [[1.0, 1.0], [1.0, 1.0]]]])
    # word 0: (1 + 0.5 * 3) / 1.5 and 0.5 * 8 / 1.5; word 1: plain means
    expected = torch.tensor([[[2.5 / 1.5, 4 / 1.5], [2.5, 2.0]]])
    torch.testing.assert_close(pool(features, shapes), expected)


def test_pooling_under_little_is_the_mean_too() -> None:
    features = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    assert pool(features, 0.01 * cell(2, 2, 1, 0)[None, None]).item() == pytest.approx(3)


def test_pooling_under_nothing_is_zero() -> None:
    assert (pool(torch.ones(1, 3, 4, 4), torch.zeros(1, 2, 4, 4)) == 0).all()


def test_pooling_brings_the_mask_to_the_grid_of_the_features() -> None:
    features = torch.stack([left(4, 8, 4), 1 - left(4, 8, 4)])[None]
    shapes = torch.ones(1, 1, 2, 3)
    torch.testing.assert_close(pool(features, shapes), torch.tensor([[[0.5, 0.5]]]))


def test_no_gradient_runs_through_the_shapes() -> None:
    features = torch.rand(1, 2, 4, 4, requires_grad=True)
    maps = torch.rand(1, 3, 4, 4, requires_grad=True)
    (pool(features, maps).sum() + pooled({SITE: maps}, features).sum()).backward()
    assert maps.grad is None
    assert features.grad is not None


def test_features_are_pooled_under_the_mean_shape_of_the_sites() -> None:
    # shapes: left half at one site, everything but the last quarter at the other
    maps = {SITE: 0.1 + 0.2 * left(2, 4, 2)[None, None], OTHER: 0.3 * left(2, 4, 3)[None, None]}
    features = torch.tensor([1.0, 1.0, 2.0, 100.0]).expand(1, 1, 2, 4)
    # weights 1, 1, 1/2, 0 of the columns
    assert pooled(maps, features).item() == pytest.approx((1 + 1 + 2 / 2) / 2.5)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((4, 6), (4, 6)),
        ((16, 16), (16, 16)),
        ((64, 16), (32, 8)),
        ((1, 1024), (1, 512)),
        ((1024, 1), (512, 1)),
        ((30, 40), (14, 18)),  # divided by sqrt(1200 / 256)
    ],
)
def test_recorded_features_are_averaged_to_about_256_cells(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    features = torch.rand(2, 3, *size)
    few = coarse(features)
    assert few.shape == (2, 3, *expected)
    assert (few is features) == (size == expected)
    if all(a % b == 0 for a, b in zip(size, expected, strict=True)):
        rows, columns = (a // b for a, b in zip(size, expected, strict=True))
        cells = features.unflatten(-1, (-1, columns)).unflatten(-3, (-1, rows))
        torch.testing.assert_close(few, cells.mean((-3, -1)))


def test_the_mean_shape_is_on_the_grid_of_the_first_site() -> None:
    shown = seen(left(2, 4, 2), left(4, 8, 8) - left(4, 8, 4))  # halves; the second one finer
    # 8 columns to 4: a tent over four columns gives 0, 1/8, 7/8, 1
    expected = (torch.tensor([1.0, 1.0, 0.0, 0.0]) + torch.tensor([0, 1 / 8, 7 / 8, 1])) / 2
    torch.testing.assert_close(mean_shape(shown, "circle"), expected.expand(1, 2, 4))


def test_properties_at_some_sites_are_those_of_the_same_pass() -> None:
    shown = seen(blob(4, 6, 0.4, 0.6), left(3, 3, 1), sigma=2.5)
    part = shown.at_sites([OTHER])
    assert list(part.maps) == [OTHER] and part.maps[OTHER] is shown.maps[OTHER]
    assert (part.sigma, part.table) == (2.5, TABLE)


@given(sides, sides, sides, sides)
def test_resampling_keeps_a_constant(height: int, width: int, h: int, w: int) -> None:
    maps = torch.full((2, 3, height, width), 0.7)
    torch.testing.assert_close(resample(maps, h, w), torch.full((2, 3, h, w), 0.7))


def test_resampling_to_the_same_grid_changes_no_bit() -> None:
    maps = torch.rand(1, 2, 5, 7)
    assert resample(maps, 5, 7) is maps


def test_resampling_to_a_coarser_grid_averages() -> None:
    checker = (torch.arange(16)[:, None] + torch.arange(16)) % 2.0
    inner = resample(checker[None, None].float(), 4, 4)[..., 1:-1, 1:-1]
    torch.testing.assert_close(inner, torch.full((1, 1, 2, 2), 0.5))


def test_an_object_of_several_words_is_their_mean_at_every_site() -> None:
    maps = {SITE: torch.rand(2, 4, 3, 5), OTHER: torch.rand(2, 4, 6, 4)}
    shown = Properties(1.0, table("a red circle ."), maps)
    for got, given_maps in zip(shown.map("red circle"), maps.values(), strict=True):
        torch.testing.assert_close(got, (given_maps[:, 1] + given_maps[:, 2]) / 2)


def test_centroid_and_size_come_by_picture_and_site() -> None:
    shown = seen(torch.stack([cell(2, 4, 0, 0), cell(2, 4, 1, 3)]), left(3, 3, 1).expand(2, 3, 3))
    torch.testing.assert_close(
        shown.centroid("circle"),
        torch.tensor([[[1 / 8, 1 / 4], [1 / 6, 1 / 2]], [[7 / 8, 3 / 4], [1 / 6, 1 / 2]]]),
    )
    torch.testing.assert_close(shown.size("circle"), torch.tensor([[1 / 8, 1 / 3]] * 2))


def test_the_shape_stretches_each_map_by_itself() -> None:
    shown = seen(torch.stack([left(2, 4, 1), 0.1 * left(2, 4, 3)]))
    torch.testing.assert_close(
        shown.shape("circle")[0], torch.stack([left(2, 4, 1), left(2, 4, 3)])
    )


def test_the_appearance_is_the_mean_over_the_words_of_the_phrase() -> None:
    features = torch.tensor([[[9.0, 9.0], [1.0, 2.0], [3.0, 6.0], [9.0, 9.0]]])
    shown = Properties(1.0, table("a red circle ."), {}, features)
    torch.testing.assert_close(shown.appearance("red circle"), torch.tensor([[2.0, 4.0]]))


def test_a_pass_without_features_has_no_appearance() -> None:
    with pytest.raises(ValueError, match="no features were read, so object 'circle'"):
        seen(torch.ones(2, 2)).appearance("circle")


@pytest.mark.parametrize("question", ["map", "shape", "centroid"])
def test_a_property_that_several_terms_ask_for_is_worked_out_once(question: str) -> None:
    shown = seen(blob(4, 6, 0.4, 0.6), square=blob(4, 6, 0.8, 0.2)[None])
    first = getattr(shown, question)("circle")
    assert getattr(shown, question)("circle") is first
    other = getattr(shown, question)("square")
    assert not torch.equal(other[0], first[0])


@pytest.mark.parametrize("question", ["map", "shape", "centroid", "size", "appearance"])
def test_every_property_of_an_unknown_object_names_it(question: str) -> None:
    shown = Properties(1.0, TABLE, {SITE: torch.rand(1, 3, 2, 2)}, torch.rand(1, 3, 2))
    with pytest.raises(ValueError, match="object 'ball' is not in the prompt"):
        getattr(shown, question)("ball")
