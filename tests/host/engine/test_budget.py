"""What guided steps hold in memory, ask for, and do when it ends."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import torch
from selfguidance.tests.host.traces import Snapshot
from torch import Tensor

FAMILIES = ("shapes", "sd15", "sdxl")


@pytest.fixture(params=FAMILIES)
def model(lab: ModuleType, request: pytest.FixtureRequest) -> Any:
    with torch.inference_mode():
        return lab.unet(request.param)


@pytest.fixture
def small(lab: ModuleType) -> Any:
    with torch.inference_mode():
        return lab.unet("shapes")


def looks(lab: ModuleType, model: Any) -> list[Any]:
    """Terms that read attention and features."""
    from selfguidance.guidance.terms.appearance import Appearance

    _, record = lab.guided(model)
    look = Appearance(object="red circle", reference=record, reference_object="blue square")
    return [lab.position(), look]


@pytest.mark.compat("Weights", "recomputation to save memory")
@pytest.mark.parametrize("features", [False, True], ids=["maps", "features"])
def test_recomputation_changes_the_result_by_rounding_alone(
    lab: ModuleType, model: Any, features: bool
) -> None:
    terms = looks(lab, model) if features else [lab.position()]
    plain, snapshot = lab.plain(model, steps=2), Snapshot(model)
    fast, _ = lab.guided(model, terms, memory="fast", steps=2)
    frugal, _ = lab.guided(model, terms, memory="save memory", steps=2)
    torch.testing.assert_close(frugal, fast, rtol=1e-4, atol=1e-4)
    assert not torch.equal(fast, plain)
    snapshot.check(model)


def kept(model: Any, run: Callable[[], Any]) -> int:
    """Bytes that autograd was asked to keep beside the weights, which are there anyway."""
    weights = {p.untyped_storage().data_ptr() for p in model.model.parameters()}
    sizes: dict[int, tuple[int, Tensor]] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            sizes[storage.data_ptr()] = (storage.nbytes(), tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        run()
    return sum(size for size, _ in sizes.values())


def test_recomputation_keeps_less(lab: ModuleType, model: Any) -> None:
    terms = looks(lab, model)
    fast = kept(model, lambda: lab.guided(model, terms, memory="fast", steps=1))
    frugal = kept(model, lambda: lab.guided(model, terms, memory="save memory", steps=1))
    assert 0 < frugal < 0.6 * fast


def test_the_graph_ends_where_no_term_reads_further(lab: ModuleType) -> None:
    with torch.inference_mode():
        model = lab.unet("sd15")
    both = looks(lab, model)
    maps = kept(model, lambda: lab.guided(model, both[:1], memory="fast", steps=1))
    features = kept(model, lambda: lab.guided(model, both, memory="fast", steps=1))
    assert maps < 0.7 * features


class Full:
    """A device whose memory ends in the first passes with gradient."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
        import comfy.model_management as management
        from selfguidance.guidance.acting import Acting

        original = Acting.gradient
        self.left, self.calls = times, 0

        def gradient(acting: Any, *args: Any) -> Any:
            self.calls += 1
            if self.left:
                self.left -= 1
                raise management.OOM_EXCEPTION("out of memory")
            return original(acting, *args)

        monkeypatch.setattr(Acting, "gradient", gradient)


