"""Transformers whose prompts, or whose attention, are limited to regions of the picture."""

from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from selfguidance.tests.host.theirs import ran
from torch import Tensor

SIZE = (8, 12)
CELLS = (4, 6)  # as tokens of the transformers here
STEP = 2e-4


def inputs(nets: ModuleType, name: str, **more: Any) -> dict[str, Any]:
    return nets.settings(name, steps=2, latent_image=nets.latent(name, size=SIZE), **more)


def seen(record: Any, phrase: str = "red circle") -> list[Tensor]:
    """The maps [h, w] of a phrase in the last step, of all sites."""
    words = record.table.find(phrase)
    return [maps[0, list(words)].mean(0) for maps in record.last.maps.values()]


def half(conditioning: Any, side: str, bounds: str) -> Any:
    """The conditioning behind ComfyUI's Conditioning (Set Mask)."""
    import nodes

    mask = torch.zeros(1, 8 * SIZE[0], 8 * SIZE[1])
    where = slice(None, 48) if side == "left" else slice(48, None)
    mask[..., where] = 1
    with torch.inference_mode():
        return ran(
            nodes.ConditioningSetMask,
            conditioning=conditioning,
            mask=mask,
            set_cond_area=bounds,
            strength=1.0,
        )[0]


@pytest.mark.compat("Conditionings", "Transformers: positives limited to masks, {name}")
@pytest.mark.parametrize(
    ("name", "bounds"),
    [
        ("z-image", "default"),
        ("flux", "default"),
        ("flux", "mask bounds"),
        ("sd3", "mask bounds"),
        ("qwen-image", "default"),
        ("wan-1.3b", "default"),
    ],
)
def test_prompts_limited_to_masks_are_read_and_guided(
    lab: ModuleType, nets: ModuleType, net: Any, name: str, bounds: str
) -> None:
    from selfguidance.tests.host.slopes import check_slope

    left, right = nets.embedded(name), nets.embedded(name, 5, words=["green", "star"], length=17)
    positive = half(left, "left", bounds) + half(right, "right", bounds)
    run, terms = inputs(nets, name, positive=positive), [lab.position(), lab.position("green star")]
    model = net(name)
    plain = lab.plain(model, **run)
    assert not torch.equal(plain, lab.plain(model, **inputs(nets, name, positive=left + right)))
    assert torch.equal(lab.guided(model, terms, 0.0, **run)[0], plain)
    guided, record = lab.guided(model, terms, **run)
    assert torch.isfinite(guided).all() and not torch.equal(guided, plain)
    assert all(step.guided for step in record)
    if bounds == "mask bounds":  # the model is shown that part alone, with its soft edge
        flipped = [maps.flip(-1) for maps in seen(record, "green star")]
        for maps in seen(record) + flipped:
            assert (maps[:, :3] > 0).all() and (maps[:, 4:] == 0).all()
    own = nets.NETS[name]
    shape = (*own.shape(2)[:-2], *SIZE)
    conds = {"positive": positive, "negative": nets.empty(name)}
    check_slope(model, own.sigma, shape, STEP, terms=terms, **conds)


def styled(conditioning: Any, strength: float, kind: str) -> Any:
    """The conditioning behind ComfyUI's Apply Style Model, as for Flux Redux."""
    import nodes

    width = conditioning[0][0].shape[-1]
    tokens = torch.randn(1, 4, width, generator=torch.Generator().manual_seed(6))
    with torch.inference_mode():
        return ran(
            nodes.StyleModelApply,
            conditioning=conditioning,
            style_model=SimpleNamespace(get_cond=lambda _: tokens.clone()),
            clip_vision_output=None,
            strength=strength,
            strength_type=kind,
        )[0]


