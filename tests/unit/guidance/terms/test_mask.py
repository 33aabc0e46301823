"""Mask: the cross-entropy of known maps, and what it does not depend on."""

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from selfguidance.guidance.head.head import Head
from selfguidance.guidance.maps.masks import checked_mask
from selfguidance.guidance.maps.properties import Properties
from selfguidance.guidance.terms.mask import HeadMask, Mask, logits
from selfguidance.guidance.terms.reference import Shape
from selfguidance.tests.unit.guidance.toys import SITE, blob, left, seen, table
from torch import Tensor

# a map that is at the end of its range has odds of +-5; these are the losses of being right, wrong
RIGHT, WRONG = math.log1p(math.exp(-5)), math.log1p(math.exp(5))
HALF = left(4, 6, 3)


def shown(prompt: str, *maps: Tensor) -> Properties:
    """A pass with a map [H, W] or [B, H, W] for every word."""
    stacked = torch.stack([m if m.ndim == 3 else m[None] for m in maps], 1)
    return Properties(1.0, table(prompt), {SITE: stacked})


def alone(maps: Tensor) -> Properties:
    """A pass of a prompt with one object."""
    return shown("circle", maps)


def placed(mask: Tensor) -> Mask:
    return Mask(object="circle", mask=mask)


def shaped(mask: Tensor) -> Shape:
    return Shape(object="circle", mask=mask)


