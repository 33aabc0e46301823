"""ComfyUI's conditioning nodes behind the Prompt node: the object still goes where it is sent."""

from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

CIRCLE, SQUARE = "a red circle", "a blue square"
BOTH = f"{CIRCLE} and {SQUARE}"
STEPS = 8

Encode = Callable[[str], list[Any]]


@pytest.fixture(scope="module")
def ours(shapes: tuple[Any, Any, Any]) -> Encode:
    """The Prompt node on the Shapes model's CLIP."""
    return lambda text: prompt(shapes[1], text)


@pytest.fixture(scope="module")
def plain(shapes: tuple[Any, Any, Any]) -> Encode:
    """ComfyUI's CLIP Text Encode, which knows no words."""
    import nodes

    def encode(text: str) -> list[Any]:
        with torch.inference_mode():
            return nodes.CLIPTextEncode().encode(shapes[1], text)[0]

    return encode


def prompt(clip: Any, text: str) -> list[Any]:
    from selfguidance.nodes.prompts import Prompt

    with torch.inference_mode():
        return Prompt.execute(clip, text).args[0]


def timed(conditioning: list[Any], start: float, end: float) -> list[Any]:
    import nodes

    return nodes.ConditioningSetTimestepRange().set_range(conditioning, start, end)[0]


def combined(ours: Encode, plain: Encode) -> list[Any]:
    import nodes

    return nodes.ConditioningCombine().combine(ours(CIRCLE), ours(SQUARE))[0]


def partly_known(ours: Encode, plain: Encode) -> list[Any]:
    import nodes

    return nodes.ConditioningCombine().combine(plain(SQUARE), ours(CIRCLE))[0]


def averaged(ours: Encode, plain: Encode) -> list[Any]:
    import nodes

    return nodes.ConditioningAverage().addWeighted(ours(BOTH), plain("a green star"), 0.8)[0]


def joined(ours: Encode, plain: Encode) -> list[Any]:
    import nodes

    return nodes.ConditioningConcat().concat(ours(CIRCLE), plain(SQUARE))[0]


def masked(ours: Encode, plain: Encode) -> list[Any]:
    import nodes

    mask = torch.zeros(1, 128, 128)
    mask[:, :, :64] = 1
    node = nodes.ConditioningSetMask()
    left = node.append(ours(CIRCLE), mask, "default", 1.0)[0]
    return left + node.append(ours(SQUARE), 1 - mask, "mask bounds", 0.8)[0]


def zeroed_in_part(ours: Encode, plain: Encode) -> list[Any]:
    import nodes

    return ours(BOTH) + nodes.ConditioningZeroOut().zero_out(ours("a green star"))[0]


def stronger(ours: Encode, plain: Encode) -> list[Any]:
    import nodes

    node = nodes.ConditioningSetAreaStrength()
    return node.append(ours(CIRCLE), 0.7)[0] + ours(SQUARE)


def styled(ours: Encode, plain: Encode) -> list[Any]:
    """Tokens of a picture behind the text, as T2I style adapters add them."""
    import nodes

    width = ours(BOTH)[0][0].shape[-1]
    generator = torch.Generator().manual_seed(3)
    tokens = 0.1 * torch.randn(1, 8, width, generator=generator)
    model = SimpleNamespace(get_cond=lambda picture: tokens.clone())
    node = nodes.StyleModelApply()
    return node.apply_stylemodel(ours(BOTH), model, None, 1.0, "multiply")[0]


def with_extras(ours: Encode, plain: Encode) -> list[Any]:
    import nodes

    return nodes.unCLIPConditioning().apply_adm(ours(BOTH), object(), 1.0, 0.1)[0]


GRAPHS = (
    *(combined, partly_known, averaged, joined, masked, zeroed_in_part, stronger),
    *(styled, with_extras),
)


def check_moved(lab: ModuleType, model: Any, positive: list[Any], negative: list[Any]) -> None:
    """The red circle goes to the far quarter, and the energy falls to a part of the unguided."""
    inputs = {"positive": positive, "negative": negative, "steps": STEPS}
    inputs["latent_image"] = lab.latent(1, 16, 16)
    samples, before = lab.guided(model, **inputs)
    assert torch.equal(samples, lab.plain(model, **inputs))
    start = before.settled().centroid("red circle").mean(1)[0]
    target = torch.where(start < 0.5, 0.75, 0.25)
    term = lab.position("red circle", *target.tolist())
    _, after = lab.guided(model, [term], **inputs)
    assert len(after.steps) == STEPS and all(step.guided for step in after)
    end = after.settled().centroid("red circle").mean(1)[0]
    assert (end - target).norm() < (start - target).norm() / 2
    assert after.steps[-1].energies[term.label][0] < float(term(before.at(0.0)).mean()) / 2


