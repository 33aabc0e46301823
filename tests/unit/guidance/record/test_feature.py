"""Feature: looks whose value is known, of an object, of a region, between noise levels."""

from dataclasses import replace

import pytest
import torch
from selfguidance.guidance.head.head import Head
from selfguidance.guidance.maps.properties import Properties
from selfguidance.guidance.record.feature import Feature
from selfguidance.guidance.record.record import Record
from selfguidance.guidance.terms.appearance import Appearance
from selfguidance.tests.unit.guidance.toys import SITE, cell, left, pictured, record, table
from torch import Tensor

PHRASE = table("red circle and square")


def random(seed: int, *shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def shown(seed: int, sigma: float = 1.0, batch: int = 1, channels: int = 5) -> Properties:
    """A pass with random maps and features; the grid is not square."""
    maps, words = {SITE: random(seed, batch, 4, 4, 6)}, random(seed + 1, batch, 4, channels)
    return Properties(
        sigma, PHRASE, maps, words, feature_grid=random(seed + 2, batch, channels, 3, 4)
    )


def steps(*levels: float, sigmas: tuple[float, ...] = (16.0, 4.0, 1.0)) -> Record:
    """A run whose every feature is the level of its step."""
    shapes = {"features": (1, 4, 2), "feature_grid": (1, 2, 3, 4)}
    return record(
        *(
            replace(shown(0, s), **{k: torch.full(shape, v) for k, shape in shapes.items()})
            for s, v in zip(sigmas, levels, strict=True)
        )
    )


def looks(*vectors: list[float], sigmas: tuple[float, ...] = (1.0,)) -> Feature:
    """A look with these vectors, one a picture, the same at every noise level."""
    return Feature("shapes", "ball", sigmas, torch.tensor([vectors] * len(sigmas)))


def at(feature: Feature, sigma: float) -> Tensor:
    return feature.at(sigma, torch.zeros(()))


def test_the_look_of_an_object_is_the_mean_over_the_words_of_its_phrase() -> None:
    words = torch.tensor([[[1.0, 5.0], [3.0, 7.0], [90.0, 90.0], [80.0, 80.0]]])
    feature = Feature.of(record(replace(shown(0), features=words)), "red circle")
    assert (feature.family, feature.label, feature.sigmas) == ("shapes", "red circle", (1.0,))
    assert (feature.batch, feature.channels) == (1, 2)
    assert feature.vectors.tolist() == [[[2.0, 6.0]]]


def test_between_noise_levels_a_look_is_linear_in_log_sigma_and_outside_the_nearest() -> None:
    run = steps(1.0, 2.0, 4.0)
    for feature in (Feature.of(run, "square"), Feature.under(run, torch.ones(1, 9, 9))):
        known = {16: 1, 8: 1.5, 4: 2, 2: 3, 4 * 2**0.5: 1.75, 1: 4, 99: 1, 0.3: 4, 0: 4}
        for sigma, value in known.items():
            torch.testing.assert_close(at(feature, sigma), torch.full((1, 2), float(value)))


def test_a_look_at_one_noise_level_holds_at_all() -> None:
    feature = looks([1.0, 2.0], sigmas=(3.0,))
    assert {tuple(at(feature, sigma)[0].tolist()) for sigma in (0, 1, 3, 9)} == {(1.0, 2.0)}


def test_the_look_under_a_mask_is_the_mean_of_its_cells() -> None:
    grid = torch.tensor([[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], [[0.0, 10.0, 0.0], [0.0, 0.0, 0.0]]]])
    run = record(replace(shown(0), feature_grid=grid))
    assert Feature.under(run, cell(2, 3, 1, 0)[None]).vectors.tolist() == [[[4.0, 0.0]]]
    two = Feature.under(run, (cell(2, 3, 0, 1) + cell(2, 3, 1, 2))[None]).vectors
    assert two.flatten().tolist() == pytest.approx([4.0, 5.0])
    soft = Feature.under(run, (cell(2, 3, 0, 1) + 0.25 * cell(2, 3, 1, 2))[None]).vectors
    assert soft.flatten().tolist() == pytest.approx([(2 + 0.25 * 6) / 1.25, 10 / 1.25])


