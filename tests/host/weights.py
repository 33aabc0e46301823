"""Models whose weights are stored in different ways, and their gradient in a guided step.

The reference is a model with ordinary float32 weights of the same values, so that only the storage
of the weights differs.
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


@pytest.fixture
def gradient(lab: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Tensor]:
    """Computes the gradient of one guided step of a model."""
    from selfguidance.guidance.acting import Acting

    original, seen = Acting.gradient, []

    def spy(acting: Any, *arguments: Any) -> Any:
        seen.append(original(acting, *arguments))
        return seen[-1]

    monkeypatch.setattr(Acting, "gradient", spy)

    def measured(model: Any, sigma: float = SIGMA) -> Tensor:
        seen.clear()
        noise = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(4)) * sigma
        plan = lab.always(*terms(lab, model))
        seen.clear()
        lab.one_step(model, plan, sigma, noise, lab.embedded(), lab.empty())
        ((taken, _),) = seen
        return taken

    return measured


def terms(lab: ModuleType, model: Any) -> list[Any]:
    """Terms that read attention, and one that reads features, at a later block."""
    from selfguidance.guidance.terms import reference as energies
    from selfguidance.guidance.terms.appearance import Appearance

    noise = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(5)) * SIGMA
    record = lab.one_step(model, lab.always(), SIGMA, noise, lab.embedded(), lab.empty()).record
    return [
        lab.position(),
        energies.Size(object="blue square", size=0.2),
        Appearance(object="red circle", reference=record, reference_object="blue square"),
    ]


def born(lab: ModuleType, inference: bool = True, **how: Any) -> Any:
    """A MODEL made in inference mode, as in nodes, or outside of it."""
    with torch.inference_mode(inference):
        return lab.unet("sd15", **how)


def plain(lab: ModuleType, values: Any) -> Any:
    """A MODEL with ordinary float32 weights that have the values of those in `values`."""
    model = born(lab, inference=False)
    theirs = values.model.diffusion_model.state_dict()
    # in newer ComfyUIs the state dict splits quantised weights into values and scales
    named = values.model.diffusion_model.named_parameters()
    theirs |= {name: kept for name, kept in named if hasattr(kept, "_qdata")}
    with torch.no_grad():
        for name, weight in model.model.diffusion_model.named_parameters():
            kept = theirs[name]
            weight.copy_(kept.dequantize() if hasattr(kept, "_qdata") else kept.float())
    return model


def layers(model: Any, kind: Any) -> list[tuple[str, Any]]:
    named = model.model.diffusion_model.named_modules()
    return [(name, layer) for name, layer in named if isinstance(layer, kind)]


def check(found: Tensor, expected: Tensor, tolerance: float = 1e-4) -> None:
    assert expected.abs().max() > 0
    error = (found - expected).norm() / expected.norm()
    assert error < tolerance, f"relative error {error:.2g}"


def patched(lab: ModuleType, strength: float = 0.4, **how: Any) -> tuple[dict[str, Any], Any]:
    """Patches of weights for ComfyUI's `add_patches`, and a MODEL whose weights include them."""
    model = born(lab, inference=False, **how)
    generator = torch.Generator().manual_seed(8)
    patches = {}
    for name, layer in layers(model, (nn.Linear, nn.Conv2d)):
        noise = torch.randn(layer.weight.shape, generator=generator)
        patches[f"diffusion_model.{name}.weight"] = ("diff", (strength * noise / 20,))
    with torch.no_grad():
        for name, layer in layers(model, (nn.Linear, nn.Conv2d)):
            layer.weight += strength * patches[f"diffusion_model.{name}.weight"][1][0]
    return patches, model


@contextmanager
def streaming() -> Iterator[None]:
    """ComfyUI loads no weight for good, as where memory is short: each is cast at every call.

    It would do so by itself on a device alone, as on the processor everything fits.
    """
    from comfy.model_patcher import ModelPatcher

    original = ModelPatcher.load

    def load(patcher: Any, device: Any = None, **how: Any) -> Any:
        return original(patcher, device, **how | {"lowvram_model_memory": 1, "full_load": False})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ModelPatcher, "load", load)
        yield
