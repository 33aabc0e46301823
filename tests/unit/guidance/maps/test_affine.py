"""Affine transforms against whole-cell moves and pixel geometry."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from selfguidance.guidance.maps.affine import Affine, warp
from selfguidance.guidance.maps.properties import centroid
from selfguidance.tests.unit.guidance.toys import blob, cell

MIDDLE = torch.tensor([[0.5, 0.5]])
GRIDS = [(32, 32), (24, 48), (48, 30)]


@pytest.mark.parametrize("grid", [(4, 4), (3, 7)])
def test_the_identity_keeps_every_cell(grid: tuple[int, int]) -> None:
    maps = torch.rand(2, *grid)
    torch.testing.assert_close(warp(maps, torch.rand(2, 2), Affine()), maps)


@given(st.integers(-4, 4), st.integers(-3, 3))
def test_a_move_by_whole_cells_is_exact_and_what_comes_in_is_empty(right: int, down: int) -> None:
    maps = torch.rand(1, 6, 8) + 0.5
    expected = torch.zeros(1, 12, 16)
    expected[:, 3 + down : 9 + down, 4 + right : 12 + right] = maps
    moved = warp(maps, torch.rand(1, 2), Affine(dx=right / 8, dy=down / 6))
    torch.testing.assert_close(moved, expected[:, 3:9, 4:12], atol=1e-4, rtol=0)


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("scales", [(1.5, 1.5), (0.6, 0.6), (1.4, 0.7)])
def test_scaling_multiplies_the_area_and_keeps_the_centroid(
    grid: tuple[int, int], scales: tuple[float, float]
) -> None:
    maps = blob(*grid, 0.45, 0.55, 0.08)[None]
    scaled = warp(maps, centroid(maps), Affine(scale_x=scales[0], scale_y=scales[1]))
    assert (scaled.sum() / maps.sum()).item() == pytest.approx(scales[0] * scales[1], rel=0.01)
    torch.testing.assert_close(centroid(scaled), centroid(maps), atol=2e-3, rtol=0)


def test_scaling_widens_along_its_own_axis() -> None:
    maps = cell(9, 9, 4, 4)[None]
    scaled = warp(maps, MIDDLE, Affine(scale_x=3))
    expected = torch.zeros(1, 9, 9)  # a tent over one cell on either side, now over three
    expected[0, 4, 2:7] = torch.tensor([1 / 3, 2 / 3, 1, 2 / 3, 1 / 3])
    torch.testing.assert_close(scaled, expected, atol=1e-5, rtol=0)


def test_a_quarter_turn_of_a_square_picture_is_clockwise() -> None:
    maps = torch.rand(1, 6, 6)
    turned = warp(maps, MIDDLE, Affine(rotation=90))
    torch.testing.assert_close(turned, torch.rot90(maps, -1, (1, 2)), atol=1e-4, rtol=0)


@pytest.mark.parametrize("grid", [(9, 15), (15, 9), (11, 11)])
def test_a_quarter_turn_takes_a_pixel_to_the_right_to_one_as_far_below(
    grid: tuple[int, int],
) -> None:
    row, column = grid[0] // 2, grid[1] // 2
    turned = warp(cell(*grid, row, column + 4)[None], MIDDLE, Affine(rotation=90))
    torch.testing.assert_close(turned[0], cell(*grid, row + 4, column), atol=1e-4, rtol=0)


@pytest.mark.parametrize("grid", GRIDS)
@given(angle=st.floats(-180, 180), direction=st.floats(0, 360))
def test_turning_keeps_distances_in_pixels(
    grid: tuple[int, int], angle: float, direction: float
) -> None:
    def place(degrees: float) -> tuple[float, float]:
        """Six pixels from the middle."""
        along = math.radians(degrees)
        return 0.5 + 6 * math.cos(along) / grid[1], 0.5 + 6 * math.sin(along) / grid[0]

    maps = blob(*grid, *place(direction), 0.05)[None]
    turned = warp(maps, MIDDLE, Affine(rotation=angle))
    expected = torch.tensor([place(direction + angle)])
    torch.testing.assert_close(centroid(turned), expected, atol=0.01, rtol=0)


def test_scaling_comes_before_turning_and_the_move_last() -> None:
    maps = cell(15, 15, 8, 9)[None]  # from the middle two cells right, one down
    transform = Affine(dx=-3 / 15, dy=1 / 15, scale_x=2, scale_y=3, rotation=90)
    turned = warp(maps, MIDDLE, transform)  # four right, three down; four down, three left; moved
    row, column = divmod(int(turned.argmax()), 15)
    assert (row, column) == (7 + 4 + 1, 7 - 3 - 3)


def test_every_picture_is_turned_about_its_own_centre() -> None:
    maps = torch.stack([cell(9, 9, 2, 4), cell(9, 9, 6, 4)])
    centres = torch.tensor([[2.5 / 9, 2.5 / 9], [6.5 / 9, 6.5 / 9]])
    turned = warp(maps, centres, Affine(rotation=180))
    expected = torch.stack([cell(9, 9, 2, 0), cell(9, 9, 6, 8)])
    torch.testing.assert_close(turned, expected, atol=1e-4, rtol=0)


def test_maps_are_warped_where_they_are() -> None:
    """On the device without values, which mixes with no other."""
    maps = torch.zeros(1, 3, 5, device="meta", dtype=torch.float16)
    warped = warp(maps, MIDDLE, Affine(dx=0.1, rotation=20))
    assert (warped.device, warped.dtype, warped.shape) == (maps.device, maps.dtype, maps.shape)


@pytest.mark.parametrize("name", ["scale_x", "scale_y"])
@pytest.mark.parametrize("value", [0.0, -1.0])
def test_a_scale_that_is_not_positive_is_refused_by_its_name(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{name} must be above 0, got {value}"):
        Affine(**{name: value})