def random(seed: int, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def test_the_odds_of_a_lone_object_are_the_papers_logit() -> None:
    (odds,) = logits(alone(torch.tensor([[0.0, 0.2, 0.4], [0.1, 0.3, 0.4]])), "circle")
    torch.testing.assert_close(odds, torch.tensor([[[-5.0, 0.0, 5.0], [-2.5, 2.5, 5.0]]]))


def test_the_odds_are_those_of_a_softmax_over_objects_and_background() -> None:
    circle, square = HALF, left(4, 6, 2).flip(1)
    (odds,) = logits(shown("circle and square", circle, circle, square), "circle")
    rest = 1 + math.exp(-5)  # the background, and the square where it is not
    assert odds[0, 0, 0].item() == pytest.approx(5 - math.log(rest))
    assert odds[0, 0, 3].item() == pytest.approx(-5 - math.log(rest))
    assert odds[0, 0, 5].item() == pytest.approx(-5 - math.log(1 + math.exp(5)))
    both = 10 * (torch.stack([circle, square]) - 0.5)
    chances = torch.cat([both, torch.zeros(1, 4, 6)]).softmax(0)
    torch.testing.assert_close(odds[0].sigmoid(), chances[0])


@pytest.mark.parametrize("name", ["circle", "red", "red circle"])
def test_phrases_that_share_a_word_with_the_object_are_no_rivals(name: str) -> None:
    circle, square = HALF, left(4, 6, 4).flip(1)
    now = shown("red circle and square", circle, circle, circle, square)
    (odds,) = logits(now, name)
    torch.testing.assert_close(
        odds, (10 * (HALF - 0.5) - (10 * (square - 0.5)).exp().log1p())[None]
    )


def test_the_energy_is_the_mean_cross_entropy() -> None:
    assert placed(HALF)(alone(HALF)).item() == pytest.approx(RIGHT, rel=1e-4)
    assert placed(1 - HALF)(alone(HALF)).item() == pytest.approx(WRONG)
    third = placed(left(4, 6, 2))(alone(HALF)).item()  # one of six columns is wrong
    assert third == pytest.approx((5 * RIGHT + WRONG) / 6)


def test_a_soft_mask_asks_for_the_object_in_part() -> None:
    soft = torch.where(HALF > 0, 0.25, 0.0)
    soft[0] = HALF[0]
    expected = ((RIGHT + 3 * (0.25 * RIGHT + 0.75 * WRONG)) / 4 + RIGHT) / 2
    assert placed(soft)(alone(HALF)).item() == pytest.approx(expected)


@pytest.mark.parametrize("peak", [0.25, 1e-3, 0.999])
@pytest.mark.parametrize("make", [placed, lambda m: by_head(m), lambda m: shaped(m)])
def test_the_peak_of_a_mask_counts_as_the_object_whole(
    make: Callable[[Tensor], Mask | Shape], peak: float
) -> None:
    soft = blob(16, 16, 0.3, 0.6, 0.15) / blob(16, 16, 0.3, 0.6, 0.15).max()
    pale = make(torch.stack([peak * soft, soft.flip(1)])).mask
    whole = make(torch.stack([soft, soft.flip(1)])).mask
    assert pale is not None and whole is not None
    torch.testing.assert_close(pale, whole)


def test_masks_that_mark_pixels_in_part_stay_as_they_are() -> None:
    assert torch.equal(checked_mask(0.25 * HALF, "sky"), 0.25 * HALF[None])
    graded = torch.tensor([[-2.0, 0.25, 3.0]])  # values outside count as the ends
    assert torch.equal(placed(graded).mask, torch.tensor([[[0.0, 0.25, 1.0]]]))


def test_a_mask_and_its_inverse_share_the_whole_loss() -> None:
    now, mask = alone(random(0, 4, 6)), 0.8 * random(1, 4, 6) + 0.1
    (odds,) = logits(now, "circle")
    whole = (1 + odds.exp()).log() + (1 + (-odds).exp()).log()
    both = placed(mask.round())(now) + placed(1 - mask.round())(now)
    torch.testing.assert_close(both, whole.mean((1, 2)))


@pytest.mark.parametrize("size", [(1, 2), (2, 9), (4, 6), (64, 96), (129, 5)], ids=str)
def test_a_mask_may_have_any_size(size: tuple[int, int]) -> None:
    mask = left(*size, size[1] // 2)
    both = [placed(m)(alone(HALF)).item() for m in (mask, 1 - mask)]
    assert sum(both) == pytest.approx(RIGHT + WRONG)  # every cell is right for one, not the other
    assert both[0] < both[1]


def test_a_finer_mask_counts_in_a_cell_by_its_area() -> None:
    mask = torch.zeros(1, 12, 18)
    mask[:, 3:6, 6:9] = 1
    (odds,) = logits(alone(HALF), "circle")
    # a triangle of half width 3 on three cells: 5, 3, 1 of 18 on either side beyond the middle
    line = torch.tensor([0.0, 1 / 9, 7 / 9, 1 / 9, 0.0, 0.0])
    column = torch.tensor([1 / 9, 7 / 9, 1 / 9, 0.0])
    wanted = column[:, None] * line
    expected = (-wanted * odds + (1 + odds.exp()).log()).mean((1, 2))
    torch.testing.assert_close(placed(mask)(alone(HALF)), expected, rtol=1e-3, atol=0)


@pytest.mark.parametrize("change", [lambda m: 1e-3 * m, lambda m: 7 * m, lambda m: m + 0.2])
def test_neither_scale_nor_offset_of_the_maps_matters(change: Callable[[Tensor], Tensor]) -> None:
    circle, square, term = random(2, 4, 6), random(3, 4, 6), placed(left(5, 3, 1))
    words = circle, torch.zeros(4, 6), square
    changed = change(circle), torch.zeros(4, 6), change(square)
    before, after = (term(shown("circle and square", *maps)) for maps in (words, changed))
    torch.testing.assert_close(before, after, rtol=1e-4, atol=0)


def test_an_object_that_is_nowhere_is_wrong_in_the_mask_alone() -> None:
    energy = placed(left(4, 6, 2))(alone(torch.zeros(4, 6)))
    assert energy.item() == pytest.approx((WRONG + 2 * RIGHT) / 3)


def test_the_energy_is_lost_to_a_rival_that_stands_in_the_mask() -> None:
    circle = blob(8, 12, 0.3, 0.5, 0.2)
    away, there = (blob(8, 12, x, 0.5, 0.2) for x in (0.8, 0.3))
    term = placed((circle > 0.5).float())
    energies = [term(shown("circle and square", circle, circle, r)).item() for r in (away, there)]
    assert energies[0] < energies[1]


def test_masks_act_on_their_own_pictures_and_sites_are_averaged() -> None:
    masks = torch.stack([HALF, 1 - HALF])
    energies = placed(masks)(alone(HALF.expand(2, 4, 6))).tolist()
    assert energies == pytest.approx([RIGHT, WRONG], rel=1e-4)
    two = seen(HALF, left(5, 3, 0))  # right, and nowhere
    single = [placed(HALF)(seen(maps)).item() for maps in (HALF, left(5, 3, 0))]
    assert placed(HALF)(two).item() == pytest.approx(sum(single) / 2, rel=1e-5)


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.float16, torch.float64])
def test_a_mask_may_have_any_dtype(dtype: torch.dtype) -> None:
    mask, now = left(12, 18, 9), alone(HALF)
    assert torch.equal(placed(mask.to(dtype))(now), placed(mask)(now))


def by_head(mask: Tensor) -> HeadMask:
    """At sigma 1 the odds of a cell are its first channel less its second, and 1; thrice at 9."""
    weights, bias = torch.tensor([[3.0, -3.0], [1.0, -1.0]]), torch.tensor([3.0, 1.0])
    axes, offset = torch.ones(2, 1, 2), torch.zeros(2, 1)
    head = Head("ball", "shapes", 3, (9.0, 1.0), weights, bias, axes, offset)
    return HeadMask(object="circle", mask=mask, head=head)


