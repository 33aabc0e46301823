"""Gradients in every state in which ComfyUI keeps weights, against those of plain float32 weights.

A reference is a model of ordinary float32 weights that hold the same values, so that only the way
to them differs.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

FP8 = torch.float8_e4m3fn
SIGMA = 3.0
weights = pytest.mark.compat("Weights", "{state}")


@pytest.fixture
def gradient(lab: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Tensor]:
    """The gradient that the guide takes in one step of a model."""
    from selfguidance.guidance.guide import Guide

    original, seen = Guide.gradient, []

    def spy(guide: Any, *arguments: Any) -> Any:
        seen.append(original(guide, *arguments))
        return seen[-1]

    monkeypatch.setattr(Guide, "gradient", spy)

    def measured(model: Any, sigma: float = SIGMA) -> Tensor:
        seen.clear()
        noise = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(4)) * sigma
        guide = Guide(tuple((term, 1e9, 0.0) for term in terms(lab, model)))
        seen.clear()
        lab.one_step(model, guide, sigma, noise, lab.embedded(), lab.empty())
        ((taken, _),) = seen
        return taken

    return measured


def terms(lab: ModuleType, model: Any) -> list[Any]:
    """Terms that read attention and, further down, features."""
    from selfguidance.guidance import energies
    from selfguidance.guidance.guide import Guide

    noise = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(5)) * SIGMA
    record = lab.one_step(model, Guide(), SIGMA, noise, lab.embedded(), lab.empty()).record
    return [
        lab.position(),
        energies.Size(object="blue square", size=0.2),
        energies.Appearance(object="red circle", reference=record, source="blue square"),
    ]


def born(lab: ModuleType, inference: bool = True, **how: Any) -> Any:
    """A MODEL as a node makes it, or as what runs outside of nodes does."""
    with torch.inference_mode(inference):
        return lab.unet("sd15", **how)


def plain(lab: ModuleType, values: Any) -> Any:
    """A MODEL of ordinary float32 weights with the values of another one."""
    model = born(lab, inference=False)
    theirs = values.model.diffusion_model.state_dict()
    with torch.no_grad():
        for name, weight in model.model.diffusion_model.named_parameters():
            kept = theirs[name]
            weight.copy_(kept.dequantize() if hasattr(kept, "_qdata") else kept.float())
    return model


def ordinary_twin(lab: ModuleType, model: Any) -> Any:
    """The same MODEL of the same values, made outside of inference mode."""
    twin = born(lab, inference=False, dtype=model.model.get_dtype())
    twin.model.diffusion_model.load_state_dict(model.model.diffusion_model.state_dict())
    return twin


def layers(model: Any, kind: Any) -> list[tuple[str, Any]]:
    named = model.model.diffusion_model.named_modules()
    return [(name, layer) for name, layer in named if isinstance(layer, kind)]


def check(found: Tensor, expected: Tensor, tolerance: float = 1e-4) -> None:
    assert expected.abs().max() > 0
    error = (found - expected).norm() / expected.norm()
    assert error < tolerance, f"relative error {error:.2g}"


@weights
@pytest.mark.parametrize(
    ("state", "inference", "dtype"),
    [
        ("loaded, made outside of nodes", False, torch.float32),
        ("loaded by a node", True, torch.float32),
        ("bfloat16, cast at every call", True, torch.bfloat16),
        ("float16, cast at every call", True, torch.float16),
        ("float8, cast at every call", True, FP8),
    ],
)
def test_kept_and_cast_weights_give_the_plain_gradient(
    lab: ModuleType, gradient: Callable, state: str, inference: bool, dtype: torch.dtype
) -> None:
    cast = torch.float32 if dtype != torch.float32 else None
    model = born(lab, inference, dtype=dtype, cast=cast)
    check(gradient(model), gradient(plain(lab, model)))


@pytest.mark.compat("Weights", "float16 throughout")
def test_half_precision_keeps_small_gradients(lab: ModuleType, gradient: Callable) -> None:
    model = born(lab, dtype=torch.float16)
    check(gradient(model), gradient(plain(lab, model)), tolerance=0.05)


@pytest.mark.compat("Weights", "bfloat16 throughout")
def test_bfloat16_gives_the_gradient_to_its_precision(lab: ModuleType, gradient: Callable) -> None:
    """A network of random weights passes on eight bits of rounding many times over."""
    model = born(lab, dtype=torch.bfloat16)
    found, expected = gradient(model), gradient(plain(lab, model))
    assert torch.cosine_similarity(found.flatten(), expected.flatten(), 0) > 0.9
    assert torch.equal(found, gradient(ordinary_twin(lab, model)))


def patched(lab: ModuleType, strength: float = 0.4) -> tuple[dict[str, Any], Any]:
    """Differences of weights as ComfyUI patches them, and a MODEL that is patched for good."""
    model = born(lab, inference=False)
    generator = torch.Generator().manual_seed(8)
    patches = {}
    for name, layer in layers(model, (nn.Linear, nn.Conv2d)):
        noise = torch.randn(layer.weight.shape, generator=generator)
        patches[f"diffusion_model.{name}.weight"] = ("diff", (strength * noise / 20,))
    with torch.no_grad():
        for name, layer in layers(model, (nn.Linear, nn.Conv2d)):
            layer.weight += strength * patches[f"diffusion_model.{name}.weight"][1][0]
    return patches, model


@pytest.mark.compat("Weights", "streamed with LoRA patches (lowvram)")
def test_streamed_and_patched_weights_give_the_plain_gradient(
    lab: ModuleType, gradient: Callable
) -> None:
    """ComfyUI's own low memory loading: what does not fit is cast and patched at every call."""
    patches, expected = patched(lab)
    model = born(lab)
    with torch.inference_mode():
        assert len(model.add_patches(patches, 0.4)) == len(patches)
        model.load(torch.device("cpu"), lowvram_model_memory=1)
    streamed = [layer for _, layer in layers(model, nn.Linear) if layer.weight_function]
    assert len(streamed) > 20
    check(gradient(model), gradient(expected))


