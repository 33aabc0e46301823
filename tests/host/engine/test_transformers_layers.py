"""Gradients of transformers whose weights are streamed, quantised, or have LoRAs beside them."""

from contextlib import AbstractContextManager, nullcontext
from types import ModuleType
from typing import Any

import pytest
import torch
from selfguidance.tests.host.engine.test_layers import quantised_layer
from selfguidance.tests.host.engine.test_transformers_weights import gradient, ordinary
from selfguidance.tests.host.engine.test_weights import one_buffer
from selfguidance.tests.host.weights import check, streaming
from torch import nn

NAMES = ("z-image", "flux", "qwen-image", "wan-1.3b")
each = pytest.mark.parametrize("name", NAMES)
# the deepest takes as long as all others together, and has the same layers
DEEPEST = pytest.param("qwen-image", marks=pytest.mark.exhaustive)
SHALLOW = [DEEPEST if name == "qwen-image" else name for name in NAMES]


def built(nets: ModuleType, name: str, **how: Any) -> Any:
    with torch.inference_mode():
        return nets.built(name, **how)


def check_both(
    lab: ModuleType,
    nets: ModuleType,
    name: str,
    model: Any,
    expected: Any,
    within: AbstractContextManager[None] | None = None,
) -> None:
    """Fails unless the model, within a context, has the gradient of the expected one outside it.

    Both where blocks are kept and where they are recomputed.
    """
    from selfguidance.guidance.settings import MemoryMode

    right = gradient(lab, nets, name, expected, memory=MemoryMode.FAST)
    with within or nullcontext():
        for memory in (MemoryMode.FAST, MemoryMode.SAVE):
            check(gradient(lab, nets, name, model, memory=memory), right)


def matrices(model: Any) -> list[tuple[str, Any]]:
    """The linear layers of the blocks, by name."""
    named = model.model.diffusion_model.named_modules()
    return [(n, m) for n, m in named if isinstance(m, nn.Linear) and any(map(str.isdigit, n))]


def lora(model: Any, rank: int = 4) -> tuple[dict[str, Any], dict[str, Any]]:
    """The weights of a LoRA as a file holds them, and what it adds to each layer."""
    held, added = {}, {}
    generator = torch.Generator().manual_seed(8)
    for name, layer in matrices(model):
        rows, columns = layer.weight.shape
        up = torch.randn(rows, rank, generator=generator) / 10
        down = torch.randn(rank, columns, generator=generator) / columns**0.5
        held[f"diffusion_model.{name}.lora_up.weight"] = up
        held[f"diffusion_model.{name}.lora_down.weight"] = down
        added[name] = up @ down
    return held, added


def with_lora(nets: ModuleType, name: str, model: Any, strength: float = 0.6) -> Any:
    """A MODEL of ordinary weights with the LoRA for good."""
    expected = ordinary(nets, name, model)
    added = lora(model)[1]
    with torch.no_grad():
        for key, layer in matrices(expected):
            layer.weight += strength * added[key]
    return expected


def loaded(model: Any, bypass: bool, like: Any = None, strength: float = 0.6) -> Any:
    """The MODEL behind ComfyUI's loader of LoRAs, with that for the linear layers of `like`."""
    import comfy.sd

    load = getattr(comfy.sd, "load_bypass_lora_for_models" if bypass else "load_lora_for_models", 0)
    if not load:
        pytest.skip("this ComfyUI has no bypass LoRA")
    with torch.inference_mode():
        held = {key: weight.clone() for key, weight in lora(like or model)[0].items()}
        return load(model, None, held, strength, 0.0)[0]


@pytest.mark.compat("Weights", "Transformers: LoRA as bypass, {name}")
@each
def test_a_lora_beside_the_weights_gives_the_gradient_of_one_within_them(
    lab: ModuleType, nets: ModuleType, name: str
) -> None:
    from selfguidance.tests.host.traces import Snapshot

    model = built(nets, name)
    before, snapshot = gradient(lab, nets, name, model), Snapshot(model)
    beside = loaded(model, bypass=True)
    check_both(lab, nets, name, beside, with_lora(nets, name, model))
    found = gradient(lab, nets, name, beside)
    assert (found - before).norm() > 1e-2 * before.norm()
    run, terms = nets.settings(name, steps=2), [lab.position()]
    plain = lab.plain(beside, **run)
    assert torch.equal(lab.guided(beside, terms, 0.0, **run)[0], plain)
    guided = lab.guided(beside, terms, **run)[0]
    after = loaded(lab.applied(model, terms), bypass=True)
    assert torch.equal(lab.plain(after, **run), guided) and not torch.equal(guided, plain)
    check(gradient(lab, nets, name, model), before)
    del beside, after
    assert snapshot.stores.keys() == Snapshot(model).stores.keys()


