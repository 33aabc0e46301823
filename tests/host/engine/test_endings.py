"""However a run ends, by each front end: model, process and the next runs are as before."""

import gc
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
import torch
from selfguidance.tests.host.surroundings import changed, surroundings, tensors
from selfguidance.tests.host.traces import (
    Snapshot,
    broken,
    broken_term,
    contents,
    interrupted,
    on_call,
)

STEPS = 3
WAYS = ("KSampler", "Guider", "Apply", "Record Image")
WHEN = ("first", "middle", "last")


class Bench:
    """A model whose every call can be watched, and a run of it through one of the front ends."""

    def __init__(self, lab: ModuleType, way: str) -> None:
        self.lab, self.way = lab, way
        with torch.inference_mode():
            self.model = lab.unet("shapes")
        self.inputs = lab.settings(steps=STEPS, latent_image=lab.latent(1, 8, 8))
        self.calls = 0
        self.act: Callable = lambda *_: None
        self.model.model.diffusion_model.middle_block[0].register_forward_pre_hook(self._called)

    def _called(self, *_: Any) -> None:
        self.calls += 1
        self.act()

    def begin(self) -> None:
        """Note what there is before the first guided run, and what runs give."""
        self.plain()
        self.clean = Snapshot(self.model)
        self.process = surroundings()
        self.expected = self.plain(), *self.run()

    def plain(self) -> torch.Tensor:
        """A run of ComfyUI's own KSampler."""
        return self.lab.plain(self.model, **self.inputs)

    def run(self, terms: list[Any] | None = None) -> Any:
        """Tensors of a guided run."""
        lab, terms = self.lab, [self.lab.position()] if terms is None else terms
        if self.way == "KSampler":
            samples, record = lab.guided(self.model, terms, **self.inputs)
            return [samples, *record.steps[-1].properties.maps.values()]
        if self.way == "Guider":
            levels = lab.levels(self.model, **self.inputs)
            return [lab.custom(lab.guider(self.model, terms, **self.inputs), levels, **self.inputs)]
        if self.way == "Apply":
            return [lab.plain(lab.applied(self.model, terms), **self.inputs)]
        from selfguidance.nodes.record_image import RecordImage

        latent = {"samples": torch.ones(1, 4, 8, 8)}
        with torch.inference_mode():
            looked = RecordImage.execute(
                self.model, lab.embedded(), latent, STEPS, "normal", 0
            ).args[0]
        return [*looked.steps[-1].properties.maps.values()]


@pytest.fixture(scope="module", params=WAYS)
def bench(lab: ModuleType, request: pytest.FixtureRequest) -> Iterator[Bench]:
    """The bench of a front end, which has run before."""
    bench = Bench(lab, request.param)
    bench.begin()
    gc.collect()
    gc.freeze()  # what is there already need not be looked through each time
    yield bench
    gc.unfreeze()


def check(bench: Bench, run: Callable[[], Any]) -> None:
    """After `run`, whatever it did, all is as before, and so are the next runs."""
    inputs = contents(bench.inputs)
    alive = tensors()
    run()
    assert tensors() == alive
    bench.clean.check(bench.model)
    assert changed(bench.process) == []
    assert contents(bench.inputs) == inputs
    results = bench.plain(), *bench.run()
    assert all(torch.equal(*pair) for pair in zip(results, bench.expected, strict=True))
    bench.clean.check(bench.model)


@pytest.mark.compat("Lifecycle", "After success nothing is left: {bench}")
def test_a_run_that_succeeds_leaves_nothing(bench: Bench) -> None:
    check(bench, lambda: bench.run() and None)


@pytest.mark.compat("Lifecycle", "After an error in the model nothing is left: {bench}")
@pytest.mark.parametrize("when", WHEN)
def test_an_error_in_the_model_leaves_nothing(bench: Bench, when: str) -> None:
    check(bench, lambda: ended(bench, when, broken, RuntimeError))


@pytest.mark.compat("Lifecycle", "After an interrupt nothing is left: {bench}")
@pytest.mark.parametrize("when", WHEN)
def test_an_interrupt_leaves_nothing(bench: Bench, when: str) -> None:
    import comfy.model_management

    error = comfy.model_management.InterruptProcessingException
    check(bench, lambda: ended(bench, when, interrupted, error))
    assert not comfy.model_management.processing_interrupted()


@pytest.mark.compat("Lifecycle", "After an error in a term nothing is left: {bench}")
@pytest.mark.parametrize("bench", WAYS[:3], indirect=True)  # a picture is looked at without terms
@pytest.mark.parametrize("when", WHEN)
def test_an_error_in_a_term_leaves_nothing(bench: Bench, when: str) -> None:
    at = {"first": 1, "middle": 2, "last": STEPS}[when]

    def run() -> None:
        with pytest.raises(RuntimeError, match="the term broke"):
            bench.run([broken_term(bench.lab, at)])

    check(bench, run)


def ended(bench: Bench, when: str, cause: Callable[[], None], error: type[BaseException]) -> None:
    """A run that ends early at its first, middle or last model call."""
    bench.calls = 0
    bench.run()
    at = {"first": 1, "middle": (bench.calls + 1) // 2, "last": bench.calls}[when]
    bench.act = on_call(at, cause)
    try:
        with pytest.raises(error):
            bench.run()
    finally:
        bench.act = lambda *_: None


@pytest.mark.parametrize("bench", WAYS[:1], indirect=True)
def test_what_a_run_could_leave_is_noticed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    import comfy.model_management
    import comfy.ops

    kept: list[torch.Tensor] = []
    layer = comfy.ops.disable_weight_init.Linear
    leaks: tuple[Callable[[], Any], ...] = (
        lambda: monkeypatch.setattr(comfy.model_management, "in_training", True, raising=False),
        lambda: monkeypatch.setattr(layer, "forward", broken),
        lambda: kept.append(torch.zeros(1)),
        lambda: bench.inputs["positive"][0][1].update(extra=1),
    )
    for leak in leaks:
        with pytest.raises(AssertionError), monkeypatch.context():
            check(bench, leak)
        monkeypatch.undo()
        bench.inputs["positive"][0][1].pop("extra", None)
        kept.clear()
