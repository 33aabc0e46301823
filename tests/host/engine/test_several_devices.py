"""Guidance on a model that ComfyUI spreads over several devices: what is read runs on the first.

No second device is needed: the processor goes by two names here, `cpu` and `cpu:0`.
"""

import threading
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
import torch
from selfguidance.guidance.terms.window import Window

ROW = pytest.mark.compat("Other packs and nodes", "MultiGPU CFG Split")


@pytest.fixture(scope="module")
def model(lab: ModuleType) -> Any:
    with torch.inference_mode():
        return lab.unet("shapes")


@pytest.fixture
def spread(lab: ModuleType, model: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The MODEL of ComfyUI's own node."""
    nodes = pytest.importorskip(
        "comfy_extras.nodes_multigpu", reason="this host knows one device only"
    )
    import comfy.model_management as management

    devices = [model.load_device, torch.device("cpu", 0)]
    monkeypatch.setattr(management, "get_all_torch_devices", lambda **_: devices)
    loaded = model.clone()
    loaded.cached_patcher_init = (lab.unet, ("shapes",))
    with torch.inference_mode():
        return nodes.MultiGPUCFGSplitNode.execute(loaded, 2).args[0]


@pytest.fixture
def passes(spread: Any) -> Iterator[list[Any]]:
    """One entry for every pass through the model of the second device."""
    (second,) = spread.get_additional_models_with_key("multigpu")
    seen: list[Any] = []
    embed = second.model.diffusion_model.time_embed
    handle = embed.register_forward_pre_hook(lambda _, args: seen.append(args))
    yield seen
    handle.remove()


@ROW
def test_guided_steps_are_those_of_one_device(
    lab: ModuleType, model: Any, spread: Any, passes: list[Any]
) -> None:
    plain = lab.plain(spread)
    assert len(passes) == 4
    assert torch.equal(lab.guided(spread, [lab.position()], 0.0)[0], plain)
    passes.clear()
    guided, record = lab.guided(spread, [lab.position()])
    assert not passes
    assert len(record.steps) == 4 and all(step.guided for step in record)
    assert torch.equal(guided, lab.guided(model, [lab.position()])[0])


@ROW
def test_steps_that_nobody_reads_are_spread_as_ever(
    lab: ModuleType, spread: Any, passes: list[Any]
) -> None:
    early = lab.position(window=Window(0.0, 0.3))
    samples = lab.plain(lab.applied(spread, [early]), steps=8)
    assert torch.isfinite(samples).all()
    assert 0 < len(passes) < 8


@ROW
def test_what_is_read_comes_from_the_first_device(
    lab: ModuleType, model: Any, spread: Any, passes: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from selfguidance.nodes.engine.capture import Capture

    threads, read = set(), Capture.read_attention

    def spy(*arguments: Any) -> Any:
        threads.add(threading.current_thread())
        return read(*arguments)

    monkeypatch.setattr(Capture, "read_attention", spy)
    names = (["red", "circle"], ["green", "star"], ["blue", "square"])
    prompts = [entry for i, words in enumerate(names) for entry in lab.embedded(i, words)]
    inputs = {"positive": prompts, "negative": lab.empty(), "steps": 1}
    lab.plain(spread, **inputs)
    assert passes.pop()[0].shape[0] == 2, "the third prompt is with the negative one"
    records = [lab.guided(chosen, **inputs)[1] for chosen in (model, spread)]
    assert threads == {threading.main_thread()}
    (expected,), (step,) = (record.steps for record in records)
    assert records[1].table.words == ("red", "circle", "green", "star", "blue", "square")
    for site, maps in step.properties.maps.items():
        torch.testing.assert_close(maps, expected.properties.maps[site], rtol=0, atol=1e-3)
