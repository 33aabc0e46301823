"""Layers that make their weight at every call, quantised or of other packs, under gradients."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import torch
from selfguidance.tests.host.weights import FP8, born, check, gradient, layers, patched, plain
from torch import Tensor, nn

__all__ = ["gradient"]


def quantised(lab: ModuleType, full: bool) -> Any:
    """A MODEL whose Linear layers hold float8 with a scale, by ComfyUI's own layers."""
    import comfy.ops

    if not hasattr(comfy.ops, "mixed_precision_ops"):
        pytest.skip("this ComfyUI has no quantised layers")
    model = born(lab)
    names = [name for name, _ in layers(model, nn.Linear)]
    with torch.inference_mode():
        for name in names:
            parent = model.model.diffusion_model.get_submodule(name.rpartition(".")[0])
            old = model.model.diffusion_model.get_submodule(name)
            setattr(parent, name.rpartition(".")[2], quantised_layer(old, full))
    return model


def quantised_layer(old: Any, full: bool) -> Any:
    import json

    import comfy.ops

    scale = old.weight.abs().max() / 448
    state = {
        "weight": (old.weight / scale).to(FP8),
        "weight_scale": scale.float(),
    }
    if not full:  # of older hosts, those round what enters that know how far it reaches
        state["input_scale"] = torch.tensor(16 / 448)
    if old.bias is not None:
        state["bias"] = old.bias
    config = {"layer": {"format": "float8_e4m3fn", "params": {}}}
    kinds = comfy.ops.mixed_precision_ops(config, torch.float32, full_precision_mm=full)
    layer = kinds.Linear(old.in_features, old.out_features, old.bias is not None, device="cpu")
    quant = json.dumps({"format": "float8_e4m3fn"}).encode()
    if "layer_conf" in comfy.ops.mixed_precision_ops.__code__.co_names or newer(layer):
        state["comfy_quant"] = torch.tensor(list(quant), dtype=torch.uint8)
    prefixed = {f"layer.{name}": value for name, value in state.items()}
    layer._load_from_state_dict(prefixed, "layer.", {}, True, [], [], [])
    assert hasattr(layer.weight, "dequantize") and layer.weight._qdata.dtype == FP8
    return layer.requires_grad_(False)


def newer(layer: Any) -> bool:
    """Whether the layer finds its format in the checkpoint rather than in its own class."""
    import comfy.ops

    moved = hasattr(comfy.ops, "_load_quantized_module")  # a function since 0.33
    return moved or hasattr(type(layer), "_load_scale_param")


@pytest.mark.compat("Weights", "quantised layers")
def test_quantised_layers_give_the_gradient_of_their_values(
    lab: ModuleType, gradient: Callable
) -> None:
    model = quantised(lab, full=True)
    check(gradient(model), gradient(plain(lab, model)), tolerance=1e-3)


@pytest.mark.compat("Weights", "quantised layers")
@pytest.mark.parametrize("full", [True, False], ids=["weights", "activations too"])
def test_one_quantised_layer_passes_on_its_weight_times_the_gradient(
    lab: ModuleType, full: bool
) -> None:
    from selfguidance.nodes.engine.autograd.frozen import frozen

    layer = (
        quantised(lab, full).model.diffusion_model.middle_block[1].transformer_blocks[0].attn1.to_q
    )
    x = torch.randn(2, 5, layer.in_features, requires_grad=True)
    upstream = torch.randn(2, 5, layer.out_features)
    frozen(layer)(x).backward(upstream)
    torch.testing.assert_close(x.grad, upstream @ layer.weight.dequantize())


class Straight(nn.Module):
    """A layer of float32 values whose output is that of a quantised one, to autograd its own."""

    def __init__(self, layer: nn.Linear, quantised: nn.Module) -> None:
        super().__init__()
        self.weight, self.bias = layer.weight, layer.bias
        self.rounded = [quantised]  # in a list, to be no part of this model

    def forward(self, x: Tensor) -> Tensor:
        exact = nn.functional.linear(x, self.weight, self.bias)
        with torch.no_grad():
            value = self.rounded[0](x.detach())
        return value + (exact - exact.detach())


