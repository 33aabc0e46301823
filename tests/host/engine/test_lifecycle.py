"""What a run leaves behind: nothing, however it ends."""

import gc
import weakref
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import torch
from selfguidance.tests.host.traces import Snapshot, broken, broken_term, on_call

MIDDLE = 4  # model calls of a guided run: conditional and unconditional of every step


@pytest.fixture
def model(lab: ModuleType) -> Any:
    """A model as a node loads it: its weights are inference tensors."""
    with torch.inference_mode():
        return lab.unet("shapes")


def test_the_snapshot_notices_what_it_shall(lab: ModuleType, model: Any) -> None:
    layer = model.model.diffusion_model.input_blocks[0][0]
    bias = layer.bias
    changes = (
        (lambda: layer._parameters.update(bias=torch.nn.Parameter(bias.clone(), False))),
        (lambda: layer.register_forward_hook(broken)),
        (lambda: setattr(layer, "extra", 1)),
        (lambda: model.add_wrapper_with_key("predict_noise", "key", broken)),
        (lambda: model.set_model_attn2_replace(broken, "output", 2)),
        (lambda: model.add_object_patch("model_sampling", broken)),
    )
    for change in changes:
        snapshot = Snapshot(model)
        with torch.inference_mode():
            change()
        with pytest.raises(AssertionError):
            snapshot.check(model)


def test_a_patch_of_another_pack_that_fails_leaves_nothing(lab: ModuleType, model: Any) -> None:
    before = lab.plain(model)
    patched = model.clone()
    calls = on_call(3, broken)
    patched.set_model_sampler_post_cfg_function(lambda args: calls() or args["denoised"])
    snapshot, own = Snapshot(model), Snapshot(patched)
    with pytest.raises(RuntimeError, match="the module broke"):
        lab.guided(patched, [lab.position()])
    snapshot.check(model)
    own.check(patched)
    assert torch.equal(lab.plain(model), before)


@pytest.mark.compat("Lifecycle", "No tensor outlives its run")
@pytest.mark.parametrize("fails", [False, True], ids=["success", "failure"])
def test_no_tensor_of_a_run_outlives_it(
    lab: ModuleType, model: Any, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    from selfguidance.nodes.engine import attach as patch
    from selfguidance.nodes.engine import capture

    gc.collect()
    others = tensors_with_graph()  # of other tests
    born: list[weakref.ref] = []
    traced: list[weakref.ref] = []

    def remember(kind: type, name: str, values: Callable[[tuple], list[Any]]) -> None:
        original = getattr(kind, name)

        def spy(self: Any, *arguments: Any) -> Any:
            born.append(weakref.ref(self))
            traced.extend(weakref.ref(tensor) for tensor in values(arguments))
            return original(self, *arguments)

        monkeypatch.setattr(kind, name, spy)

    remember(patch.SamplingRun, "_add_step", lambda a: [*a[0].maps.values(), a[0].denoised])
    remember(capture.Capture, "read_attention", lambda a: [a[1].query, a[1].key])
    if fails:
        with pytest.raises(RuntimeError, match="the term broke"):
            lab.guided(model, [broken_term(lab, 3)])
    else:
        lab.guided(model, [lab.position()])
    monkeypatch.undo()
    gc.collect()
    assert len(born) > 4 and len(traced) > 8
    assert not any(reference() is not None for reference in (*born, *traced))
    assert not [t for t in tensors_with_graph() if all(t is not other for other in others)]


def tensors_with_graph() -> list[torch.Tensor]:
    tensors = [thing for thing in gc.get_objects() if isinstance(thing, torch.Tensor)]
    return [tensor for tensor in tensors if tensor.grad_fn is not None]


def test_a_record_holds_no_graph_and_no_tensor_of_the_run(lab: ModuleType, model: Any) -> None:
    _, record = lab.guided(model, [lab.position()])
    for step in record:
        seen = step.properties
        for tensor in (*seen.maps.values(), seen.features, seen.denoised):
            assert tensor.grad_fn is None and not tensor.requires_grad
            assert tensor.device.type == "cpu" and tensor.dtype == torch.float16
            assert tensor.untyped_storage().nbytes() == tensor.numel() * 2