@pytest.mark.compat("Lifecycle", "out of memory: tried again with recomputation")
def test_a_step_out_of_memory_is_taken_again_with_recomputation(
    lab: ModuleType, small: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected, _ = lab.guided(small, [lab.position()], memory="save memory")
    snapshot = Snapshot(small)
    full = Full(monkeypatch, times=1)
    samples, record = lab.guided(small, [lab.position()])
    assert full.calls == len(record.steps) + 1
    torch.testing.assert_close(samples, expected, rtol=1e-4, atol=1e-4)
    snapshot.check(small)


@pytest.mark.parametrize(
    ("memory", "times", "advice"),
    [("auto", 2, "lower the size"), ("save memory", 1, "lower the size"), ("fast", 1, "'auto'")],
)
def test_where_memory_ends_for_good_the_error_says_what_to_do(
    lab: ModuleType,
    small: Any,
    monkeypatch: pytest.MonkeyPatch,
    memory: str,
    times: int,
    advice: str,
) -> None:
    import comfy.model_management as management

    before, snapshot = lab.plain(small), Snapshot(small)
    full = Full(monkeypatch, times)
    with pytest.raises(management.OOM_EXCEPTION, match=advice):
        lab.guided(small, [lab.position()], memory=memory)
    assert full.calls == times
    snapshot.check(small)
    assert torch.equal(lab.plain(small), before)


@pytest.fixture
def asked(lab: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What each run has ComfyUI load its models for, in bytes."""
    import comfy.model_management as management

    original, seen = management.load_models_gpu, []

    def load(models: Any, memory_required: float = 0, **more: Any) -> Any:
        seen.append(memory_required)
        return original(models, memory_required=memory_required, **more)

    monkeypatch.setattr(management, "load_models_gpu", load)
    return seen


def test_memory_for_the_graph_is_asked_for_before_sampling(
    lab: ModuleType, small: Any, asked: list[float]
) -> None:
    from selfguidance.guidance.families import FAMILIES as KNOWN

    lab.plain(small)
    lab.guided(small)
    lab.guided(small, [lab.position()], memory="fast")
    lab.guided(small, [lab.position()], memory="save memory")
    plain, recorded, fast, frugal = asked
    assert recorded == plain
    cells, bytes_each = 8 * 8, KNOWN[0].graph_kib[0] * 1024 * 2  # float32: twice half precision
    assert fast - plain >= 0.9 * cells * bytes_each
    assert plain < frugal < fast


@pytest.mark.parametrize(("room", "recomputes"), [(1 << 40, False), (1 << 10, True)])
def test_recomputation_begins_by_itself_where_the_graph_does_not_fit(
    lab: ModuleType, small: Any, monkeypatch: pytest.MonkeyPatch, room: int, recomputes: bool
) -> None:
    from selfguidance.guidance.families import FAMILIES as KNOWN
    from selfguidance.guidance.settings import MemoryMode
    from selfguidance.nodes.engine import memory

    monkeypatch.setattr(memory.management, "get_free_memory", lambda device: room)
    budget = memory.Budget(KNOWN[0], False, MemoryMode.AUTO)
    budget.fit(small, (1, 4, 16, 16))
    assert budget.recompute == recomputes
    fixed = memory.Budget(KNOWN[0], False, MemoryMode.FAST)
    fixed.fit(small, (1, 4, 16, 16))
    assert not fixed.recompute


def test_the_model_stays_loaded_rather_than_the_graph(
    lab: ModuleType, small: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from selfguidance.guidance.families import FAMILIES as KNOWN
    from selfguidance.guidance.settings import MemoryMode
    from selfguidance.nodes.engine import memory

    budget = memory.Budget(KNOWN[0], False, MemoryMode.AUTO)
    graph = budget.graph(small, (1, 4, 16, 16))
    fits = (graph + small.model_size()) / memory.USABLE
    for total, recomputes in ((1.01 * fits, False), (0.99 * fits, True)):
        monkeypatch.setattr(memory.management, "get_total_memory", lambda device, t=total: t)
        budget = memory.Budget(KNOWN[0], False, MemoryMode.AUTO)
        budget.asked_shape(small, (1, 4, 16, 16))
        assert budget.recompute == recomputes


def test_the_more_careful_of_two_requests_counts(lab: ModuleType) -> None:
    from selfguidance.guidance.settings import MemoryMode, Settings

    auto, fast, frugal = (
        Settings((lab.position(),), memory=mode)
        for mode in (MemoryMode.AUTO, MemoryMode.FAST, MemoryMode.SAVE)
    )
    assert fast.joined(fast).memory is MemoryMode.FAST
    assert fast.joined(auto).memory is auto.joined(fast).memory is MemoryMode.AUTO
    assert auto.joined(frugal).memory is frugal.joined(fast).memory is MemoryMode.SAVE


def test_the_families_state_what_the_benchmark_counts(lab: ModuleType) -> None:
    from selfguidance.guidance.families import FAMILIES as KNOWN
    from selfguidance.tools.bench import bench_memory

    stated = {family.name: family.graph_kib for family in KNOWN if family.architecture == "unet"}
    assert {name for name, _ in bench_memory.SETTINGS} == stated.keys()
    for name, side in bench_memory.SETTINGS:
        for features in (False, True):
            counted = bench_memory.kept(name, side, features, recompute=False) / 1024 / side**2
            assert stated[name][features] == pytest.approx(counted, rel=0.05), (name, side)
