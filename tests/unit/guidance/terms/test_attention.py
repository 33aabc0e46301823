"""Presence and Box: values worked out by hand, and what they do not depend on."""

import math

import pytest
import torch
from selfguidance.guidance.maps.properties import Properties
from selfguidance.guidance.terms.attention import Box, Presence, highest, smoothed
from selfguidance.tests.unit.guidance.toys import SITE, blob, cell, seen, table
from torch import Tensor

# of the Gaussian of 3 cells with deviation 1/2: e^-2, 1, e^-2, scaled to a sum of 1
CENTRE = 1 / (1 + 2 * math.exp(-2))
SIDE = math.exp(-2) * CENTRE


def level(odds: float) -> float:
    """Attention whose softmax weight is `odds`, where that of no attention is 1."""
    return math.log(odds) / 100


def shown(prompt: str, *maps: Tensor) -> Properties:
    """A pass with a map [H, W] for every word."""
    return Properties(1.0, table(prompt), {SITE: torch.stack(maps)[None]})


def columns(width: int, *marked: int) -> Tensor:
    """1 in these columns of a map with four rows."""
    maps = torch.zeros(4, width)
    maps[:, list(marked)] = 1
    return maps


def test_presence_is_what_the_share_of_the_words_lacks_to_enough() -> None:
    now = seen(torch.full((4, 6), level(3)))  # against two other words and nothing: 3 of 6
    assert Presence(object="circle")(now).item() == pytest.approx(1 - 0.5 / 0.8)
    assert Presence(object="circle", enough=1)(now).item() == pytest.approx(0.5)
    assert Presence(object="circle", enough=0.5)(now).item() == pytest.approx(0, abs=1e-6)


def test_presence_is_lost_to_another_word() -> None:
    flat = torch.full((4, 6), level(3))
    rival = torch.full((1, 4, 6), level(15))  # 3 of 3 + 15 + 1 + 1
    assert Presence(object="circle", enough=1)(seen(flat, square=rival)).item() == pytest.approx(
        1 - 3 / 20
    )


def test_presence_looks_at_the_highest_smoothed_cell() -> None:
    now = seen(5 * cell(5, 7, 2, 3))  # share 1 in a cell, 1 of 4 elsewhere
    peak = 0.25 + 0.75 * CENTRE**2
    assert Presence(object="circle")(now).item() == pytest.approx(1 - peak / 0.8, abs=1e-6)
    border = seen(5 * cell(5, 7, 0, 3))  # the border goes on, so the cell counts twice downwards
    peak = 0.25 + 0.75 * CENTRE * (CENTRE + SIDE)
    assert Presence(object="circle")(border).item() == pytest.approx(1 - peak / 0.8, abs=1e-6)


def test_smoothing_spreads_a_cell_over_its_neighbours_and_keeps_a_constant() -> None:
    spread = smoothed(cell(3, 5, 1, 2)[None])[0]
    line = torch.tensor([SIDE, CENTRE, SIDE])
    torch.testing.assert_close(spread[:, 1:4], line[:, None] * line)
    assert (spread[:, [0, 4]] == 0).all()
    torch.testing.assert_close(smoothed(torch.full((1, 1, 4), 0.3)), torch.full((1, 1, 4), 0.3))


def test_a_phrase_stands_with_its_mean_map_against_the_other_words() -> None:
    words = [torch.full((3, 4), level(odds)) for odds in (2, 8, 5)]
    now = shown("red circle square", *words)  # sqrt(2 * 8) = 4 against 5 and 1
    assert Presence(object="red circle", enough=1)(now).item() == pytest.approx(1 - 4 / 10)


def test_a_lone_word_is_not_present_where_nothing_attends_to_it() -> None:
    absent = shown("circle", torch.zeros(4, 4))
    assert Presence(object="circle", enough=1)(absent).item() == pytest.approx(1 / 2)
    assert Presence(object="circle")(shown("circle", torch.full((4, 4), 0.1))).item() == 0


def test_presence_is_averaged_over_the_sites_and_rests_in_each_that_shows_the_object() -> None:
    now = seen(torch.full((3, 5), 1.0), torch.full((2, 2), level(3)))
    assert Presence(object="circle")(now).item() == pytest.approx((0 + 1 - 0.5 / 0.8) / 2)


def test_the_gradient_of_presence_is_gone_once_the_object_is_there() -> None:
    maps = (0.3 * blob(6, 8, 0.5, 0.5, 0.3)).requires_grad_()
    energy = Presence(object="circle")(seen(maps))
    assert energy.item() == 0
    assert (torch.autograd.grad(energy.sum(), maps)[0] == 0).all()


def test_presence_rises_with_attention_anywhere_in_the_picture() -> None:
    levels = [0, 0.005, 0.01, 0.02, 0.03]
    energies = [
        [Presence(object="circle")(seen(a * blob(8, 12, x, 0.5, 0.15))).item() for a in levels]
        for x in (0.375, 0.625)
    ]
    assert energies[0] == pytest.approx(energies[1], abs=1e-6)
    assert energies[0] == sorted(energies[0], reverse=True) and energies[0][0] > energies[0][-1]
    assert all(0 <= e <= 1 for e in energies[0])


@pytest.mark.parametrize("enough", [0.0, -1.0, 1.01, math.nan])
def test_a_share_that_is_no_share_is_refused(enough: float) -> None:
    with pytest.raises(ValueError, match=f"enough must be above 0 and at most 1, got {enough}"):
        Presence(object="circle", enough=enough)


