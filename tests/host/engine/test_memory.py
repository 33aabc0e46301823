"""Run after run, and when models come and go: memory stays flat, no model is kept alive."""

import gc
import weakref
from collections.abc import Callable
from types import ModuleType
from typing import Any

import psutil
import pytest
import torch
from selfguidance.tests.host.surroundings import tensors
from selfguidance.tests.host.traces import broken_term

RUNS = 100
# A graph of one step of this model keeps about 1.5 MiB; a run that lost one would add 150 MiB.
GROWTH = 64 * 2**20


def one_run(lab: ModuleType, model: Any, number: int) -> Any:
    """A short guided run by one front end after the other; every fifth ends with an error."""
    inputs = lab.settings(steps=2, seed=number, latent_image=lab.latent(1, 8, 8))
    way, terms = number % 3, [lab.position()]
    if number % 5 == 4:
        with pytest.raises(RuntimeError, match="the term broke"):
            lab.guided(model, [broken_term(lab, 2)], **inputs)
        return None
    if way == 0:
        return lab.guided(model, terms, **inputs)
    if way == 1:
        return lab.plain(lab.applied(model, terms), **inputs)
    return lab.custom(lab.guider(model, terms, **inputs), lab.levels(model, **inputs), **inputs)


def used() -> int:
    """Resident memory of this process in bytes."""
    gc.collect()
    return int(psutil.Process().memory_info().rss)


@pytest.mark.compat("Lifecycle", "100 guided runs: memory stays flat")
def test_memory_is_flat_over_a_hundred_guided_runs(lab: ModuleType) -> None:
    with torch.inference_mode():
        model = lab.unet("shapes")
    for number in range(10):
        one_run(lab, model, number)
    alive, before = tensors(), used()
    for number in range(RUNS):
        one_run(lab, model, number)
    assert tensors() == alive
    assert used() - before < GROWTH


@pytest.mark.compat("Lifecycle", "Model unloaded and loaded again between runs")
def test_a_model_may_be_unloaded_between_runs(lab: ModuleType) -> None:
    import comfy.model_management

    with torch.inference_mode():
        model = lab.unet("shapes")
    plain, (guided, _) = lab.plain(model), lab.guided(model, [lab.position()])
    applied = lab.applied(model, [lab.position()])
    for unload in (comfy.model_management.unload_all_models, lambda: model.detach()):
        with torch.inference_mode():
            unload()
        assert torch.equal(lab.plain(applied), guided)
        with torch.inference_mode():
            unload()
        assert torch.equal(lab.guided(model, [lab.position()])[0], guided)
        assert torch.equal(lab.plain(model), plain)


def by_ksampler(lab: ModuleType, model: Any) -> Any:
    return lab.guided(model, [lab.position()])


def by_guider(lab: ModuleType, model: Any) -> Any:
    return lab.custom(lab.guider(model, [lab.position()]), lab.levels(model))


def by_apply(lab: ModuleType, model: Any) -> Any:
    return lab.plain(lab.applied(model, [lab.position()]))


@pytest.mark.compat("Lifecycle", "A model that nobody wants any more is set free")
@pytest.mark.parametrize("run", [by_ksampler, by_guider, by_apply], ids=lambda run: run.__name__)
def test_nothing_of_ours_keeps_a_model_alive(
    lab: ModuleType, run: Callable[[ModuleType, Any], Any]
) -> None:
    import comfy.model_management

    with torch.inference_mode():
        model = lab.unet("shapes")
    weight = weakref.ref(next(model.model.parameters()))
    net, patcher = weakref.ref(model.model), weakref.ref(model)
    outputs = run(lab, model)
    del model
    gc.collect()
    comfy.model_management.cleanup_models_gc()
    assert outputs is not None
    assert [net(), patcher(), weight()] == [None, None, None]
