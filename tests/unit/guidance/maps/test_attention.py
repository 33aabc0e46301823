"""Attention maps against softmaxes that can be worked out by hand."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from selfguidance.guidance.maps import attention
from selfguidance.guidance.maps.attention import as_grid, by_heads, sharpen, word_maps

LN3 = math.log(3)
grids = st.tuples(st.integers(1, 6), st.integers(2, 6))
seeds = st.integers(0, 2**31)


def column(*values: float) -> torch.Tensor:
    """Queries or keys of one picture, one number each, [1, N, 1]."""
    return torch.tensor(values)[None, :, None]


def maps_of(
    query: torch.Tensor, key: torch.Tensor, heads: int, words: torch.Tensor
) -> torch.Tensor:
    return word_maps(by_heads(query, heads), by_heads(key, heads), words)


def random(seed: int, *shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def test_a_map_is_the_softmax_over_the_keys_at_every_pixel() -> None:
    # logits of pixel 0: (0, 0); of pixel 1: (0, ln 3)
    maps = maps_of(column(0, 1), column(0, LN3), 1, torch.eye(2))
    torch.testing.assert_close(maps, torch.tensor([[[1 / 2, 1 / 4], [1 / 2, 3 / 4]]]))


def test_logits_are_divided_by_the_root_of_the_head_width() -> None:
    query, key = torch.zeros(1, 1, 4), torch.zeros(1, 2, 4)
    query[..., 0], key[:, 1, 0] = 1, 2 * LN3  # 2 ln 3 / sqrt(4) = ln 3
    maps = maps_of(query, key, 1, torch.eye(2))
    torch.testing.assert_close(maps, torch.tensor([[[1 / 4], [3 / 4]]]))


def test_probability_is_shared_by_all_keys_not_by_the_words_alone() -> None:
    words = torch.tensor([[0.0], [1.0], [0.0], [0.0]])
    assert maps_of(column(1), column(5, 5, 5, 5), 1, words).item() == pytest.approx(1 / 4)


def test_heads_are_averaged_as_probabilities() -> None:
    query = torch.tensor([[[1.0, 1.0]]])
    key = torch.tensor([[[0.0, 0.0], [LN3, 0.0]]])  # head 0: 3/4, head 1: 1/2
    maps = maps_of(query, key, 2, torch.eye(2))
    torch.testing.assert_close(maps, torch.tensor([[[3 / 8], [5 / 8]]]))


def test_a_word_of_several_tokens_is_their_mean() -> None:
    key = column(0, math.log(2), LN3)  # probabilities 1/6, 2/6, 3/6
    words = torch.tensor([[1 / 2, 0], [1 / 2, 0], [0, 1]])
    maps = maps_of(column(1), key, 1, words)
    torch.testing.assert_close(maps, torch.tensor([[[1 / 4], [1 / 2]]]))


@pytest.mark.parametrize("repeats", [2, 3])
def test_a_context_repeated_for_its_batch_mates_gives_the_same_maps(repeats: int) -> None:
    query, key = random(0, 2, 6, 8), random(1, 2, 5, 8)
    words = torch.eye(5)[:, 1:4]
    torch.testing.assert_close(
        maps_of(query, key.repeat(1, repeats, 1), 2, words), maps_of(query, key, 2, words)
    )


def test_maps_of_a_half_precision_model_are_float32() -> None:
    maps = maps_of(column(0, 1).half(), column(0, 1).half(), 1, torch.eye(2))
    assert maps.dtype == torch.float32


@pytest.mark.parametrize("width", [4, 8])
def test_maps_without_the_matrix_are_the_same_with_their_gradients(
    monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    """Also of more words than a head is wide, of repeated text, and of text between other keys."""
    seen = []
    for small in (2**23, 0):
        monkeypatch.setattr(attention, "SMALL", small)
        query, key = (random(s, 2, 3, n, width).requires_grad_() for s, n in ((0, 6), (1, 13)))
        maps = word_maps(query, key, random(2, 5, 7), slice(2, 12))
        energy = (maps * random(3, *maps.shape)).sum()
        seen.append((maps, *torch.autograd.grad(energy, (query, key))))
    for direct, attended in zip(*seen, strict=True):
        torch.testing.assert_close(attended, direct)


def test_a_large_site_keeps_as_much_as_its_queries_and_keys_do() -> None:
    """With both ends of the matrix twice as long, twice as much is kept and not four times."""
    kept = []
    for pixels in (1500, 3000):
        sizes: dict[int, int] = {}

        def pack(tensor: torch.Tensor, sizes: dict[int, int] = sizes) -> torch.Tensor:
            sizes[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        query, key = (random(s, 1, 4, pixels, 8).requires_grad_() for s in (0, 1))
        assert 4 * pixels**2 > attention.SMALL
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            maps = word_maps(query, key, torch.eye(pixels)[:, :3])
        assert maps.shape == (1, 3, pixels)
        kept.append(sum(sizes.values()))
    assert kept[1] < 2.2 * kept[0]


def test_a_mask_of_the_model_counts() -> None:
    query, key, hidden = random(0, 1, 2, 3, 4), random(1, 1, 2, 5, 4), torch.zeros(1, 1, 1, 5)
    hidden[..., 3:] = -torch.inf
    expected = word_maps(query, key[:, :, :3], torch.eye(3))
    for mask in (hidden, hidden == 0):
        maps = word_maps(query, key, torch.eye(3), slice(0, 3), mask)
        torch.testing.assert_close(maps, expected)


@pytest.mark.parametrize("masked", [False, True])
def test_words_are_averaged_where_the_model_computes(masked: bool) -> None:
    """On the device without values, which mixes with no other."""
    query, key = (torch.zeros(1, 2, n, 4, device="meta") for n in (3, 5))
    mask = torch.zeros(1, 1, 1, 5, device="meta") if masked else None
    maps = word_maps(query, key, torch.eye(5, dtype=torch.float64), mask=mask)
    assert (maps.device.type, maps.dtype, maps.shape) == ("meta", torch.float32, (1, 5, 3))


def test_a_scale_of_the_models_own_counts() -> None:
    query, key = random(0, 1, 2, 3, 4), random(1, 1, 2, 5, 4)
    expected = word_maps(2 * query, key, torch.eye(5))
    for mask in (None, torch.zeros(1, 1, 1, 5)):
        maps = word_maps(query, key, torch.eye(5), mask=mask, scale=1.0)
        torch.testing.assert_close(maps, expected)


def test_a_context_of_another_length_is_refused_with_both_lengths() -> None:
    with pytest.raises(ValueError, match="describes 3 tokens but the model attends to 4;"):
        maps_of(column(0), column(0, 0, 0, 0), 1, torch.eye(3))


def test_pixels_are_laid_out_row_by_row_on_a_grid_that_is_not_square() -> None:
    grid = as_grid(torch.arange(6.0).reshape(1, 1, 6), 2, 3)
    torch.testing.assert_close(grid, torch.tensor([[[[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]]]))


def test_a_site_with_another_number_of_pixels_is_refused() -> None:
    with pytest.raises(ValueError, match="sees 5 pixels instead of 2 x 3"):
        as_grid(torch.zeros(1, 1, 5), 2, 3)


def test_sharpening_keeps_the_ends_and_the_middle_of_the_range() -> None:
    maps = torch.tensor([[0.2, 0.3, 0.4]])
    torch.testing.assert_close(sharpen(maps), torch.tensor([[0.0, 0.5, 1.0]]))


def test_sharpening_follows_the_formula_with_steepness_ten() -> None:
    def sigmoid(t: float) -> float:
        return 1 / (1 + math.exp(-t))

    expected = (sigmoid(-2.5) - sigmoid(-5)) / (sigmoid(5) - sigmoid(-5))
    assert sharpen(torch.tensor([[0.0, 0.25, 1.0]]))[0, 1].item() == pytest.approx(expected)


def test_a_larger_steepness_is_closer_to_a_threshold_at_half() -> None:
    maps = torch.tensor([[0.0, 0.4, 0.6, 1.0]])
    torch.testing.assert_close(sharpen(maps, 200), torch.tensor([[0.0, 0.0, 1.0, 1.0]]))


@given(seeds, grids)
def test_a_sharpened_map_spans_zero_to_one_and_keeps_the_order(
    seed: int, grid: tuple[int, int]
) -> None:
    maps = random(seed, 2, 3, *grid)
    maps[..., 0, :2] = torch.tensor([0.0, 1.0])
    sharp = sharpen(maps)
    torch.testing.assert_close(sharp.amin((-2, -1)), torch.zeros(2, 3))
    torch.testing.assert_close(sharp.amax((-2, -1)), torch.ones(2, 3))
    order = maps.flatten(2).argsort(-1)
    assert (sharp.flatten(2).gather(-1, order).diff(dim=-1) >= 0).all()


@given(seeds, grids, st.floats(1e-3, 1e3), st.floats(0, 2))
def test_sharpening_ignores_scale_and_offset_of_the_map(
    seed: int, grid: tuple[int, int], scale: float, offset: float
) -> None:
    maps = random(seed, 1, *grid).double()
    maps[..., 0, :2] = torch.tensor([0.0, 1.0])  # a third of the level at least: no rounding noise
    changed = sharpen(scale * (maps + offset))
    torch.testing.assert_close(changed, sharpen(maps), atol=1e-5, rtol=0)


def test_every_map_is_sharpened_relative_to_its_own_level() -> None:
    faint = 1e-4 * torch.tensor([[0.2, 0.3, 0.4]])
    both = sharpen(torch.stack([faint, 1e4 * faint]))
    torch.testing.assert_close(both, torch.tensor([[[0.0, 0.5, 1.0]]]).expand(2, 1, 3))


@pytest.mark.parametrize("level", [1e-3, 0.3, 1.0])
def test_rounding_noise_on_a_constant_map_has_no_shape(level: float) -> None:
    noisy = torch.full((1, 8, 8), level) * (1 + 1e-6 * random(0, 1, 8, 8))
    assert sharpen(noisy).max() < 1e-4
    as_recorded = torch.full((1, 8, 8), level)
    as_recorded[..., 3] *= 1 + 2**-10  # one unit in the last place of half precision
    assert sharpen(as_recorded).max() < 1e-4


def test_a_shape_fades_smoothly_as_its_range_falls_below_a_hundredth_of_its_level() -> None:
    ramp = torch.linspace(0, 1, 7).reshape(1, 1, 7)
    ranges = (1e-1, 3e-2, 2e-2, 1e-2, 5e-3, 2e-3, 1e-4)
    peaks = [sharpen(1 - r + r * ramp).max().item() for r in ranges]
    assert peaks == sorted(peaks, reverse=True)
    assert peaks[0] > 0.999 and peaks[3] == pytest.approx(0.5, abs=0.01) and peaks[-1] < 1e-3


@given(seeds, st.sampled_from([1.0, 1e-1, 1e-2, 1e-3]))
def test_sharpening_is_differentiable_however_small_the_range(seed: int, range_: float) -> None:
    maps = (1 + range_ * random(seed, 1, 3, 4).double()).requires_grad_()
    assert torch.autograd.gradcheck(sharpen, [maps], eps=1e-8, atol=1e-3, fast_mode=True)


@pytest.mark.parametrize("level", [0.0, 0.3])
def test_a_constant_map_has_no_shape_and_a_finite_gradient(level: float) -> None:
    maps = torch.full((1, 3, 4), level, requires_grad=True)
    sharp = sharpen(maps)
    assert (sharp == 0).all()
    sharp.sum().backward()
    assert torch.isfinite(maps.grad).all()