@pytest.mark.parametrize("size", [(1, 1), (3, 4), (2, 7), (50, 70)], ids=str)
def test_a_mask_of_any_size_over_everything_gives_the_mean_of_all_cells(
    size: tuple[int, int],
) -> None:
    now = shown(3)
    feature = Feature.under(record(now), torch.full((1, *size), 0.4))
    torch.testing.assert_close(feature.vectors[0], now.feature_grid.mean((2, 3)))


def test_a_finer_mask_weighs_cells_by_how_much_it_covers() -> None:
    grid = torch.tensor([0.0, 8.0, 16.0, 80.0]).expand(1, 1, 2, 4)
    feature = Feature.under(record(replace(shown(0), feature_grid=grid)), left(4, 8, 4)[None])
    # a triangle of half width 2 leaves 1/8 beyond the edge on either side
    assert feature.vectors.item() == pytest.approx((0 + 8 * 7 / 8 + 16 / 8) / 2)


def test_every_picture_has_its_own_look() -> None:
    now, masks = shown(5, batch=2), torch.stack([left(3, 4, 1), left(3, 4, 3)])
    pictures = [replace(now, feature_grid=now.feature_grid[i : i + 1]) for i in range(2)]
    expected = [Feature.under(record(p), masks[i : i + 1]) for i, p in enumerate(pictures)]
    both = Feature.under(record(now), masks)
    assert both.batch == 2
    torch.testing.assert_close(both.vectors, torch.cat([e.vectors for e in expected], 1))
    shared = Feature.under(record(now), masks[:1])
    torch.testing.assert_close(shared.vectors[:, 0], expected[0].vectors[:, 0])
    torch.testing.assert_close(
        shared.vectors[:, 1], Feature.under(record(pictures[1]), masks[:1]).vectors[:, 0]
    )


def test_a_region_without_a_name_is_called_masked_region() -> None:
    feature = Feature.under(record(shown(6)), left(3, 4, 1)[None])
    assert (feature.family, feature.label, feature.sigmas) == ("shapes", "masked region", (1.0,))


def test_one_picture_has_a_look_under_each_of_several_masks() -> None:
    now, masks = shown(6), torch.stack([left(3, 4, 1), left(3, 4, 3), left(3, 4, 4)])
    several = Feature.under(record(now), masks)
    single = [Feature.under(record(now), masks[i : i + 1]).vectors for i in range(3)]
    assert several.batch == 3
    torch.testing.assert_close(several.vectors, torch.cat(single, 1))


def test_a_look_is_kept_in_full_precision() -> None:
    half = replace(
        shown(0), features=shown(0).features.half(), feature_grid=shown(0).feature_grid.half()
    )
    for feature in (
        Feature.of(record(half), "square"),
        Feature.under(record(half), left(3, 4, 2)[None]),
    ):
        assert feature.vectors.dtype == torch.float32


@pytest.mark.parametrize("sigma", [9.0, 3.0, 1.0, 0.1])
def test_as_a_target_a_look_is_its_reference(sigma: float) -> None:
    then, now = record(shown(10, 4.0, 2), shown(20, 1.0, 2)), shown(30, sigma, 2)
    by_record = Appearance(object="square", reference=then, reference_object="red circle")
    by_feature = Appearance(object="square", feature=Feature.of(then, "red circle"))
    torch.testing.assert_close(by_feature(now), by_record(now))
    assert by_feature.references == () and by_record.references == (then,)