@pytest.mark.compat("Weights", "quantised layers and activations")
def test_quantised_activations_are_rounded_and_pass_the_gradient_straight_through(
    lab: ModuleType, gradient: Callable
) -> None:
    """Rounding has no slope: the gradient is that of the values, at what is rounded."""
    model = quantised(lab, full=False)
    expected = plain(lab, model)
    unrounded = gradient(expected)
    for name, layer in layers(expected, nn.Linear):
        parent = expected.model.diffusion_model.get_submodule(name.rpartition(".")[0])
        theirs = model.model.diffusion_model.get_submodule(name)
        setattr(parent, name.rpartition(".")[2], Straight(layer, theirs))
    found = gradient(model)
    check(found, gradient(expected), tolerance=1e-3)
    assert (found - unrounded).norm() > 0.01 * unrounded.norm()


class Packed(nn.Module):
    """A layer of another pack, which unpacks its weight at every call in a way of its own."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        top = layer.weight.abs().amax()
        codes = (layer.weight / top * 127).round().to(torch.int8)
        self.codes = nn.Parameter(codes, requires_grad=False)
        self.register_buffer("top", top.clone())
        self.bias = layer.bias

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.linear(x, self.codes * (self.top / 127), self.bias)


@pytest.mark.compat("Weights", "layers of other packs that unpack their weights (GGUF-like)")
def test_layers_that_unpack_their_weight_give_the_plain_gradient(
    lab: ModuleType, gradient: Callable
) -> None:
    expected, model = born(lab, inference=False), born(lab)
    with torch.inference_mode():
        for name, old in layers(model, nn.Linear):
            parent = model.model.diffusion_model.get_submodule(name.rpartition(".")[0])
            setattr(parent, name.rpartition(".")[2], Packed(old))
    with torch.no_grad():
        for name, layer in layers(expected, nn.Linear):
            packed = model.model.diffusion_model.get_submodule(name)
            layer.weight.copy_(packed.codes * (packed.top / 127))
    check(gradient(model), gradient(expected))


@pytest.mark.compat("Weights", "adapters in the forward of a layer (bypass LoRA)")
def test_adapters_of_inference_tensors_give_the_plain_gradient(
    lab: ModuleType, gradient: Callable
) -> None:
    exact = {"dtype": torch.float64}  # sums in another order: of a float32 one may pass a kink
    patches, expected = patched(lab, **exact)
    model = born(lab, **exact)
    for name, layer in layers(model, nn.Linear):
        with torch.inference_mode():
            added = patches[f"diffusion_model.{name}.weight"][1][0].double() * 0.4
        layer.forward = adapted(layer.forward, added)
    with torch.no_grad():  # the adapters sit on the Linear layers alone
        fresh = dict(layers(born(lab, inference=False, **exact), nn.Conv2d))
        for name, layer in layers(expected, nn.Conv2d):
            layer.weight.copy_(fresh[name].weight)
    check(gradient(model), gradient(expected))


def adapted(forward: Callable, added: Tensor) -> Callable:
    return lambda x: forward(x) + nn.functional.linear(x, added)


def test_what_a_frozen_layer_returns_may_be_changed_in_place(lab: ModuleType) -> None:
    """Layers of three-dimensional input return a view, on which autograd would not allow it."""
    import comfy.ops
    from selfguidance.nodes.engine.autograd.frozen import frozen

    with torch.inference_mode():
        layer = comfy.ops.manual_cast.Linear(4, 4, dtype=torch.bfloat16)
        layer.weight.copy_(torch.eye(4))
        layer.bias.copy_(torch.zeros(4))
    x = torch.ones(1, 3, 4, requires_grad=True)
    out = frozen(layer)(x)
    out[:, :1] *= 2
    out += 1
    (slope,) = torch.autograd.grad(out.sum(), x)
    torch.testing.assert_close(slope, torch.tensor([2.0, 1, 1])[None, :, None].expand(1, 3, 4))