@pytest.mark.compat("Conditionings", "Combine, Average, Concat, Mask, Zero Out, style, unCLIP")
@pytest.mark.parametrize("graph", GRAPHS, ids=lambda graph: graph.__name__)
def test_the_object_goes_where_it_is_sent(
    lab: ModuleType, shapes: tuple[Any, Any, Any], ours: Encode, plain: Encode, graph: Callable
) -> None:
    with torch.inference_mode():
        positive = graph(ours, plain)
    check_moved(lab, shapes[0], positive, plain(""))


@pytest.mark.compat("Conditionings", "Clip skip and a LoRA on the CLIP")
def test_clip_skip_and_a_lora_on_the_clip_keep_the_words(
    lab: ModuleType, shapes: tuple[Any, Any, Any], ours: Encode, plain: Encode
) -> None:
    import nodes

    (skipping,) = nodes.CLIPSetLastLayer().set_last_layer(shapes[1], -2)
    patched = skipping.clone()
    key = next(
        k for k in patched.cond_stage_model.state_dict() if k.endswith("layers.0.mlp.fc1.weight")
    )
    weight = patched.cond_stage_model.state_dict()[key]
    generator = torch.Generator().manual_seed(5)
    added = 0.01 * torch.randn(weight.shape, generator=generator)
    assert list(patched.add_patches({key: ("diff", (added,))}, 1.0)) == [key]
    known = ours(BOTH)
    for clip in (skipping, patched):
        changed = prompt(clip, BOTH)
        assert not torch.equal(changed[0][0], known[0][0])
        assert changed[0][1]["self_guidance"] == known[0][1]["self_guidance"]
        known = changed
        check_moved(lab, shapes[0], changed, plain(""))


def test_maps_beside_added_tokens_are_those_of_the_model(
    lab: ModuleType, shapes: tuple[Any, Any, Any], ours: Encode, plain: Encode
) -> None:
    """The added tokens take their share of attention: the words have less of it than alone."""
    with torch.inference_mode():
        longer = joined(ours, plain)
    inputs = {"negative": plain(""), "steps": 1, "cfg": 1.0, "latent_image": lab.latent(1, 16, 16)}
    alone = lab.guided(shapes[0], positive=ours(CIRCLE), **inputs)[1].last
    beside = lab.guided(shapes[0], positive=longer, **inputs)[1].last
    for site, maps in alone.maps.items():
        assert beside.maps[site].shape == maps.shape
        assert beside.maps[site].float().mean() < 0.8 * maps.float().mean()


@pytest.mark.compat("Conditionings", "Texts joined by Concat, with Add Words")
def test_words_of_both_joined_texts_are_found_where_they_are_added(
    lab: ModuleType, shapes: tuple[Any, Any, Any], ours: Encode, plain: Encode
) -> None:
    from selfguidance.nodes.prompts import AddWords

    with torch.inference_mode():
        longer = joined(ours, plain)
        given = AddWords.execute(longer, shapes[1], f"{SQUARE} BREAK {CIRCLE}").args[0]
        swapped = AddWords.execute(longer, shapes[1], f"{CIRCLE} BREAK {SQUARE}").args[0]
    inputs = {"negative": plain(""), "steps": 1, "latent_image": lab.latent(1, 16, 16)}
    one, other = (lab.guided(shapes[0], positive=p, **inputs)[1].last for p in (given, swapped))
    for here, there in zip(one.map("blue square"), other.map("red circle"), strict=True):
        assert torch.equal(here, there)  # named the other way round, the maps change names
    check_moved(lab, shapes[0], swapped, plain(""))


def test_objects_of_added_text_are_refused_with_what_to_do(
    lab: ModuleType, shapes: tuple[Any, Any, Any], ours: Encode, plain: Encode
) -> None:
    with torch.inference_mode():
        longer = joined(ours, plain)
    inputs = {"positive": longer, "negative": plain("")}
    with pytest.raises(ValueError, match=r"'blue square' is not .* 77 tokens more.* Add Words"):
        lab.guided(shapes[0], [lab.position("blue square")], **inputs)
    with pytest.raises(ValueError, match=r"Write the object exactly as the prompt does$"):
        lab.guided(shapes[0], [lab.position("star")], **{**inputs, "positive": ours(CIRCLE)})


def test_a_cut_conditioning_is_refused(lab: ModuleType, ours: Encode, plain: Encode) -> None:
    cut = [[cond[:, :40], extra] for cond, extra in ours(CIRCLE)]
    with torch.inference_mode():
        model = lab.unet("shapes")
    with pytest.raises(ValueError, match=r"holds 40 tokens, but the token table .* describes 77"):
        lab.guided(model, [lab.position()], positive=cut, negative=plain(""))


