"""Functions of other packs on transformers: called with what they expect, and followed."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import torch
from selfguidance.tests.combined import combined
from selfguidance.tests.host.traces import Snapshot
from torch import Tensor

MEMORY = ("fast", "save memory")


@pytest.fixture
def net(nets: ModuleType) -> Any:
    """Make the MODEL of that name, in inference mode."""

    def made(name: str) -> Any:
        with torch.inference_mode():
            return nets.built(name)

    return made


def guided(
    lab: ModuleType, nets: ModuleType, name: str, model: Any, memory: str = "fast", **more: Any
) -> Tensor:
    inputs = nets.settings(name, steps=2, **more)
    return lab.guided(model, [lab.position()], memory=memory, **inputs)[0]


def overridden(model: Any, function: Callable) -> Any:
    """A clone whose attention another pack overrides."""
    clone = model.clone()
    clone.model_options.setdefault("transformer_options", {})["optimized_attention_override"] = (
        function
    )
    return clone


@pytest.mark.compat("Other packs and nodes", "Transformers: another attention override, {name}")
@pytest.mark.parametrize(
    ("name", "memory"), combined(["flux", "z-image", "sd3", "wan-1.3b"], MEMORY)
)
def test_an_attention_override_of_another_pack_counts(
    lab: ModuleType, nets: ModuleType, net: Any, name: str, memory: str
) -> None:
    calls = []

    def same(function: Callable, *args: Any, **kwargs: Any) -> Tensor:
        calls.append(kwargs["transformer_options"]["cond_or_uncond"])
        return function(*args, **kwargs)

    def half(function: Callable, *args: Any, **kwargs: Any) -> Tensor:
        return function(*args, **kwargs) * 0.5

    model = net(name)
    expected = guided(lab, nets, name, model, memory)
    assert torch.equal(guided(lab, nets, name, overridden(model, same), memory), expected)
    assert calls
    changed = guided(lab, nets, name, overridden(model, half), memory)
    assert torch.isfinite(changed).all() and not torch.equal(changed, expected)
    before = overridden(lab.applied(model, [lab.position()], memory=memory), half)
    assert torch.equal(lab.plain(before, **nets.settings(name, steps=2)), changed)


def test_an_override_may_call_attention_by_positions_alone(
    lab: ModuleType, nets: ModuleType, net: Any
) -> None:
    names = ("q", "k", "v", "heads", "mask", "attn_precision", "skip_reshape")

    def positional(function: Callable, *args: Any, **kwargs: Any) -> Tensor:
        given = {**dict.fromkeys(names), **dict(zip(names, args, strict=False)), **kwargs}
        rest = {name: value for name, value in given.items() if name not in names}
        return function(*(given[name] for name in names), **rest)

    model = net("flux")
    expected = guided(lab, nets, "flux", model)
    assert torch.equal(guided(lab, nets, "flux", overridden(model, positional)), expected)


@pytest.mark.compat("Other packs and nodes", "Transformers: tensors of inference mode in a block")
@pytest.mark.parametrize("name", ["flux", "z-image"])
def test_a_function_in_a_recomputed_block_may_hold_tensors_of_inference_mode(
    lab: ModuleType, nets: ModuleType, net: Any, name: str
) -> None:
    model = net(name)
    with torch.inference_mode():
        scale = torch.full((1,), 0.9)

    def scaled(function: Callable, *args: Any, **kwargs: Any) -> Tensor:
        return function(*args, **kwargs) * scale

    fast, frugal = (guided(lab, nets, name, overridden(model, scaled), memory) for memory in MEMORY)
    torch.testing.assert_close(frugal, fast, rtol=1e-4, atol=1e-4)


def test_attention_that_loses_the_gradient_is_computed_again(
    lab: ModuleType, nets: ModuleType, net: Any
) -> None:
    def kernel(function: Callable, *args: Any, **kwargs: Any) -> Tensor:
        with torch.no_grad():
            return function(*args, **kwargs)

    model = net("flux")
    expected = guided(lab, nets, "flux", model)
    torch.testing.assert_close(
        guided(lab, nets, "flux", overridden(model, kernel)), expected, rtol=1e-4, atol=1e-4
    )


@pytest.mark.compat("Other packs and nodes", "Transformers: block replacements, {name}")
@pytest.mark.parametrize(
    ("name", "memory"), combined(["flux", "sd3", "qwen-image", "wan-1.3b"], MEMORY)
)
def test_a_block_replacement_counts_and_is_followed(
    lab: ModuleType, nets: ModuleType, net: Any, name: str, memory: str
) -> None:
    """On SD 3 ComfyUI then computes the block again in the backward pass by itself."""
    calls = []

    def same(args: dict[str, Any], extra: dict[str, Any]) -> dict[str, Any]:
        calls.append(1)
        return extra["original_block"](args)

    model = net(name)
    expected, snapshot = guided(lab, nets, name, model, memory), Snapshot(model)
    replaced = model.clone()
    for number in range(20):
        replaced.set_model_patch_replace(same, "dit", "double_block", number)
    result = guided(lab, nets, name, replaced, memory)
    torch.testing.assert_close(result, expected, rtol=1e-4, atol=1e-4)
    assert len(calls) > 20
    snapshot.check(model)


@pytest.mark.compat("Other packs and nodes", "Transformers: patches behind blocks, {name}")
@pytest.mark.parametrize(("name", "memory"), combined(["qwen-image"], MEMORY))
def test_a_patch_behind_blocks_may_hold_tensors_of_inference_mode(
    lab: ModuleType, nets: ModuleType, net: Any, name: str, memory: str
) -> None:
    """As model patches for control do, which add to the picture in place."""
    model = net(name)
    with torch.inference_mode():
        scale = torch.full((64,), 1.01)

    def control(args: dict[str, Any]) -> dict[str, Any]:
        args["img"] *= scale
        return args

    patched = model.clone()
    patched.set_model_patch(control, "double_block")
    result = guided(lab, nets, name, patched, memory)
    assert torch.isfinite(result).all()
    assert not torch.equal(result, guided(lab, nets, name, model, memory))


@pytest.mark.compat("Lifecycle", "Transformers: nothing stays on a model, {name}")
@pytest.mark.parametrize("name", ["flux", "pixart", "z-image"])
def test_nothing_of_ours_stays_on_a_transformer(
    lab: ModuleType, nets: ModuleType, net: Any, name: str
) -> None:
    from selfguidance.tests.host.traces import broken_term

    model = net(name)
    plain, snapshot = lab.plain(model, **nets.settings(name, steps=2)), Snapshot(model)
    guided(lab, nets, name, model, "save memory")
    snapshot.check(model)
    with pytest.raises(RuntimeError, match="the term broke"):
        lab.guided(model, [broken_term(lab, 2)], **nets.settings(name, steps=2))
    snapshot.check(model)
    assert torch.equal(lab.plain(model, **nets.settings(name, steps=2)), plain)


@pytest.mark.compat("Models", "Transformers: records are saved, read again and looked at")
@pytest.mark.parametrize("name", ["shapes-transformer", "qwen-image", "wan-1.3b"])
def test_a_record_is_kept_in_a_file_and_looked_at(
    lab: ModuleType, nets: ModuleType, net: Any, name: str, tmp_path: Any
) -> None:
    from selfguidance.guidance.record import file
    from selfguidance.guidance.terms import reference as energies
    from selfguidance.nodes.preview import AttentionPreview
    from selfguidance.nodes.record_image import RecordImage

    model, drawn = net(name), nets.latent(name)
    drawn["samples"] = torch.randn(
        drawn["samples"].shape, generator=torch.Generator().manual_seed(5)
    )
    with torch.inference_mode():
        (record,) = RecordImage.execute(
            model, nets.embedded(name), drawn, steps=3, scheduler="simple", seed=1
        ).args
    file.save(tmp_path / "one.safetensors", record)
    again = file.load(tmp_path / "one.safetensors")
    assert list(again.last.maps) == list(record.last.maps)
    assert again.last.denoised.ndim == 4
    picture = AttentionPreview.execute(again, "red circle", -1).args[0]
    assert picture.ndim == 4 and torch.isfinite(picture).all()
    term = energies.Shape(object="red circle", reference=again)
    assert not torch.equal(
        lab.guided(model, [term], **nets.settings(name, steps=1))[0],
        lab.plain(model, **nets.settings(name, steps=1)),
    )