@pytest.mark.compat("Weights", "Transformers: streamed with a LoRA (lowvram), {name}")
@pytest.mark.parametrize("name", SHALLOW)
def test_streamed_weights_of_a_transformer_give_the_plain_gradient(
    lab: ModuleType, nets: ModuleType, name: str
) -> None:
    """ComfyUI's own low memory loading: what does not fit is cast and patched at every call."""
    model = built(nets, name)
    expected = with_lora(nets, name, model)
    streamed = loaded(model, bypass=False)
    check_both(lab, nets, name, streamed, expected, streaming())
    assert sum(bool(layer.weight_function) for _, layer in matrices(streamed)) > 20


@pytest.mark.compat("Weights", "Transformers: streamed through one buffer, {name}")
@pytest.mark.parametrize("name", [*SHALLOW, "anima"])
def test_weights_of_a_transformer_in_a_reused_buffer_give_the_plain_gradient(
    lab: ModuleType, nets: ModuleType, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = built(nets, name, dtype=torch.bfloat16, cast=torch.float32)
    expected = ordinary(nets, name, model)
    check_both(lab, nets, name, model, expected, one_buffer(monkeypatch, slots=2))


def quantised(nets: ModuleType, name: str, full: bool) -> tuple[Any, Any]:
    """A MODEL whose blocks hold float8 with a scale, and one of ordinary weights of its values."""
    import comfy.ops

    if not hasattr(comfy.ops, "mixed_precision_ops"):
        pytest.skip("this ComfyUI has no quantised layers")
    model = built(nets, name)
    expected = ordinary(nets, name, model)
    plain = dict(matrices(expected))
    for key, old in matrices(model):
        parent = model.model.diffusion_model.get_submodule(key.rpartition(".")[0])
        with torch.inference_mode():
            layer = quantised_layer(old, full)
        setattr(parent, key.rpartition(".")[2], layer)
        with torch.no_grad():
            plain[key].weight.copy_(layer.weight.dequantize())
    return model, expected


@pytest.mark.compat("Weights", "Transformers: quantised layers, {name}")
@each
def test_quantised_layers_of_a_transformer_give_the_gradient_of_their_values(
    lab: ModuleType, nets: ModuleType, name: str
) -> None:
    model, expected = quantised(nets, name, full=True)
    check_both(lab, nets, name, model, expected)


@pytest.mark.compat("Weights", "Transformers: a LoRA as bypass on quantised layers, {name}")
@pytest.mark.parametrize("name", ["z-image", "flux"])
def test_a_lora_beside_quantised_weights_gives_the_gradient_of_both(
    lab: ModuleType, nets: ModuleType, name: str
) -> None:
    model, values = quantised(nets, name, full=True)
    beside = loaded(model, True, values)
    check_both(lab, nets, name, beside, with_lora(nets, name, values))


@pytest.mark.compat("Weights", "quantised layers with a scale for what enters (AWQ)")
def test_the_scale_of_what_enters_a_quantised_layer_is_in_its_gradient(
    lab: ModuleType, nets: ModuleType
) -> None:
    import comfy.ops
    from selfguidance.nodes.engine.autograd.frozen import frozen

    if not hasattr(comfy.ops, "_load_quantized_module"):
        pytest.skip("this ComfyUI has no scale for what enters a quantised layer")
    with torch.inference_mode():
        layer = quantised_layer(nn.Linear(8, 6), True)
        layer.pre_quant_scale = nn.Parameter(torch.rand(8) + 0.5, requires_grad=False)
    x, upstream = torch.randn(2, 5, 8, requires_grad=True), torch.randn(2, 5, 6)
    frozen(layer)(x).backward(upstream)
    expected = upstream @ layer.weight.dequantize() * layer.pre_quant_scale
    torch.testing.assert_close(x.grad, expected)


@pytest.mark.compat("Weights", "quantised layers: {kind}")
@pytest.mark.parametrize(
    "kind", ["float8_e5m2", "mxfp8", "int8_tensorwise", "convrot_w4a4", "asym_w4a8_int8"]
)
def test_a_layer_of_every_format_passes_on_its_weight_times_the_gradient(
    lab: ModuleType, kind: str
) -> None:
    import comfy.ops
    from selfguidance.nodes.engine.autograd.frozen import frozen

    formats = getattr(comfy.ops, "QUANT_ALGOS", {})
    if kind not in formats or not hasattr(comfy.ops, "_load_quantized_module"):
        pytest.skip(f"this ComfyUI has no {kind}")
    layout = formats[kind]["comfy_tensor_layout"]
    with torch.inference_mode():
        layer = comfy.ops.mixed_precision_ops({}, torch.float32).Linear(256, 128, False, "cpu")
        held = comfy.ops.QuantizedTensor.from_float(torch.randn(128, 256) / 16, layout)
        layer.weight = nn.Parameter(held, requires_grad=False)
    layer.quant_format, layer.layout_type = kind, layout
    x, upstream = torch.randn(2, 16, 256, requires_grad=True), torch.randn(2, 16, 128)
    frozen(layer)(x).backward(upstream)
    torch.testing.assert_close(x.grad, upstream @ layer.weight.dequantize())