def test_the_energy_is_the_mean_difference_in_units_of_the_look() -> None:
    words = torch.tensor([[[0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [3.0, 1.0]]])
    now = replace(shown(0), features=words)
    energy = Appearance(object="square", feature=looks([2.0, -2.0]))(now)
    assert energy.item() == pytest.approx((1 + 3) / 2 / 2)


def test_one_look_serves_every_picture_and_several_serve_their_own() -> None:
    now = shown(40, batch=2, channels=2)
    one, both = looks([1.0, 2.0]), looks([1.0, 2.0], [5.0, -6.0])
    first, second = (
        Appearance(object="square", feature=looks(v))(now) for v in ([1.0, 2.0], [5.0, -6.0])
    )
    torch.testing.assert_close(Appearance(object="square", feature=one)(now), first)
    together = Appearance(object="square", feature=both)(now)
    torch.testing.assert_close(together, torch.stack([first[0], second[1]]))


def head() -> Head:
    """Projects on the sum and on ten times the second channel, and 1; at sigma 9 on three times."""
    axes = torch.tensor([3.0, 1.0])[:, None, None] * torch.tensor([[1.0, 1.0], [0.0, 10.0]])
    odds = torch.ones(2, 2), torch.zeros(2)
    return Head("ball", "shapes", 3, (9.0, 1.0), *odds, axes, torch.ones(2, 2))


def test_with_a_head_looks_are_compared_on_its_axes() -> None:
    words = torch.tensor([[[0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [3.0, 1.0]]])
    now = replace(shown(0), features=words)
    term = Appearance(object="square", feature=looks([2.0, -2.0]), head=head())
    assert term(now).item() == pytest.approx((4 + 30) / 2)
    # nothing divides by a magnitude, so that of the head counts
    assert term(replace(now, sigma=3.0)).item() == pytest.approx(4 + 30)


def test_the_gradient_by_a_head_is_that_of_finite_differences() -> None:
    words = random(7, 2, 4, 2).double().requires_grad_()
    term = Appearance(object="red circle", feature=looks([2.0, -2.0]), head=head())

    def energy(words: Tensor) -> Tensor:
        return term(replace(shown(0, batch=2), features=words))

    assert torch.autograd.gradcheck(energy, [words])
    slope = torch.autograd.grad(energy(words).sum(), words)[0]
    assert slope[:, :2].any(2).all() and not slope[:, 2:].any()


@pytest.mark.parametrize("headed", [False, True])
def test_a_look_that_a_node_took_takes_part_in_a_gradient(headed: bool) -> None:
    with torch.inference_mode():
        feature = Feature.under(record(shown(8, channels=2)), left(3, 4, 2)[None])
        term = Appearance(object="square", feature=feature, head=head() if headed else None)
    words = random(9, 1, 4, 2).requires_grad_()
    energy = term(replace(shown(0), features=words)).sum()
    assert torch.autograd.grad(energy, words)[0][:, 3].any()


def test_a_look_of_another_width_is_refused() -> None:
    term = Appearance(object="square", feature=looks([1.0, 2.0]))
    with pytest.raises(ValueError, match=r"target of 'appearance of square' has 2 channels .* 5"):
        term(shown(0))


def test_a_target_is_a_reference_or_a_look_and_not_both() -> None:
    for target in ({}, {"reference": pictured(), "feature": looks([1.0])}):
        with pytest.raises(
            ValueError, match="appearance of object 'star' needs a reference or a f"
        ):
            Appearance(object="star", **target)


def test_what_shows_no_look_is_refused() -> None:
    bare = record(replace(shown(0), features=None, feature_grid=None))
    mask = torch.ones(1, 3, 4)
    with pytest.raises(ValueError, match="no features were read, so object 'square' has no app"):
        Feature.of(bare, "square")
    with pytest.raises(ValueError, match="holds no features, so the hat has no look"):
        Feature.under(bare, mask, "hat")
    with pytest.raises(ValueError, match="object 'ball' is not in the prompt 'red circle and squ"):
        Feature.of(record(shown(0)), "ball")
    with pytest.raises(ValueError, match="the record is empty"):
        Feature.of(Record("shapes", ()), "ball")
    with pytest.raises(ValueError, match="the record is empty"):
        Feature.under(Record("shapes", ()), mask)


@pytest.mark.parametrize(
    ("masks", "reason"), [(3, "mask holds 3 pictures but the record 2"), (2, "is empty")]
)
def test_masks_that_do_not_fit_the_pictures_are_refused(masks: int, reason: str) -> None:
    region = torch.ones(masks, 3, 4)
    region[-1] = 0
    with pytest.raises(ValueError, match=reason):
        Feature.under(record(shown(0, batch=2)), region)


def test_steps_whose_prompt_did_not_name_the_object_have_no_look_of_it() -> None:
    early = Properties(8.0, table("a circle"), {SITE: torch.rand(1, 2, 4, 4)}, torch.rand(1, 2, 3))
    both = table("a circle and a square")
    late = Properties(2.0, both, {SITE: torch.rand(1, 5, 4, 4)}, torch.rand(1, 5, 3))
    look = Feature.of(record(early, late), "square")
    assert look.sigmas == (2.0,)
    torch.testing.assert_close(look.at(8.0, look.vectors), late.appearance("square"))