def test_a_head_tells_where_the_object_is_on_the_grid_of_the_features() -> None:
    grid = torch.tensor([[[[4.0, 0.0, 1.0]], [[0.0, 6.0, 2.0]]]])  # odds of 5, -5 and 0
    now = replace(alone(HALF), feature_grid=grid)
    energy = by_head(torch.tensor([[1.0, 0.0, 0.0]]))(now).item()
    assert energy == pytest.approx((2 * RIGHT + math.log(2)) / 3, rel=1e-4)
    energy = by_head(torch.tensor([[0.0, 1.0, 0.5]]))(now).item()
    assert energy == pytest.approx((2 * WRONG + math.log(2)) / 3)


def test_a_head_is_asked_at_the_noise_level_of_the_pass() -> None:
    grid = torch.tensor([0.5, -1.0]).reshape(1, 2, 1, 1)  # odds of 2.5, of twice that at sigma 3
    term = by_head(torch.tensor([[1.0, 0.0]]))  # half of the one cell
    for sigma, odds in ((1.0, 2.5), (3.0, 5.0), (9.0, 7.5)):
        energy = term(replace(alone(HALF), sigma=sigma, feature_grid=grid)).item()
        assert energy == pytest.approx(math.log1p(math.exp(odds)) - 0.5 * odds)


def test_a_head_does_not_read_the_maps_but_the_features() -> None:
    grid, term = random(4, 2, 2, 5, 7), by_head(left(9, 9, 4))
    energies = [
        term(replace(alone(m.expand(2, 4, 6)), feature_grid=grid)) for m in (HALF, 1 - HALF)
    ]
    assert torch.equal(*energies) and term.reads_features and not Mask.reads_features
    assert term.label == "mask of circle by head" and placed(HALF).label == "mask of circle"


def test_the_gradient_of_a_head_mask_is_that_of_finite_differences() -> None:
    grid = random(5, 2, 2, 5, 7, dtype=torch.float64).requires_grad_()
    term, maps = by_head(torch.stack([left(9, 9, 4), blob(9, 9, 0.3, 0.3)])), HALF.expand(2, 4, 6)

    def energy(grid: Tensor) -> Tensor:
        return term(replace(alone(maps), feature_grid=grid))

    assert torch.autograd.gradcheck(energy, [grid])
    slope = torch.autograd.grad(energy(grid).sum(), grid)[0]
    assert (energy(grid - 0.1 * slope) < energy(grid)).all()


@pytest.mark.parametrize(
    ("features", "reason"),
    [(None, "no features were read"), (torch.ones(1, 3, 2, 2), "2 channels but got 3")],
    ids=["none", "other width"],
)
def test_a_head_without_its_features_is_refused(features: Tensor | None, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        by_head(HALF)(replace(alone(HALF), feature_grid=features))


@pytest.mark.parametrize("size", [(4, 6), (8, 8)], ids=["size of the map", "other size"])
@pytest.mark.parametrize("make", [placed, by_head, lambda m: Shape(object="circle", mask=m)])
def test_what_a_node_made_takes_part_in_a_gradient(
    make: Callable[[Tensor], Mask | Shape], size: tuple[int, int]
) -> None:
    with torch.inference_mode():
        term = make(left(*size, 3)[None])
    maps, grid = (random(6, 1, *rest).requires_grad_() for rest in ((4, 6), (2, 4, 6)))
    energy = term(replace(alone(maps), feature_grid=grid)).sum()
    slopes = torch.autograd.grad(energy, (maps, grid), allow_unused=True)
    assert any(slope is not None and slope.any() for slope in slopes)


FULL = torch.ones(4, 6)


@pytest.mark.parametrize("make", [placed, by_head, shaped], ids=["maps", "head", "shape"])
@pytest.mark.parametrize(
    ("mask", "reason"),
    [
        (0 * HALF, "is empty"),
        (-HALF, "is empty"),
        (torch.stack([HALF, 0 * HALF]), "is empty in a picture of its batch"),
        (FULL, "covers the whole picture"),
        (0.5 * FULL, "covers the whole picture"),
        (torch.stack([HALF, FULL]), "covers the whole picture"),
        (math.nan * HALF, "holds NaN"),
        (math.inf * FULL, "holds NaN or infinite"),
        (HALF[0], r"must be \[batch, height, width\], got \[6\]"),
        (HALF[None, None], r"must be .* got \[1, 1, 4, 6\]"),
    ],
)
def test_a_mask_that_places_nothing_is_refused(
    make: Callable[[Tensor], Mask | Shape], mask: Tensor, reason: str
) -> None:
    with pytest.raises(ValueError, match=f"the mask of '(shape of )?circle' {reason}"):
        make(mask)


def test_a_head_needs_no_word_of_the_prompt() -> None:
    mask = left(4, 4, 2)[None]
    assert by_head(mask).phrases == ()
    assert Mask(object="circle", mask=mask).phrases == ("circle",)
