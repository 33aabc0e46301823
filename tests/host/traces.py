"""Changes that a run could leave on a MODEL, and ways to end a run early."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import torch


class Snapshot:
    """The state of a MODEL: weights, attributes of its modules and of the patcher."""

    def __init__(self, model: Any) -> None:
        self.stores = {
            (name, kind): dict(getattr(module, kind))
            for name, module in model.model.named_modules()
            for kind in ("_parameters", "_buffers", "_modules")
        }
        self.attributes = {
            name: {key: contents(value) for key, value in vars(module).items()}
            for name, module in model.model.named_modules()
        }
        state = {key: value for key, value in vars(model).items() if key != "model"}
        self.patcher = {key: contents(value) for key, value in state.items()}

    def check(self, model: Any) -> None:
        """Fail if anything changed; every tensor must be the same object as before."""
        now = Snapshot(model)
        assert now.stores.keys() == self.stores.keys()
        for key, store in self.stores.items():
            assert list(now.stores[key]) == list(store)
            assert all(now.stores[key][name] is tensor for name, tensor in store.items()), key
        assert now.attributes == self.attributes
        assert now.patcher == self.patcher


def contents(value: Any) -> Any:
    """A copy of containers, to detect later changes; other values, or the id of an object."""
    if isinstance(value, dict):
        return {key: contents(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [contents(entry) for entry in value]
    return value if isinstance(value, (int, float, str, type(None))) else id(value)


def on_call(number: int, action: Callable[[], None]) -> Callable:
    """A module hook that calls `action` in the n-th run of the module from now on."""
    calls = iter(range(1, 1000))

    def hook(*_: Any) -> None:
        if next(calls) == number:
            action()

    return hook


def broken() -> None:
    raise RuntimeError("the module broke")


def interrupted() -> None:
    import comfy.model_management

    comfy.model_management.interrupt_current_processing()
    # newer ComfyUIs check for it at every operation, older ones at the end of a step
    comfy.model_management.throw_exception_if_processing_interrupted()


def broken_term(lab: ModuleType, at: int) -> Any:
    """A term that raises in its n-th evaluation."""
    from selfguidance.guidance.terms import reference as energies

    calls = iter(range(1, 1000))

    class Broken(energies.Position):
        def __call__(self, seen: Any) -> torch.Tensor:
            if next(calls) == at:
                raise RuntimeError("the term broke")
            return super().__call__(seen)

    return Broken(object="red circle", x=0.8, y=0.3)
