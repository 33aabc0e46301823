"""Runs of transformers: caches, shifted schedules, several in one graph, and early ends."""

from itertools import combinations
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from selfguidance.guidance.terms.window import Window
from selfguidance.tests.combined import combined
from selfguidance.tests.host.engine.test_queue import SAMPLED, branches, pictures
from selfguidance.tests.host.engine.test_shortcuts import (
    CACHES,
    cached,
    check_guided_steps_are_never_skipped,
)
from selfguidance.tests.host.nodes.test_executor import TIMES, Graph, node, ours
from selfguidance.tests.host.theirs import ran
from selfguidance.tests.host.traces import Snapshot, interrupted, on_call
from selfguidance.tools.host import serve

# a block that guidance reads, of each transformer
READ = {"z-image": ("layers", 13), "flux": ("double_blocks", 16), "wan-1.3b": ("blocks", 12)}


def block(model: Any, name: str) -> Any:
    blocks, number = READ[name]
    return getattr(model.model.diffusion_model, blocks)[number]


@pytest.mark.compat("Other packs and nodes", "Transformers: {kind}, {name}")
@pytest.mark.parametrize(("name", "kind"), combined(["z-image", "flux", "wan-1.3b"], [*CACHES]))
def test_guided_steps_of_a_transformer_are_never_skipped(
    lab: ModuleType, nets: ModuleType, net: Any, name: str, kind: str
) -> None:
    run, model = nets.settings(name, steps=6), net(name)
    check_guided_steps_are_never_skipped(lab, model, kind, run)
    passes: list[int] = []
    early = [lab.position(window=Window(0.0, 0.3))]
    handle = block(model, name).register_forward_pre_hook(lambda *_: passes.append(1))
    try:
        counts = []
        for chosen in (cached(model, kind), model):
            passes.clear()
            samples, record = lab.guided(chosen, early, memory="fast", **run)
            counts.append(len(passes))
            assert torch.isfinite(samples).all() and record.steps[0].guided
    finally:
        handle.remove()
    assert counts[0] < counts[1]  # steps that are not guided are skipped as ever


SHIFTS: dict[str, tuple[str, dict[str, Any]]] = {
    "ModelSamplingAuraFlow": ("z-image", {"shift": 6.0}),
    "ModelSamplingSD3": ("sd3", {"shift": 5.0}),
    "ModelSamplingFlux": (
        "flux",
        {"max_shift": 1.9, "base_shift": 0.9, "width": 1024, "height": 1024},
    ),
}


@pytest.mark.compat("Other packs and nodes", "Transformers: {kind}")
@pytest.mark.parametrize("kind", SHIFTS)
def test_a_shifted_schedule_counts_and_windows_follow_it(
    lab: ModuleType, nets: ModuleType, net: Any, kind: str
) -> None:
    from comfy_extras import nodes_model_advanced

    name, inputs = SHIFTS[kind]
    model, run = net(name), nets.settings(name, steps=6)
    terms = [lab.position(window=Window(0.0, 0.5))]

    def shifted(model: Any) -> Any:
        with torch.inference_mode():
            return ran(getattr(nodes_model_advanced, kind), model=model, **inputs)[0]

    plain = lab.plain(shifted(model), **run)
    assert not torch.equal(plain, lab.plain(model, **run))
    assert torch.equal(lab.guided(shifted(model), terms, 0.0, **run)[0], plain)
    guided, record = lab.guided(shifted(model), terms, **run)
    assert torch.equal(lab.plain(shifted(lab.applied(model, terms)), **run), guided)
    sigmas = lab.levels(shifted(model), **run)[:-1]
    assert record.sigmas == pytest.approx(sigmas.tolist())
    limit = shifted(model).get_model_object("model_sampling").percent_to_sigma(0.5)
    before = model.get_model_object("model_sampling").percent_to_sigma(0.5)
    assert [step.guided for step in record] == [float(sigma) >= limit for sigma in sigmas]
    assert limit > before + 0.05 and 1 < sum(step.guided for step in record) < 6


@pytest.mark.compat("Lifecycle", "Transformers: samplers of one graph on one model, {name}")
@pytest.mark.parametrize("name", ["z-image", "flux"])
def test_two_guided_samplers_on_one_transformer_are_their_own(
    lab: ModuleType, nets: ModuleType, net: Any, name: str
) -> None:
    """The second one follows the record of the first one; a third one shares terms by Apply."""
    from selfguidance.guidance.terms.reference import Shape

    model, run = net(name), nets.settings(name, steps=2)
    plain, snapshot = lab.plain(model, **run), Snapshot(model)

    def graph(model: Any) -> list[torch.Tensor]:
        first, record = lab.guided(model, [lab.position()], **run)
        follow = [Shape(object="red circle", reference=record)]
        second, _ = lab.guided(model, follow, **{**run, "seed": 8})
        third = lab.plain(lab.applied(model, follow), **{**run, "seed": 8})
        assert torch.equal(second, third)
        return [first, second]

    one = graph(model)
    with torch.inference_mode():
        fresh = nets.built(name)
    for other in (graph(model), graph(fresh)):
        assert all(torch.equal(*pair) for pair in zip(one, other, strict=True))
    assert not torch.equal(one[0], plain) and not torch.equal(one[0], one[1])
    snapshot.check(model)
    assert torch.equal(lab.plain(model, **run), plain)