def test_a_box_counts_the_attention_that_lies_outside() -> None:
    box = Box(object="circle", x=0.25, y=0, width=0.5, height=1)
    assert box(seen(columns(8, 3, 4))).item() == 0
    assert box(seen(columns(8, 0, 7))).item() == 1
    assert box(seen(columns(8, 1, 2, 3, 4))).item() == pytest.approx((1 / 4) ** 2)


@pytest.mark.parametrize("grid", [(16, 16), (3, 7), (12, 5), (1, 2)])
def test_of_even_attention_a_box_holds_its_area_on_every_grid(grid: tuple[int, int]) -> None:
    box = Box(object="circle", x=0.21, y=0.13, width=0.37, height=0.6)
    assert box(seen(torch.ones(grid))).item() == pytest.approx((1 - 0.37 * 0.6) ** 2)


def test_a_cell_that_the_box_cuts_counts_by_its_area() -> None:
    box = Box(object="circle", x=1 / 8, y=1 / 4, width=1 / 2, height=3 / 4)
    # column 0 of 4 is half inside, row 0 of 2 too
    assert box(seen(cell(2, 4, 0, 0))).item() == pytest.approx((1 - 1 / 4) ** 2)
    assert box(seen(cell(2, 4, 1, 0))).item() == pytest.approx((1 - 1 / 2) ** 2)
    assert box(seen(cell(2, 4, 1, 1))).item() == pytest.approx(0)


@pytest.mark.parametrize("corners", [False, True])
@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_a_box_ignores_how_much_attention_there_is(corners: bool, scale: float) -> None:
    maps = torch.rand(6, 9, generator=torch.Generator().manual_seed(0))
    box = Box(object="circle", x=0.3, y=0.2, width=0.4, height=0.5, corners=corners)
    torch.testing.assert_close(box(seen(scale * maps)), box(seen(maps)))


def test_a_box_is_averaged_over_the_sites() -> None:
    box = Box(object="circle", x=0, y=0, width=0.5, height=1)
    assert box(seen(columns(8, 0), columns(6, 5))).item() == pytest.approx(1 / 2)


@pytest.mark.parametrize(
    ("marked", "energy"),
    [
        ((2, 3, 4, 5), 0),  # the box itself
        ((2, 3), 1 / 4),  # reaches one of two edges: of the four columns about them one is wrong
        # all outside; 1 - top inside; top outside; of columns 1, 2, 5, 6 the first three are wrong
        ((0, 1), 1 + 1 + 1 + 3 / 4),
    ],
)
def test_corners_want_the_box_filled_to_its_edges(marked: tuple[int, ...], energy: float) -> None:
    box = Box(object="circle", x=0.25, y=0, width=0.5, height=1, corners=True)
    assert box(seen(columns(8, *marked))).item() == pytest.approx(energy, abs=1e-5)
    turned = Box(object="circle", x=0, y=0.25, width=1, height=0.5, corners=True)
    assert turned(seen(columns(8, *marked).T)).item() == pytest.approx(energy, abs=1e-5)


def test_a_column_near_both_edges_of_a_narrow_box_counts_once() -> None:
    box = Box(object="circle", x=0.25, y=0, width=0.25, height=1, corners=True)
    # all outside; 1 - top inside; top outside; two of the three columns about the edges are wrong
    assert box(seen(columns(4, 0))).item() == pytest.approx(1 + 1 + 1 + 2 / 3)


def test_the_highest_part_of_a_region_is_counted_by_area() -> None:
    maps = torch.tensor([[[1.0, 4.0], [3.0, 2.0]], [[8.0, 8.0], [8.0, 8.0]]])
    torch.testing.assert_close(
        highest(maps, torch.ones(2, 2), 3 / 8), torch.tensor([(4 + 3 / 2) / 1.5, 8.0])
    )
    half = torch.tensor([[1.0, 0.5], [0.0, 0.5]])  # 4 and 2 count half, 3 not at all
    value = highest(maps[:1], half, 3 / 4).item()
    assert value == pytest.approx((4 * 0.5 + 2 * 0.5 + 1 * 0.5) / 1.5)


@pytest.mark.parametrize(
    ("box", "reason"),
    [
        ((0.2, 0.2, 0.0, 0.5), "has no area"),
        ((0.2, 0.2, 1e-12, 0.5), "has no area"),
        ((0.2, 0.2, 0.3, -0.1), "has no area"),
        ((0.2, 0.2, math.nan, 0.5), "has no area"),
        ((-0.1, 0.2, 0.3, 0.3), "reaches outside the picture"),
        ((0.8, 0.2, 0.3, 0.3), "reaches outside the picture"),
        ((0.2, 1.2, 0.3, 0.3), "reaches outside the picture"),
        ((math.nan, 0.2, 0.3, 0.3), "reaches outside the picture"),
        ((0.0, 0.0, 1.0, 1.0), "covers the whole picture"),
    ],
)
def test_a_box_that_places_nothing_is_refused(box: tuple[float, ...], reason: str) -> None:
    x, y, width, height = box
    with pytest.raises(ValueError, match=f"box of object 'circle' {reason}.*got x .*, y .*, width"):
        Box(object="circle", x=x, y=y, width=width, height=height)


def test_a_box_may_touch_every_border() -> None:
    Box(object="circle", x=0.7, y=0.1, width=0.3, height=0.9)
    Box(object="circle", x=0.0, y=0.0, width=1.0, height=0.99)


def test_the_terms_are_labelled_by_their_kind_and_object() -> None:
    assert Presence(object="star").label == "presence of star"
    assert Box(object="star", x=0, y=0, width=0.5, height=0.5).label == "box of star"
