"""Patches that hold inference tensors, as other packs make them in nodes, however memory is used.

Blocks that are computed again run in the backward pass, so what makes a patch differentiable must
be there, too. The gradient has to be the one of a graph that is kept.
"""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import torch
from selfguidance.tests.host.engine.test_company import controlled
from selfguidance.tests.host.weights import born, patched
from torch import Tensor

Model = Any
SIDE = 8
# Memory is enough, is saved, or ends once, after which blocks are computed again.
HOLDINGS = ("auto", "save memory", "auto, out of memory")


def held(*shape: int) -> Tensor:
    """What a pack has made in a node."""
    with torch.inference_mode():
        return 1 + 0.2 * torch.rand(shape, generator=torch.Generator().manual_seed(7))


def attn2_patch(model: Model) -> None:
    gain = held(1)
    model.set_model_attn2_patch(lambda n, context, value, _: (n * gain, context, value))


def attn2_output_patch(model: Model) -> None:
    gain = held(1)
    model.set_model_attn2_output_patch(lambda n, _: (n * gain).sin())


def output_block_patch(model: Model) -> None:
    gain = held(1, 1, 1, 1)
    model.set_model_output_block_patch(lambda h, skip, _: (h * gain, (skip * gain).tanh()))


def attention_override(model: Model) -> None:
    gain = held(1)

    def override(function: Callable, *args: Any, **named: Any) -> Tensor:
        return function(*args, **named) * gain

    model.model_options["transformer_options"]["optimized_attention_override"] = override


def replacement(model: Model) -> None:
    """As IPAdapter: attention to the words, and to the tokens of a picture."""
    tokens = {width: held(1, 4, width) for width in (32, 64, 128)}

    def attention(q: Tensor, k: Tensor, v: Tensor, extra: Any) -> Tensor:
        from comfy.ldm.modules.attention import optimized_attention

        seen = tokens[q.shape[-1]].expand(len(q), -1, -1)
        heads = extra["n_heads"]
        return optimized_attention(q, k, v, heads) + optimized_attention(q, seen, seen, heads)

    for block in (3, 4, 5):
        model.set_model_attn2_replace(attention, "output", block)


def controlnet(model: Model) -> None:
    """The ControlNet comes with the conditioning; this adds a patch that holds its strength."""
    strength = held(1, 1, 1, 1)
    model.set_model_input_block_patch(lambda h, _: (h * strength).tanh())


PATCHES = (
    attn2_patch,
    attn2_output_patch,
    output_block_patch,
    attention_override,
    replacement,
    controlnet,
)


def plain_weights(lab: ModuleType) -> Model:
    return born(lab)


def cast_weights(lab: ModuleType) -> Model:
    return born(lab, dtype=torch.bfloat16, cast=torch.float32)


def lora_weights(lab: ModuleType) -> Model:
    patches, _ = patched(lab)
    model = born(lab)
    with torch.inference_mode():
        model.add_patches(patches, 0.4)
        model.load(torch.device("cpu"), lowvram_model_memory=1)
    return model


@pytest.fixture(
    scope="module", params=[plain_weights, cast_weights, lora_weights], ids=lambda f: f.__name__
)
def model(lab: ModuleType, request: pytest.FixtureRequest) -> Model:
    return request.param(lab)


@pytest.fixture(scope="module")
def record(lab: ModuleType) -> Any:
    return lab.guided(born(lab), steps=1, latent_image=lab.latent(1, SIDE, SIDE))[1]


@pytest.fixture(scope="module")
def unpatched(lab: ModuleType, model: Model, record: Any) -> Tensor:
    """The gradient without any patch."""
    return gradient(lab, model, record, "fast", positive=lab.embedded(), negative=lab.empty())


def starving(lab: ModuleType, times: int) -> Any:
    """A term for which memory ends in its first calls."""
    import comfy.model_management as management
    from selfguidance.guidance.terms.reference import Position

    left = [None] * times

    class Starving(Position):
        def __call__(self, seen: Any) -> Tensor:
            if left:
                left.pop()
                raise management.OOM_EXCEPTION("out of memory")
            return super().__call__(seen)

    return Starving(object="red circle", x=0.8, y=0.3)


def gradient(lab: ModuleType, model: Model, record: Any, memory: str, **inputs: Any) -> Tensor:
    """What guidance takes in one step."""
    from selfguidance.guidance.terms.appearance import Appearance
    from selfguidance.tests.host.slopes import watched

    holding, _, ends = memory.partition(", ")
    terms = [
        starving(lab, times=1 if ends else 0),
        Appearance(object="red circle", reference=record, reference_object="blue square"),
    ]
    latent = lab.latent(1, SIDE, SIDE)
    with watched() as seen:
        lab.guided(model, terms, memory=holding, steps=1, latent_image=latent, **inputs)
    return seen.gradient


@pytest.mark.compat("Other packs and nodes", "Patches with tensors of a node, any memory setting")
@pytest.mark.parametrize("patch", PATCHES, ids=lambda f: f.__name__)
def test_a_patch_that_holds_inference_tensors_has_the_same_gradient_in_every_memory_setting(
    lab: ModuleType,
    model: Model,
    record: Any,
    unpatched: Tensor,
    patch: Callable[[Model], None],
) -> None:
    changed = model.clone()
    patch(changed)
    positive = lab.embedded()
    inputs = {
        "positive": controlled(positive) if patch is controlnet else positive,
        "negative": lab.empty(),
    }
    expected = gradient(lab, changed, record, "fast", **inputs)
    assert (expected - unpatched).norm() > 1e-3 * unpatched.norm()
    for memory in HOLDINGS:
        found = gradient(lab, changed, record, memory, **inputs)
        error = float((found - expected).norm() / expected.norm())
        assert error <= 1e-6, f"{memory}: relative error {error:.2g}"
