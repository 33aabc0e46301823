"""Diffusion transformers, family by family, as ComfyUI builds them: guided, and left alone."""

from types import ModuleType
from typing import Any

import pytest
import torch
from selfguidance.tests.combined import combined

NAMES = (
    "shapes-transformer",
    "lumina2",
    "z-image",
    "qwen-image",
    "flux",
    "flux-schnell",
    "chroma",
    "flux2",
    "flux2-klein-9b",
    "flux2-klein-4b",
    "sd3",
    "sd35-medium",
    "sd35-large",
    "hidream",
    "krea2",
    "wan-14b",
    "wan-1.3b",
    "wan-5b",
    "cosmos-2b",
    "cosmos-14b",
    "anima",
    "pixart",
)
each_net = pytest.mark.parametrize("name", NAMES)
STEP = 2e-4


def made(nets: ModuleType, name: str, **how: Any) -> Any:
    """A MODEL as a node makes it; skips where this ComfyUI has none of its kind."""
    with torch.inference_mode():
        model = nets.built(name, **how)
    assert all(p.is_inference() for p in model.model.parameters())
    return model


def test_every_transformer_of_the_tools_has_its_row(nets: ModuleType) -> None:
    from selfguidance.guidance.families.transformers import TRANSFORMERS

    assert set(NAMES) == set(nets.NETS)
    assert {net.family for net in nets.NETS.values()} == {f.name for f in TRANSFORMERS}


@pytest.mark.compat("Models", "{name}, random weights")
@each_net
def test_a_transformer_is_guided_and_left_alone_without_strength(
    lab: ModuleType, nets: ModuleType, name: str
) -> None:
    model = made(nets, name)
    inputs = nets.settings(name, latent_image=nets.latent(name, 2), steps=2)
    plain = lab.plain(model, **inputs)
    unguided, seen = lab.guided(model, [lab.position()], 0.0, **inputs)
    assert torch.equal(unguided, plain)
    assert seen.family == nets.NETS[name].family and len(seen.steps) == inputs["steps"]
    guided, record = lab.guided(model, [lab.position()], **inputs)
    assert torch.isfinite(guided).all() and not torch.equal(guided, plain)
    assert all(step.guided for step in record)
    assert record.last.denoised.shape == (2, nets.NETS[name].channels, *nets.NETS[name].size)


def terms(lab: ModuleType, name: str, model: Any, **inputs: Any) -> list[Any]:
    """Terms that read attention, and features behind it."""
    from selfguidance.guidance.terms.appearance import Appearance
    from selfguidance.tests.host.slopes import noise

    seen = lab.one_step(model, lab.always(), noise=noise(9, *inputs.pop("shape")), **inputs)
    look = Appearance(object="red circle", reference=seen.record, reference_object="blue square")
    return [lab.position(), look]


@pytest.mark.compat("Weights", "Gradient against finite differences, 1 %: {name}")
@pytest.mark.parametrize(("name", "memory"), combined(NAMES, ("fast", "save memory")))
def test_a_transformers_gradient_agrees_with_finite_differences(
    lab: ModuleType,
    nets: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    memory: str,
) -> None:
    """Of a batch of two, with two conditionings of different length, on maps without a matrix."""
    from selfguidance.guidance.maps import attention
    from selfguidance.guidance.settings import MemoryMode
    from selfguidance.tests.host.slopes import check_slope

    monkeypatch.setattr(attention, "SMALL", 0)
    net, model = nets.NETS[name], made(nets, name)
    positive = nets.embedded(name) + nets.embedded(name, 5, length=17)
    inputs = {
        "sigma": net.sigma,
        "shape": net.shape(2),
        "positive": positive,
        "negative": nets.empty(name),
    }
    chain = terms(lab, name, model, **inputs)
    check_slope(model, step=STEP, terms=chain, memory=MemoryMode(memory), **inputs)
