"""Masks from users: their values, their shapes, what is refused, and what an interval covers."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from selfguidance.guidance.maps.masks import (
    checked_mask,
    covered,
    outline,
    peaked,
    pictures,
    placing,
)
from torch import Tensor

HALF = torch.tensor([[[1.0, 1.0, 0.0, 0.0]]])


def test_a_region_keeps_its_values_and_those_outside_of_0_and_1_count_as_the_ends() -> None:
    mask = torch.tensor([[-2.0, 0.25, 3.0], [0.0, 1.0, 0.5]])
    expected = torch.tensor([[[0.0, 0.25, 1.0], [0.0, 1.0, 0.5]]])
    assert torch.equal(checked_mask(mask, "sky"), expected)
    assert torch.equal(checked_mask(mask.expand(3, 2, 3), "sky"), expected.expand(3, 2, 3))


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.float16])
def test_a_mask_of_any_dtype_becomes_float32(dtype: torch.dtype) -> None:
    for mask in (checked_mask(HALF.to(dtype), "sky"), peaked(HALF.to(dtype))):
        assert mask.dtype == torch.float32 and torch.equal(mask, HALF)


@pytest.mark.parametrize("read", [peaked, lambda mask: outline(mask, "sky")])
def test_an_outline_has_a_peak_of_1_in_every_picture_that_has_one(
    read: Callable[[Tensor], Tensor],
) -> None:
    mask = torch.tensor([[[0.2, 0.4]], [[0.0, -1.0]], [[3.0, 0.5]]])
    expected = torch.tensor([[[0.5, 1.0]], [[0.0, 0.0]], [[1.0, 0.5]]])
    torch.testing.assert_close(read(mask), expected)


def test_a_mask_without_pixels_has_no_peak() -> None:
    assert peaked(torch.zeros(1, 0, 4)).shape == (1, 0, 4)


REFUSED: dict[str, tuple[Callable[[Tensor, str], Tensor], Tensor, str]] = {
    "no picture": (checked_mask, HALF[0, 0], r"must be \[batch, height, width\], got \[4\]"),
    "an image": (checked_mask, HALF[None], r"must be \[batch, .* got \[1, 1, 1, 4\]"),
    "nan": (checked_mask, HALF * torch.nan, "holds NaN or infinite values; check the node"),
    "infinite": (checked_mask, HALF / 0, "holds NaN or infinite values; check the node"),
    "nothing": (checked_mask, 0 * HALF, "is empty; paint the region"),
    "no outline": (outline, -HALF, "is empty; paint the region"),
    "no place": (placing, 0 * HALF, "is empty; paint the region"),
    "no place in one": (placing, torch.cat([HALF, 0 * HALF]), "is empty in a picture of its batch"),
    "no room": (placing, torch.ones(1, 2, 2), "covers the whole picture"),
    "no room in one": (placing, torch.cat([HALF, HALF + 1]), "covers the whole picture"),
    "room half taken": (placing, (HALF + 1) / 4, "covers the whole picture"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_marks_nothing_is_refused_by_its_name(case: str) -> None:
    read, mask, reason = REFUSED[case]
    with pytest.raises(ValueError, match=f"the mask of 'sky' {reason}"):
        read(mask, "sky")


def test_a_place_needs_an_object_and_room_in_every_picture() -> None:
    masks = torch.cat([HALF, 0.3 * HALF + 0.2])  # the second one's room has 0.2 of 0.5
    expected = torch.cat([HALF, 0.6 * HALF + 0.4])
    torch.testing.assert_close(placing(masks, "sky"), expected)


@pytest.mark.parametrize("shape", [(5, 7), (1, 5, 7), (2, 5, 7), (2, 1, 5, 7), (2, 5, 7, 1)])
def test_masks_of_nodes_become_pictures(shape: tuple[int, ...]) -> None:
    mask = torch.rand(shape)
    assert torch.equal(pictures(mask), mask.reshape(-1, 5, 7))


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ((2, 5, 7, 3), r"got \[2, 5, 7, 3\]; an IMAGE is made a mask by Convert Image to Mask; w"),
        ((5,), r"got \[5\]; wire a node that gives a MASK"),
        ((1, 1, 1, 5, 7), r"got \[1, 1, 1, 5, 7\]; wire a node that gives a MASK"),
    ],
)
def test_what_is_no_mask_is_refused_with_a_way_out(shape: tuple[int, ...], reason: str) -> None:
    with pytest.raises(ValueError, match=rf"mask must be \[batch, height, width\], {reason}"):
        pictures(torch.zeros(shape))


@pytest.mark.parametrize(
    ("start", "end", "parts"),
    [
        (0.0, 1.0, [1, 1, 1, 1]),
        (0.125, 0.75, [0.5, 1, 1, 0]),
        (0.3, 0.4, [0, 0.4, 0, 0]),
        (-1.0, 0.3, [1, 0.2, 0, 0]),
        (0.5, 0.5, [0, 0, 0, 0]),
    ],
)
def test_an_interval_covers_cells_by_their_share(
    start: float, end: float, parts: list[float]
) -> None:
    torch.testing.assert_close(covered(4, start, end), torch.tensor(parts).float())


@given(st.integers(1, 40), st.floats(0, 1), st.floats(0, 1))
def test_cells_cover_as_much_as_the_interval(cells: int, one: float, other: float) -> None:
    start, end = sorted((one, other))
    parts = covered(cells, start, end, torch.zeros((), dtype=torch.float64))
    assert parts.sum().item() / cells == pytest.approx(end - start, abs=1e-12)
    assert parts.min() >= 0 and parts.max() <= 1 + 1e-12