@contextmanager
def one_buffer(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every cast weight stands in one buffer, as newer hosts stream them."""
    import comfy.ops

    original = comfy.ops.cast_bias_weight
    with torch.inference_mode():
        buffer = torch.empty(1 << 22)

    def through_buffer(layer: Any, *args: Any, **kwargs: Any) -> Any:
        weight, *rest = original(layer, *args, **kwargs)
        slot = buffer[: weight.numel()].view(weight.shape)
        with torch.inference_mode():
            buffer[: weight.numel()].copy_(weight.flatten())
        return (slot, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(comfy.ops, "cast_bias_weight", through_buffer)
        yield


@pytest.mark.compat("Weights", "streamed through one buffer")
def test_weights_in_a_reused_buffer_give_the_plain_gradient(
    lab: ModuleType, gradient: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = born(lab, dtype=torch.bfloat16, cast=torch.float32)
    expected = gradient(plain(lab, model))
    with one_buffer(monkeypatch):
        check(gradient(model), expected)


def test_a_reused_buffer_is_a_trap_for_plain_autograd(
    lab: ModuleType, gradient: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the test above guards against: without frozen layers the same run is wrong."""
    from selfguidance.nodes import weights as module

    model = born(lab, dtype=torch.bfloat16, cast=torch.float32)
    expected = gradient(plain(lab, model))
    monkeypatch.setattr(module, "_remakes_weights", lambda layer: False)
    with one_buffer(monkeypatch), pytest.raises((AssertionError, RuntimeError)):
        check(gradient(model), expected)


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
    return hasattr(type(layer), "_load_scale_param")


@pytest.mark.compat("Weights", "quantised layers")
def test_quantised_layers_give_the_gradient_of_their_values(
    lab: ModuleType, gradient: Callable
) -> None:
    model = quantised(lab, full=True)
    check(gradient(model), gradient(plain(lab, model)), tolerance=1e-3)


@pytest.mark.compat("Weights", "quantised layers and activations")
def test_quantised_activations_change_no_more_than_their_rounding(
    lab: ModuleType, gradient: Callable
) -> None:
    model = quantised(lab, full=False)
    check(gradient(model), gradient(plain(lab, model)), tolerance=0.35)


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
    patches, expected = patched(lab)
    model = born(lab)
    for name, layer in layers(model, nn.Linear):
        with torch.inference_mode():
            added = patches[f"diffusion_model.{name}.weight"][1][0] * 0.4
        layer.forward = adapted(layer.forward, added)
    with torch.no_grad():  # the adapters sit on the Linear layers alone
        fresh = dict(layers(born(lab, inference=False), nn.Conv2d))
        for name, layer in layers(expected, nn.Conv2d):
            layer.weight.copy_(fresh[name].weight)
    check(gradient(model), gradient(expected))


def adapted(forward: Callable, added: Tensor) -> Callable:
    return lambda x: forward(x) + nn.functional.linear(x, added)