def two(number: int, *shown: str) -> Graph:
    """A graph in which a second sampler moves on what the first one has drawn; see `branches`."""
    parts = branches(number)
    parts["model"]["inputs"]["network"] = "transformer"
    for name in ("first", "second"):
        parts[name] = ours("KSampler", **SAMPLED, terms=[f"place {name}", 0])
    place = {"object": "red circle", **TIMES}
    parts["place first"] = ours("Position", **place, x=0.2, y=0.3, relative=False)
    parts["place second"] = ours("MoveObject", **place, dx=0.4, dy=0.3, reference=["first", 1])
    for name in shown:
        parts[f"decode {name}"] = node("VAEDecode", samples=[name, 0], vae=["model", 2])
        parts[f"show {name}"] = node("PreviewImage", images=[f"decode {name}", 0])
    return parts


@pytest.mark.compat("Lifecycle", "Transformers: samplers of one graph in a real server")
def test_two_guided_samplers_of_one_graph_on_the_demo_transformer(
    transformer: ModuleType, server: serve.Server
) -> None:
    names = ("first", "second", "plain")
    alone = pictures(server, two(40, "first")) | pictures(server, two(41, "plain"))
    found = pictures(server, two(42, *names))
    assert np.array_equal(found["first"], alone["first"])
    assert np.array_equal(found["plain"], alone["plain"])
    for one, other in combinations(names, 2):
        assert not np.array_equal(found[one], found[other])


@pytest.mark.compat("Lifecycle", "Transformers: after an interrupt nothing is left, {name}")
@pytest.mark.parametrize(
    ("name", "memory"), combined(["z-image", "flux", "wan-1.3b"], ["fast", "save memory"])
)
def test_an_interrupt_leaves_nothing_on_a_transformer(
    lab: ModuleType, nets: ModuleType, net: Any, name: str, memory: str
) -> None:
    """In a first pass, in one without gradient, and in a block that is computed again."""
    import comfy.model_management

    training = getattr(comfy.model_management, "in_training", None)
    model, run, terms = net(name), nets.settings(name, steps=2), [lab.position()]
    expected, _ = lab.guided(model, terms, memory=memory, **run)
    plain, snapshot = lab.plain(model, **run), Snapshot(model)
    error = comfy.model_management.InterruptProcessingException
    for number in (1, 2, 4):
        handle = block(model, name).register_forward_hook(on_call(number, interrupted))
        try:
            with pytest.raises(error):
                lab.guided(model, terms, memory=memory, **run)
        finally:
            handle.remove()
        snapshot.check(model)
        assert getattr(comfy.model_management, "in_training", None) is training
        assert torch.equal(lab.plain(model, **run), plain)
    assert torch.equal(lab.guided(model, terms, memory=memory, **run)[0], expected)


@pytest.mark.compat("Lifecycle", "Transformers: out of memory, tried again with recomputation")
def test_a_step_out_of_memory_on_a_transformer_is_taken_again(
    lab: ModuleType, nets: ModuleType, net: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from selfguidance.tests.host.engine.test_budget import Full

    name = "shapes-transformer"  # the one whose blocks are not recomputed from the first
    model, run = net(name), nets.settings(name, steps=2)
    expected, _ = lab.guided(model, [lab.position()], memory="save memory", **run)
    snapshot = Snapshot(model)
    full = Full(monkeypatch, times=1)
    samples, record = lab.guided(model, [lab.position()], **run)
    assert full.calls == len(record.steps) + 1
    torch.testing.assert_close(samples, expected, rtol=1e-4, atol=1e-4)
    snapshot.check(model)


@pytest.mark.compat("Lifecycle", "Transformers: out of memory with recomputation", refuses=True)
@pytest.mark.parametrize("name", ["z-image", "flux"])
def test_a_transformer_out_of_memory_for_good_says_what_to_do(
    lab: ModuleType, nets: ModuleType, net: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    import comfy.model_management as management
    from selfguidance.tests.host.engine.test_budget import Full

    model, run = net(name), nets.settings(name, steps=2)
    plain, snapshot = lab.plain(model, **run), Snapshot(model)
    full = Full(monkeypatch, times=1)
    with pytest.raises(management.OOM_EXCEPTION, match="even with recomputation: lower the size"):
        lab.guided(model, [lab.position()], **run)
    assert full.calls == 1
    snapshot.check(model)
    assert torch.equal(lab.plain(model, **run), plain)
