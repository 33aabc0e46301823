"""Guidance beside the patches of other packs: theirs keep their effect, ours finds its gradient."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import torch

SITES = (2, 3)  # decoder blocks whose attention guidance reads in the Shapes family


@pytest.fixture(scope="module")
def model(lab: ModuleType) -> Any:
    with torch.inference_mode():
        return lab.unet("shapes")


def check_guided(lab: ModuleType, model: Any, **changes: Any) -> Any:
    """Without terms the model's own result; with terms another one, guided at every step."""
    plain = lab.plain(model, **changes)
    recorded, record = lab.guided(model, **changes)
    assert torch.equal(recorded, plain)
    guided, seen = lab.guided(model, [lab.position()], **changes)
    assert len(record.steps) == len(seen.steps) == 4
    assert all(step.guided for step in seen)
    assert torch.isfinite(guided).all() and not torch.equal(guided, plain)
    return plain


def adapter(calls: list[int]) -> Callable:
    """An attention replacement as image-prompt packs write it, without `transformer_options`."""
    from comfy.ldm.modules.attention import optimized_attention

    def replace(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, extra: Any) -> torch.Tensor:
        calls.append(len(q))
        return 0.5 * optimized_attention(q, k, v, extra["n_heads"])

    return replace


@pytest.mark.compat(
    "Other packs and nodes", "Adapters that replace cross-attention, as IPAdapter does (stand-in)"
)
def test_a_replacement_of_the_same_attention_is_called(lab: ModuleType, model: Any) -> None:
    calls: list[int] = []
    patched = model.clone()
    for block in SITES:
        patched.set_model_attn2_replace(adapter(calls), "output", block)
    plain = check_guided(lab, patched)
    assert not torch.equal(plain, lab.plain(model))
    # two sites in four steps: a plain and a recorded run, and a guided run with split passes
    assert len(calls) == 8 + 8 + 16


@pytest.mark.compat(
    "Other packs and nodes", "Adapters that replace cross-attention, as IPAdapter does (stand-in)"
)
def test_a_replacement_of_one_transformer_is_called(lab: ModuleType, model: Any) -> None:
    calls: list[int] = []
    patched = model.clone()
    patched.set_model_attn2_replace(adapter(calls), "output", 2, 0)
    assert not torch.equal(check_guided(lab, patched), lab.plain(model))
    assert len(calls) == 4 + 4 + 8