@pytest.mark.compat("Conditionings", "Positives limited in time")
def test_a_term_acts_while_the_prompt_of_its_object_takes_part(
    lab: ModuleType, shapes: tuple[Any, Any, Any], ours: Encode, plain: Encode
) -> None:
    positive = timed(ours(CIRCLE), 0.0, 0.5) + timed(ours(SQUARE), 0.5, 1.0)
    inputs = {"positive": positive, "negative": plain(""), "steps": STEPS}
    inputs["latent_image"] = lab.latent(1, 16, 16)
    terms = [lab.position("red circle", 0.3, 0.3), lab.position("blue square", 0.3, 0.3)]
    _, record = lab.guided(shapes[0], terms, **inputs)
    acting = [set(step.energies) for step in record]
    turn = acting.index({terms[1].label})
    assert 2 <= turn <= STEPS - 2
    assert acting == [{terms[0].label}] * turn + [{terms[1].label}] * (STEPS - turn)
    falling = [step.energies[terms[0].label][0] for step in record.steps[:turn]]
    assert falling[-1] < falling[0] / 2
    _, first = lab.guided(shapes[0], terms[:1], **inputs)
    assert [step.guided for step in first] == [True] * turn + [False] * (STEPS - turn)


def test_steps_without_a_prompt_of_words_are_left_alone(
    lab: ModuleType, shapes: tuple[Any, Any, Any], ours: Encode, plain: Encode
) -> None:
    """From where the words end, the run goes on as an unguided one from the same latent."""
    import nodes

    positive = timed(ours(BOTH), 0.0, 0.5) + timed(plain(BOTH), 0.5, 1.0)
    terms = [lab.position("red circle", 0.3, 0.3)]
    inputs = {"positive": positive, "negative": plain(""), "steps": STEPS}
    inputs["latent_image"] = lab.latent(1, 16, 16)
    whole, record = lab.guided(shapes[0], terms, **inputs)
    guided = len(record.steps)
    assert 2 <= guided <= STEPS - 2
    settings = lab.settings(**inputs)
    latent, denoise = settings.pop("latent_image"), settings.pop("denoise")
    start = {"last_step": guided, "force_full_denoise": False, "denoise": denoise}
    rest = {"start_step": guided, "disable_noise": True, "denoise": denoise}
    patched = lab.applied(shapes[0], terms)
    with torch.inference_mode():
        (half,) = nodes.common_ksampler(patched, **settings, latent=latent, **start)
        (end,) = nodes.common_ksampler(shapes[0], **settings, latent=half, **rest)
    torch.testing.assert_close(end["samples"], whole, rtol=1e-4, atol=1e-4)


@pytest.mark.compat("Other packs and nodes", "GLIGEN")
def test_gligen_keeps_its_effect_and_the_object_is_steered(lab: ModuleType) -> None:
    import nodes
    from comfy import gligen
    from comfy.model_patcher import ModelPatcher

    widths = [32] * 2 + [64] * 2 + [128] * 6 + [64] * 3 + [32] * 3  # of the transformers in order
    cpu, generator = torch.device("cpu"), torch.Generator().manual_seed(7)
    with torch.inference_mode():
        model = lab.unet("sd15")
        layers = [gligen.GatedSelfAttentionDense(w, 768, 8, w // 8) for w in widths]
        boxes = gligen.Gligen(layers, gligen.PositionNet(768, 768), 768)
        for parameter in boxes.parameters():
            parameter.requires_grad_(False)
            parameter.copy_(0.05 * torch.randn(parameter.shape, generator=generator))
        pooled = torch.randn(1, 768, generator=generator)
        clip = SimpleNamespace(tokenize=str, encode_from_tokens=lambda *_, **__: (None, pooled))
        patcher = ModelPatcher(boxes, load_device=cpu, offload_device=cpu)
        node = nodes.GLIGENTextBoxApply()
        positive = node.append(lab.embedded(), clip, patcher, "red circle", 64, 64, 0, 0)[0]
    inputs = {"positive": positive, "negative": lab.empty()}
    unguided = lab.plain(model, **inputs)
    assert not torch.equal(unguided, lab.plain(model))
    assert torch.equal(lab.guided(model, **inputs)[0], unguided)
    traced = []
    layers[0].register_forward_pre_hook(lambda *_: traced.append(torch.is_grad_enabled()))
    samples, record = lab.guided(model, [lab.position()], **inputs)
    assert any(traced)  # what it adds depends on the latent, too, and counts in the gradient
    assert torch.isfinite(samples).all() and not torch.equal(samples, unguided)
    assert all(step.guided for step in record)
