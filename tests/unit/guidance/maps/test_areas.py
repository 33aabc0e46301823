"""Maps of a part of the picture, put where the part was cut out."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from selfguidance.guidance.maps.areas import placed
from selfguidance.guidance.maps.properties import centroid

sizes = st.integers(2, 40)


def maps(height: int, width: int) -> torch.Tensor:
    return torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(height))


def halved(size: int, times: int) -> int:
    for _ in range(times):
        size = (size + 1) // 2
    return size


def test_a_part_that_fits_the_grid_is_put_in_as_it_is() -> None:
    part = maps(4, 3)
    expected = torch.zeros(2, 3, 8, 10)
    expected[..., 2:6, 5:8] = part
    torch.testing.assert_close(placed(part, (8, 10), (2, 5), (4, 3), (8, 10)), expected)
    torch.testing.assert_close(placed(part, (8, 10), (4, 10), (8, 6), (16, 20)), expected)
    torch.testing.assert_close(placed(part[0], (8, 10), (2, 5), (4, 3), (8, 10)), expected[0])


def test_a_part_between_the_cells_is_shared_among_them() -> None:
    part = torch.tensor([[[[1.0, 2.0]]]])
    # starts at a quarter of the first cell: 3/4 of 1; 1/4 of 1 and 3/4 of 2; 1/4 of 2
    result = placed(part, (1, 4), (0, 1), (4, 8), (4, 16))
    torch.testing.assert_close(result, torch.tensor([[[[0.75, 1.75, 0.5, 0.0]]]]))


def test_the_whole_picture_stays_as_it_is() -> None:
    whole = maps(5, 7)
    torch.testing.assert_close(placed(whole, (5, 7), (0, 0), (9, 13), (9, 13)), whole)


@given(sizes, sizes, sizes, sizes, st.integers(0, 3), st.data())
def test_mass_and_place_are_those_of_the_part(
    height: int, width: int, rows: int, columns: int, times: int, data: st.DataObject
) -> None:
    part = (min(height, rows), min(width, columns))
    whole = (max(height, rows), max(width, columns))
    corner = tuple(data.draw(st.integers(0, w - p)) for w, p in zip(whole, part, strict=True))
    while times and all(halved(p, times - 1) == 1 for p in part):
        times -= 1  # how often a single cell was halved nobody can tell
    own = maps(halved(part[0], times), halved(part[1], times))
    grid = halved(whole[0], times), halved(whole[1], times)
    result = placed(own, grid, (corner[0], corner[1]), part, whole)
    assert result.shape[-2:] == grid
    assert result.min() >= 0 and result.max() <= own.max() + 1e-5
    share = part[0] * part[1] / (whole[0] * whole[1])
    torch.testing.assert_close(
        result.mean((-2, -1)), own.mean((-2, -1)) * share, rtol=1e-3, atol=1e-6
    )
    x, y = centroid(own).unbind(-1)
    wanted = torch.stack(
        [(corner[1] + x * part[1]) / whole[1], (corner[0] + y * part[0]) / whole[0]], -1
    )
    cell = torch.tensor([1 / result.shape[-1], 1 / result.shape[-2]])
    assert ((centroid(result) - wanted).abs() <= cell / 2 + 1e-4).all()


def test_the_gradient_reaches_the_part() -> None:
    part = maps(4, 3).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda m: placed(m, (8, 10), (1, 5), (7, 6), (15, 20)), part)