@pytest.mark.compat("Other packs and nodes", "Transformers: Apply Style Model (Redux), flux")
def test_the_tokens_of_a_style_are_in_the_softmax_as_far_as_their_bias_lets_them(
    lab: ModuleType, nets: ModuleType, net: Any
) -> None:
    from selfguidance.tests.host.slopes import check_slope

    model, words = net("flux"), nets.embedded("flux")
    ways = {
        "all": styled(words, 1.0, "multiply"),
        "half": styled(words, 0.5, "attn_bias"),
        "none": styled(words, 1e-4, "attn_bias"),
        "without": words,
    }
    maps = {}
    for way, positive in ways.items():
        run = inputs(nets, "flux", positive=positive)
        guided, record = lab.guided(model, [lab.position()], **run)
        assert torch.isfinite(guided).all() and all(step.guided for step in record)
        assert torch.equal(
            lab.guided(model, [lab.position()], 0.0, **run)[0], lab.plain(model, **run)
        )
        maps[way] = torch.stack(seen(lab.guided(model, **run)[1]))
    torch.testing.assert_close(maps["none"], maps["without"], rtol=2e-3, atol=1e-5)
    assert maps["all"].mean() < maps["half"].mean() < maps["none"].mean()
    own = nets.NETS["flux"]
    conds = {"positive": ways["half"], "negative": nets.empty("flux")}
    check_slope(model, own.sigma, (*own.shape()[:-2], *SIZE), STEP, **conds)


def region(length: int, tokens: range, text_first: bool = True) -> Tensor:
    """A bias of attention by which the left half of the picture does not see some tokens."""
    cells = CELLS[0] * CELLS[1]
    picture, text = (length, 0) if text_first else (0, cells)
    mask = torch.zeros(1, length + cells, length + cells)
    for cell in range(cells):
        if cell % CELLS[1] < CELLS[1] // 2:
            mask[:, picture + cell, [text + token for token in tokens]] = -float("inf")
    return mask


def check_region(lab: ModuleType, model: Any, run: dict[str, Any]) -> None:
    """Fails unless the words are seen in the right half alone."""
    plain = lab.plain(model, **run)
    assert torch.equal(lab.guided(model, [lab.position()], 0.0, **run)[0], plain)
    guided, record = lab.guided(model, [lab.position()], **run)
    assert torch.isfinite(guided).all() and not torch.equal(guided, plain)
    assert all(step.guided for step in record)
    for maps in seen(record):
        assert (maps[:, :3] == 0).all() and (maps[:, 3:] > 0).all()


@pytest.mark.compat("Other packs and nodes", "Transformers: a regional attention_mask, flux")
def test_a_mask_of_attention_in_the_conditioning_counts_in_the_maps(
    lab: ModuleType, nets: ModuleType, net: Any
) -> None:
    from selfguidance.tests.host.slopes import check_slope

    mask = region(12, range(1, 8))
    masked = {"attention_mask": mask, "attention_mask_img_shape": CELLS}
    positive = nets.embedded("flux", **masked)
    model = net("flux")
    check_region(lab, model, inputs(nets, "flux", positive=positive))
    own = nets.NETS["flux"]
    conds = {"positive": positive, "negative": nets.empty("flux")}
    check_slope(model, own.sigma, (*own.shape()[:-2], *SIZE), STEP, **conds)


def masking(model: Any, mask: Tensor) -> Any:
    """A clone whose attention another pack limits, as packs for regional prompts do."""

    def attention(function: Callable, q: Tensor, k: Tensor, v: Tensor, *args: Any, **more: Any):
        if (q.shape[-2], k.shape[-2]) == tuple(mask.shape[-2:]):
            args, more = args[:1], {**more, "mask": mask}
        return function(q, k, v, *args, **more)

    clone = model.clone()
    options = clone.model_options.setdefault("transformer_options", {})
    options["optimized_attention_override"] = attention
    return clone


@pytest.mark.compat(
    "Other packs and nodes", "Transformers: a regional attention override (stand-in), {name}"
)
@pytest.mark.parametrize("name", ["flux", "qwen-image", "wan-1.3b"])
def test_a_mask_that_another_pack_adds_to_attention_counts_in_the_maps(
    lab: ModuleType, nets: ModuleType, net: Any, name: str
) -> None:
    """The maps are those of the attention that is computed, not of the one that was asked for."""
    mask = region(12, range(1, 8))
    if name == "wan-1.3b":  # an attention of the picture to the text alone
        mask = mask[:, 12:, :12]
    with torch.inference_mode():
        mask = mask.clone()
    check_region(lab, masking(net(name), mask), inputs(nets, name, cfg=1.0))
