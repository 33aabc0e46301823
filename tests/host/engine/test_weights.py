"""Gradients in every state in which ComfyUI keeps weights, against plain float32 weights."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle
from types import ModuleType
from typing import Any

import pytest
import torch
from selfguidance.tests.host.weights import (
    FP8,
    born,
    check,
    gradient,
    layers,
    patched,
    plain,
    streaming,
)
from torch import nn

__all__ = ["gradient"]
weights = pytest.mark.compat("Weights", "{state}")


def ordinary_twin(lab: ModuleType, model: Any) -> Any:
    """The same MODEL of the same values, made outside of inference mode."""
    twin = born(lab, inference=False, dtype=model.model.get_dtype())
    twin.model.diffusion_model.load_state_dict(model.model.diffusion_model.state_dict())
    return twin


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


@pytest.mark.compat("Weights", "float16 throughout")
def test_half_precision_is_not_left_by_a_large_weight(lab: ModuleType) -> None:
    """A gradient beyond the range of float16 is taken again with smaller numbers."""
    model = born(lab, dtype=torch.float16)
    one, _ = lab.guided(model, [lab.position()], steps=1)
    large, _ = lab.guided(model, [lab.position(weight=1e6)], steps=1)
    check(large - lab.plain(model, steps=1), one - lab.plain(model, steps=1), tolerance=0.05)


@pytest.mark.compat("Weights", "bfloat16 throughout")
def test_bfloat16_gives_the_gradient_to_its_precision(lab: ModuleType, gradient: Callable) -> None:
    """A network of random weights passes on eight bits of rounding many times over."""
    model = born(lab, dtype=torch.bfloat16)
    found, expected = gradient(model), gradient(plain(lab, model))
    assert torch.cosine_similarity(found.flatten(), expected.flatten(), 0) > 0.9
    assert torch.equal(found, gradient(ordinary_twin(lab, model)))


@pytest.mark.compat("Weights", "streamed with LoRA patches (lowvram)")
def test_streamed_and_patched_weights_give_the_plain_gradient(
    lab: ModuleType, gradient: Callable
) -> None:
    """ComfyUI's own low memory loading: what does not fit is cast and patched at every call."""
    patches, expected = patched(lab)
    model = born(lab)
    with torch.inference_mode():
        assert len(model.add_patches(patches, 0.4)) == len(patches)
    with streaming():
        found = gradient(model)
    streamed = [layer for _, layer in layers(model, nn.Linear) if layer.weight_function]
    assert len(streamed) > 20
    check(found, gradient(expected))


@contextmanager
def one_buffer(monkeypatch: pytest.MonkeyPatch, slots: int = 1) -> Iterator[None]:
    """Every cast weight stands in one buffer, as newer hosts stream them, in the next slot of it.

    Some transformers need two weights at once, which is why those hosts have several slots.
    """
    import comfy.ops

    original = comfy.ops.cast_bias_weight
    with torch.inference_mode():
        turns = cycle(torch.empty(slots, 1 << 22))

    def through_buffer(layer: Any, *args: Any, **kwargs: Any) -> Any:
        weight, *rest = original(layer, *args, **kwargs)
        buffer = next(turns)
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
    from selfguidance.nodes.engine.autograd import weights as module

    model = born(lab, dtype=torch.bfloat16, cast=torch.float32)
    expected = gradient(plain(lab, model))
    monkeypatch.setattr(module, "_remakes_weights", lambda layer: False)
    with one_buffer(monkeypatch), pytest.raises((AssertionError, ValueError)):
        check(gradient(model), expected)
