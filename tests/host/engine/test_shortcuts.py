"""Guidance on models that ComfyUI's nodes make faster: guided steps take no short cut."""

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
import torch
from selfguidance.guidance.terms.window import Window
from selfguidance.tests.host.theirs import ran

CACHES = {"EasyCache": "EasyCacheNode", "LazyCache": "LazyCacheNode"}
caches = pytest.mark.parametrize("name", CACHES)


@pytest.fixture(scope="module")
def model(lab: ModuleType) -> Any:
    with torch.inference_mode():
        return lab.unet("shapes")


def inputs(lab: ModuleType, steps: int) -> dict[str, Any]:
    return {"steps": steps, "latent_image": lab.latent(1, 8, 8)}


@pytest.fixture
def passes(model: Any) -> Iterator[list[Any]]:
    """One entry for every pass through the model itself."""
    seen: list[Any] = []
    embed = model.model.diffusion_model.time_embed
    handle = embed.register_forward_pre_hook(lambda _, args: seen.append(args))
    yield seen
    handle.remove()


def cached(model: Any, name: str) -> Any:
    """The MODEL with a node that skips every step it may."""
    from comfy_extras import nodes_easycache

    node = getattr(nodes_easycache, CACHES[name])
    limits = {"reuse_threshold": 3.0, "start_percent": 0.0, "end_percent": 1.0}
    with torch.inference_mode():
        return ran(node, model=model, **limits)[0]


@pytest.mark.compat("Other packs and nodes", "{name}")
@caches
def test_guided_steps_are_never_skipped(lab: ModuleType, model: Any, name: str) -> None:
    check_guided_steps_are_never_skipped(lab, model, name, inputs(lab, 4))


def check_guided_steps_are_never_skipped(
    lab: ModuleType, model: Any, name: str, run: dict[str, Any]
) -> None:
    """Fails unless guided runs are the same with and without the node of that name."""
    terms, fast = [lab.position()], cached(model, name)
    plain = lab.plain(fast, **run)
    assert not torch.equal(plain, lab.plain(model, **run))
    assert torch.equal(lab.guided(fast, terms, 0.0, **run)[0], plain)
    guided, record = lab.guided(fast, terms, **run)
    assert len(record.steps) == run["steps"] and all(step.guided for step in record)
    assert torch.equal(guided, lab.guided(model, terms, **run)[0])
    assert torch.equal(lab.plain(cached(lab.applied(model, terms), name), **run), guided)


@pytest.mark.compat("Other packs and nodes", "{name}")
@caches
def test_steps_that_are_not_guided_are_skipped_as_ever(
    lab: ModuleType, model: Any, passes: list[Any], name: str
) -> None:
    run, terms = inputs(lab, 8), [lab.position(window=Window(0.0, 0.3))]
    counts = []
    for chosen in (cached(model, name), model):
        passes.clear()
        samples, record = lab.guided(chosen, terms, **run)
        counts.append(len(passes))
        assert torch.isfinite(samples).all()
        assert [step.guided for step in record][:4] == [True, True, True, False]
    assert counts[0] < counts[1]


def test_a_record_says_that_its_steps_were_skipped(
    lab: ModuleType, model: Any, caplog: pytest.LogCaptureFixture
) -> None:
    _, record = lab.guided(cached(model, "EasyCache"), **inputs(lab, 8))
    assert f"the record shows {len(record.steps)} of 8 steps" in caplog.text
    assert "another node skipped the model" in caplog.text and "no positive" not in caplog.text


@pytest.fixture
def compiler() -> Iterator[Any]:
    """A backend of torch.compile that runs graphs as they are and counts how often."""
    import torch._dynamo

    class Backend:
        runs = 0

        def __call__(self, graph: Any, _: Any) -> Callable:
            def run(*args: Any) -> Any:
                self.runs += 1
                return graph(*args)

            return run

    torch._dynamo.reset()
    yield Backend()
    torch._dynamo.reset()


@pytest.mark.compat("Other packs and nodes", "TorchCompileModel")
def test_guided_steps_run_uncompiled(lab: ModuleType, model: Any, compiler: Any) -> None:
    from comfy_extras.nodes_torch_compile import TorchCompileModel

    run, terms = inputs(lab, 2), [lab.position()]
    with torch.inference_mode():
        (compiled,) = ran(TorchCompileModel, model=model, backend=compiler)
    guided, record = lab.guided(compiled, terms, **run)
    assert len(record.steps) == 2 and all(step.guided for step in record)
    assert torch.equal(guided, lab.guided(model, terms, **run)[0])
    assert compiler.runs == 0


@pytest.mark.compat("Other packs and nodes", "torch.compile of parts of a model")
@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_steps_that_are_not_guided_run_compiled(
    lab: ModuleType, model: Any, compiler: Any, backend: str
) -> None:
    from comfy_api.torch_helpers import set_torch_compile_wrapper

    def compiled(backend: Any) -> Any:
        clone = model.clone()
        set_torch_compile_wrapper(clone, backend, keys=["diffusion_model.time_embed"])
        return clone

    run, terms = inputs(lab, 4), [lab.position(window=Window(0.0, 0.3))]
    assert torch.equal(
        lab.guided(compiled(backend), terms, 0.0, **run)[0], lab.plain(compiled(backend), **run)
    )
    expected, _ = lab.guided(model, terms, **run)
    torch.testing.assert_close(lab.guided(compiled(backend), terms, **run)[0], expected)
    _, record = lab.guided(compiled(compiler), terms, **run)
    unguided = sum(not step.guided for step in record)
    assert compiler.runs == unguided > 0
