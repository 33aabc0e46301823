"""Gradients of transformers in every state of their weights, and what their blocks keep."""

from types import ModuleType
from typing import Any

import pytest
import torch
from selfguidance.tests.combined import combined
from selfguidance.tests.host.weights import check

NAMES = ("flux", "chroma", "z-image", "qwen-image", "sd3", "hidream", "wan-1.3b")


def gradient(lab: ModuleType, nets: ModuleType, name: str, model: Any, **more: Any) -> Any:
    """The gradient that is taken in one guided step."""
    from selfguidance.tests.host.slopes import noise, watched

    net = nets.NETS[name]
    with watched() as seen:
        lab.one_step(
            model,
            lab.always(lab.position()),
            net.sigma,
            noise(4, *net.shape()).float(),
            nets.embedded(name),
            nets.empty(name),
            **more,
        )
    return seen.gradient


def ordinary(nets: ModuleType, name: str, values: Any) -> Any:
    """A MODEL of ordinary float32 weights with the values of another one."""
    with torch.inference_mode(False):
        model = nets.built(name)
        with torch.no_grad():
            theirs = values.model.diffusion_model.state_dict()  # tables, too, are kept in few bits
            for key, weight in model.model.diffusion_model.state_dict().items():
                weight.copy_(theirs[key].float())
    return model


@pytest.mark.compat("Weights", "Transformers: kept in bfloat16 or float8, used in float32: {name}")
@pytest.mark.parametrize(("name", "kept"), combined(NAMES, [torch.bfloat16, torch.float8_e4m3fn]))
def test_weights_that_are_cast_give_the_gradient_of_ordinary_ones(
    lab: ModuleType, nets: ModuleType, name: str, kept: torch.dtype
) -> None:
    from selfguidance.guidance.settings import MemoryMode

    with torch.inference_mode():
        model = nets.built(name, dtype=kept, cast=torch.float32)
    expected = gradient(lab, nets, name, ordinary(nets, name, model), memory=MemoryMode.FAST)
    check(gradient(lab, nets, name, model, memory=MemoryMode.FAST), expected)
    check(gradient(lab, nets, name, model, memory=MemoryMode.SAVE), expected)


@pytest.mark.compat("Weights", "Transformers: LoRA patches, {name}")
@pytest.mark.parametrize("name", ["flux", "z-image", "wan-1.3b"])
def test_weights_that_are_patched_give_the_gradient_of_those_that_are_so_for_good(
    lab: ModuleType, nets: ModuleType, name: str
) -> None:
    with torch.inference_mode():
        model = nets.built(name)
    expected = ordinary(nets, name, model)
    patches, generator = {}, torch.Generator().manual_seed(8)
    with torch.no_grad():
        for key, weight in expected.model.diffusion_model.named_parameters():
            if key.endswith("weight") and weight.ndim == 2:
                change = torch.randn(weight.shape, generator=generator) / 200
                patches[f"diffusion_model.{key}"] = ("diff", (change,))
                weight += 0.5 * change
    patched = model.clone()
    assert len(patched.add_patches(patches, 0.5)) == len(patches) > 100
    before = gradient(lab, nets, name, model)
    found = gradient(lab, nets, name, patched)
    check(found, gradient(lab, nets, name, expected))
    assert (found - before).norm() > 1e-2 * before.norm()
    check(gradient(lab, nets, name, model), before)


@pytest.mark.compat("Weights", "Transformers: blocks are recomputed unless speed is asked for")
def test_blocks_of_a_transformer_are_recomputed_by_default(
    lab: ModuleType, nets: ModuleType
) -> None:
    from selfguidance.tests.host.engine.test_budget import kept

    with torch.inference_mode():
        model = nets.built("sd3")
    used = {
        memory: kept(
            model,
            lambda m=memory: lab.guided(
                model, [lab.position()], memory=m, **nets.settings("sd3", steps=1)
            ),
        )
        for memory in ("auto", "fast", "save memory")
    }
    assert used["auto"] == used["save memory"] < 0.5 * used["fast"]


def test_memory_is_asked_for_by_the_blocks_that_are_read(lab: ModuleType, nets: ModuleType) -> None:
    from selfguidance.guidance.families import FAMILIES
    from selfguidance.guidance.settings import MemoryMode
    from selfguidance.nodes.engine.memory import Budget

    family = next(family for family in FAMILIES if family.name == "qwen-image")
    with torch.inference_mode():
        model = nets.built("qwen-image")
    shape = [1, 16, 1, 128, 128]
    plain = model.model.memory_required([2, *shape[1:]])
    for mode, share in ((MemoryMode.FAST, 1.0), (MemoryMode.AUTO, family.recomputed_share)):
        asked = Budget(family, False, mode).asked_shape(model, shape)
        assert asked[:3] == shape[:3] and asked[-1] == 128
        more = model.model.memory_required([2, *asked[1:]]) - plain
        # float32: twice half precision
        assert more == pytest.approx(2 * share * family.graph_kib[0] * 1024 * 128**2, rel=0.02)