@pytest.mark.compat(
    "Other packs and nodes", "Attention overrides, with or without gradient (stand-in)"
)
@pytest.mark.parametrize("detaching", [True, False])
def test_an_attention_override_without_gradient_is_repaired(
    lab: ModuleType, model: Any, monkeypatch: pytest.MonkeyPatch, detaching: bool
) -> None:
    from selfguidance.guidance.acting import Acting

    gradients, calls = [], []
    original = Acting.gradient

    def spy(*arguments: Any) -> Any:
        gradients.append(original(*arguments))
        return gradients[-1]

    def override(function: Callable, *arguments: Any, **named: Any) -> torch.Tensor:
        calls.append(function)
        out = function(*arguments, **named)
        return out.detach() if detaching else out

    expected, _ = lab.guided(model, [lab.position()])
    patched = model.clone()
    patched.model_options["transformer_options"]["optimized_attention_override"] = override
    check_guided(lab, patched)
    monkeypatch.setattr(Acting, "gradient", spy)
    samples, _ = lab.guided(patched, [lab.position()])
    assert calls
    assert len(gradients) == 4 and all(g.abs().max() > 0 for g, _ in gradients)
    torch.testing.assert_close(samples, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.compat(
    "Other packs and nodes", "Post-CFG functions that call the model again, as PAG does (stand-in)"
)
def test_a_post_cfg_function_may_call_the_model_again(lab: ModuleType, model: Any) -> None:
    """As perturbed-attention guidance does: another pass with weakened self-attention."""
    import comfy.model_patcher
    import comfy.samplers

    calls = []

    def weakened(q: Any, k: Any, v: torch.Tensor, extra: Any) -> torch.Tensor:
        return v

    def perturbed(args: Any) -> torch.Tensor:
        options = comfy.model_patcher.set_model_options_patch_replace(
            args["model_options"].copy(), weakened, "attn1", "middle", 0
        )
        calls.append(args["sigma"])
        (other,) = comfy.samplers.calc_cond_batch(
            args["model"], [args["cond"]], args["input"], args["sigma"], options
        )
        return args["denoised"] + 0.5 * (args["cond_denoised"] - other)

    patched = model.clone()
    patched.set_model_sampler_post_cfg_function(perturbed)
    assert not torch.equal(check_guided(lab, patched), lab.plain(model))
    assert len(calls) == 12


def controlled(conditioning: list[Any]) -> list[Any]:
    """The conditioning with a net that adds to a decoder block, its weights made inside a node."""
    from comfy.controlnet import ControlBase

    class Control(ControlBase):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Conv2d(4, 64, 3, padding=1, stride=2)
            with torch.no_grad():
                generator = torch.Generator().manual_seed(6)
                self.layer.weight.copy_(torch.randn(64, 4, 3, 3, generator=generator) / 4)
                self.layer.bias.zero_()

        def get_control(self, x_noisy: torch.Tensor, *_: Any) -> dict[str, Any]:
            scaled = x_noisy / x_noisy.std()
            return {"middle": [self.layer(scaled)], "output": [], "input": []}

        def get_models(self) -> list[Any]:
            return []

        def copy(self) -> Any:
            return self

    with torch.inference_mode():
        control = Control()
    return [[cond, {**extra, "control": control}] for cond, extra in conditioning]


@pytest.mark.compat("Other packs and nodes", "ControlNet (stand-in)")
def test_a_controlnet_keeps_its_effect(lab: ModuleType, model: Any) -> None:
    positive = controlled(lab.embedded())
    plain = check_guided(lab, model, positive=positive, negative=lab.empty())
    assert not torch.equal(plain, lab.plain(model))


@pytest.mark.compat("Other packs and nodes", "LoRA as weight patches")
@pytest.mark.parametrize("inference", [True, False], ids=["inference", "outside"])
def test_a_lora_counts_and_is_taken_off_again(lab: ModuleType, inference: bool) -> None:
    with torch.inference_mode(inference):
        model = lab.unet("shapes")
    before = lab.plain(model)
    key = "diffusion_model.output_blocks.2.1.transformer_blocks.0.attn2.to_k.weight"
    weight = model.model.state_dict()[key]
    generator = torch.Generator().manual_seed(4)
    up, down = torch.randn(len(weight), 4, generator=generator), torch.randn(4, weight.shape[1])
    patched = model.clone()
    assert patched.add_patches({key: ("diff", (0.05 * up @ down,))}, 0.7) == [key]
    assert not torch.equal(check_guided(lab, patched), before)
    assert torch.equal(lab.plain(model), before)
    assert torch.equal(lab.guided(model)[0], before)


@pytest.mark.compat("Other packs and nodes", "The order of patches does not matter")
def test_the_order_of_patches_does_not_matter(lab: ModuleType, model: Any) -> None:
    import nodes
    from selfguidance.guidance.settings import Settings
    from selfguidance.nodes.engine.attach import attached

    settings = Settings((lab.position(),))
    results = []
    for ours_first in (True, False):
        calls: list[int] = []
        patched = model.clone()
        if ours_first:
            patched = attached(patched, settings)
        patched.set_model_attn2_replace(adapter(calls), "output", 2)
        patched.set_model_sampler_post_cfg_function(lambda args: 0.9 * args["denoised"])
        if not ours_first:
            patched = attached(patched, settings)
        inputs = lab.settings()
        denoise, latent = inputs.pop("denoise"), inputs.pop("latent_image")
        with torch.inference_mode():
            (result,) = nodes.common_ksampler(patched, **inputs, latent=latent, denoise=denoise)
        results.append(result["samples"])
        assert calls
    assert torch.equal(*results)
    assert not torch.equal(results[0], lab.guided(model, [lab.position()])[0])


@pytest.mark.compat("Conditionings", "Several positives")
def test_two_prompts_side_by_side_are_both_read(lab: ModuleType, model: Any) -> None:
    both = lab.embedded(1) + lab.embedded(5, words=["green", "star"], first=4)
    check_guided(lab, model, positive=both, negative=lab.empty())
    for name in ("red circle", "green star"):
        inputs = {"positive": both, "negative": lab.empty()}
        _, record = lab.guided(model, [lab.position(name)], **inputs)
        assert record.table.find(name)
        maps = record.steps[0].properties.maps["output", 2, 0]
        assert maps.shape == (1, len(lab.WORDS) + 2, 8, 8)


@pytest.mark.compat("Conditionings", "Several positives")
@pytest.mark.parametrize("length", [77, 154], ids=["same", "longer"])
def test_both_prompts_maps_are_those_of_each_alone(
    lab: ModuleType, model: Any, length: int
) -> None:
    """ComfyUI runs both in one call, and repeats the shorter one until the lengths agree."""
    first = lab.embedded(1)
    second = lab.embedded(5, words=["green", "star"], first=4, length=length)
    # with cfg 1 the model sees nothing but the one prompt
    alone = [
        lab.guided(model, positive=p, negative=lab.empty(), steps=1, cfg=1.0)[1]
        for p in (first, second)
    ]
    _, both = lab.guided(model, positive=first + second, negative=lab.empty(), steps=1)
    for site, maps in both.steps[0].properties.maps.items():
        expected = torch.cat([r.steps[0].properties.maps[site] for r in alone], 1)
        torch.testing.assert_close(maps, expected, rtol=5e-3, atol=1e-4)


@pytest.mark.compat("Conditionings", "Prompts over 77 tokens, the phrase in a later chunk")
@pytest.mark.parametrize("partner", [77, 154])
def test_a_phrase_in_the_second_chunk_of_a_long_prompt_is_found(
    lab: ModuleType, model: Any, partner: int
) -> None:
    long = lab.embedded(1, first=80, length=154)
    short = lab.embedded(7, words=["green", "star"], length=partner)
    inputs = {"positive": long + short, "negative": lab.empty()}
    check_guided(lab, model, **inputs)
    _, record = lab.guided(model, positive=long, negative=lab.empty(), steps=1)
    _, moved = lab.guided(
        model, positive=lab.embedded(1, 2 * ["other"], 1, 154), steps=1, negative=lab.empty()
    )
    seen = record.steps[0].properties.maps["output", 2, 0]
    assert not torch.allclose(seen[:, 1], moved.steps[0].properties.maps["output", 2, 0][:, 1])


@pytest.mark.compat("Conditionings", "A positive limited to an area")
def test_a_prompt_limited_to_an_area_can_be_guided(lab: ModuleType, model: Any) -> None:
    import nodes

    part = nodes.ConditioningSetArea().append(lab.embedded(), 32, 64, 0, 0, 1.0)[0]
    check_guided(lab, model, positive=lab.embedded(3) + part, negative=lab.empty())


@pytest.mark.compat("Conditionings", "A positive limited to a mask")
def test_a_prompt_limited_to_a_mask_can_be_guided(lab: ModuleType, model: Any) -> None:
    import nodes

    mask = torch.zeros(1, 64, 64)
    mask[:, :, :32] = 1
    part = nodes.ConditioningSetMask().append(lab.embedded(), mask, "default", 1.0)[0]
    check_guided(lab, model, positive=part + lab.embedded(3), negative=lab.empty())


@pytest.mark.compat("Conditionings", "Positives limited in time")
def test_a_prompt_limited_in_time_can_be_guided(lab: ModuleType, model: Any) -> None:
    import nodes

    early = nodes.ConditioningSetTimestepRange().set_range(lab.embedded(), 0.0, 0.4)[0]
    late = nodes.ConditioningSetTimestepRange().set_range(lab.embedded(3), 0.4, 1.0)[0]
    check_guided(lab, model, positive=early + late, negative=lab.empty())
