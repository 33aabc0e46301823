"""Models in every state of their weights, and the gradient that guidance takes of them.

A reference is a model of ordinary float32 weights that hold the same values, so that only the way
to them differs.
"""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

FP8 = torch.float8_e4m3fn
SIGMA = 3.0


@pytest.fixture
def gradient(lab: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Tensor]:
    """The gradient that is taken in one guided step of a model."""
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
    """Terms that read attention and, further down, features."""
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
    """A MODEL as a node makes it, or as what runs outside of nodes does."""
    with torch.inference_mode(inference):
        return lab.unet("sd15", **how)


def plain(lab: ModuleType, values: Any) -> Any:
    """A MODEL of ordinary float32 weights with the values of another one."""
    model = born(lab, inference=False)
    theirs = values.model.diffusion_model.state_dict()
    # newer hosts part quantised values from their scales there
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
