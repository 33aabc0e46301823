"""The transformer's training network: positions, schedules, losses and the order of its export."""

import pytest
import torch
from selfguidance.tools.shapes.transformer import export, loss, network, rope, schedule
from torch.testing import assert_close

CONFIG = {
    "patch_size": 1,
    "in_channels": 4,
    "dim": 32,
    "n_layers": 3,
    "n_refiner_layers": 1,
    "n_heads": 2,
    "n_kv_heads": 2,
    "multiple_of": 16,
    "ffn_dim_multiplier": 2.0,
    "norm_eps": 1e-5,
    "qk_norm": True,
    "cap_feat_dim": 12,
    "axes_dims": [4, 6, 6],
    "axes_lens": [300, 512, 512],
}


@pytest.fixture
def tiny():
    torch.manual_seed(1)
    made = network.Transformer(CONFIG)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return made


def run(made, x, context, closed, lengths):
    rows = columns = round(x.shape[1] ** 0.5)
    places = rope.positions(context.shape[1], lengths, rows, columns)
    times = torch.full((len(x),), 400.0)
    return made(x, times, context, rope.turns(places, CONFIG["axes_dims"]), closed)


def test_halves_turn_as_neighbouring_pairs_do():
    x = torch.randn(2, 5, 3, 16)
    angle = torch.randn(2, 5, 1, 8)
    ours = rope.rotate(x, angle.cos(), angle.sin())
    order = rope.interleaved(16)
    first, second = x[..., order].unflatten(-1, (8, 2)).unbind(-1)
    theirs = torch.stack(
        [
            first * angle.cos() - second * angle.sin(),
            first * angle.sin() + second * angle.cos(),
        ],
        -1,
    ).flatten(-2)
    assert_close(ours[..., order], theirs)


def test_the_picture_stands_behind_the_text_that_counts():
    places = rope.positions(5, torch.tensor([5, 3]), 2, 3)
    assert places.shape == (2, 11, 3)
    assert places[0, :5, 0].tolist() == [1, 2, 3, 4, 5]
    assert places[:, 5:, 0].tolist() == [[6] * 6, [4] * 6]
    assert places[1, 5:, 1:].tolist() == [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2]]


@pytest.mark.parametrize("steps", [60, 5000, 13501])
def test_supervision_ends_before_a_third(steps):
    weights = [schedule.supervision(step, steps, 0.03) for step in range(steps)]
    third = steps // 3
    assert max(weights) <= 0.03
    assert weights[steps // 5] > 0
    assert set(weights[third:]) == {0.0}
    assert set(weights[schedule.supervised_steps(steps) :]) == {0.0}
    assert weights[schedule.supervised_steps(steps) - 1] > 0
    assert {schedule.supervision(step, steps, 0.0) for step in range(steps)} == {0.0}


def test_noise_levels_are_spread_over_their_distribution():
    generator = torch.Generator().manual_seed(3)
    levels = torch.stack([schedule.noise_levels(16, generator) for _ in range(500)])
    assert ((levels > 0) & (levels < 1)).all()
    assert levels.median().item() == pytest.approx(0.70, abs=0.02)
    drawn_alone = levels.flatten()[torch.randperm(levels.numel())].view(500, 16)
    assert levels.mean(1).std() < 0.6 * drawn_alone.mean(1).std()


def test_tokens_that_do_not_count_change_nothing(tiny):
    tiny.watched = (0, 2)
    x, context = torch.randn(2, 9, 4), torch.randn(2, 6, 12)
    closed, lengths = torch.zeros(2, 6), torch.tensor([4, 4])
    closed[:, 4:] = float("-inf")
    out, maps = run(tiny, x, context, closed, lengths)
    short, short_maps = run(tiny, x, context[:, :4], closed[:, :4], lengths)
    assert_close(out, short)
    for long, brief in zip(maps, short_maps, strict=True):
        assert_close(long[..., :4], brief)
        assert not long[..., 4:].any()
        assert ((long.sum(-1) > 0) & (long.sum(-1) < 1)).all()


def test_the_attention_loss_is_least_where_the_object_is():
    masks = torch.zeros(1, 3, 4, 4)
    masks[0, 0, 1:3, 1:3] = 1
    words = torch.zeros(1, 3, 2, dtype=torch.long)
    words[0, 0] = torch.tensor([2, 3])
    flat = torch.full((1, 16, 5), 0.1)
    good = flat * 0.01
    good[0, masks[0, 0].flatten() > 0] = 0.1
    level = torch.tensor([0.5])
    known = loss.attention_loss([good], masks, words, level)
    unknown = loss.attention_loss([flat], masks, words, level)
    assert 0 <= known < unknown
    late = loss.attention_loss([flat], masks, words, torch.tensor([0.99]))
    assert late == pytest.approx(0.08 * unknown.item(), rel=1e-3)


def test_the_noised_latent_minus_its_velocity_is_the_picture():
    latents, noise = torch.randn(3, 4, 2, 2), torch.randn(3, 4, 2, 2)
    levels = torch.tensor([0.1, 0.5, 0.9])
    x, v = loss.noised(latents, noise, levels)
    assert_close(x - levels[:, None, None, None] * v, latents)


def test_the_export_joins_queries_keys_and_values(tiny):
    state = tiny.state_dict()
    joined = export.host_state(state, CONFIG)
    assert sum(value.numel() for value in joined.values()) == sum(
        value.numel() for value in state.values()
    )
    qkv = joined["layers.1.attention.qkv.weight"]
    assert qkv.shape == (96, 32)
    assert_close(qkv[64:], state["layers.1.attention.v.weight"])
    assert_close(qkv[1], state["layers.1.attention.q.weight"][8])
    assert_close(qkv[32 + 16 + 2], state["layers.1.attention.k.weight"][16 + 1])


def test_matrices_inside_the_blocks_are_muons(tiny):
    matrices, others = network.split(tiny)
    assert {tuple(matrix.shape) for matrix in matrices} == {(32, 32), (64, 32), (32, 64)}
    assert len(matrices) == 5 * 7
    assert len(matrices) + len(others) == len(list(tiny.parameters()))
