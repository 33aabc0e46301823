"""What a run could leave behind, and ways to end one early."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import torch


class Snapshot:
    """Everything of a MODEL that a run could leave something in."""

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
        """Nothing may differ, and every tensor must be the very object that it was."""
        now = Snapshot(model)
        assert now.stores.keys() == self.stores.keys()
        for key, store in self.stores.items():
            assert list(now.stores[key]) == list(store)
            assert all(now.stores[key][name] is tensor for name, tensor in store.items()), key
        assert now.attributes == self.attributes
        assert now.patcher == self.patcher


def contents(value: Any) -> Any:
    """A copy of containers, so that later changes show; what is no container stands for itself."""
    if isinstance(value, dict):
        return {key: contents(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [contents(entry) for entry in value]
    return value if isinstance(value, (int, float, str, type(None))) else id(value)


def on_call(number: int, action: Callable[[], None]) -> Callable:
    """A module hook that acts when the model runs for the n-th time, counted from now."""
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
    # newer hosts look for it at every operation themselves, older ones at the end of a step
    comfy.model_management.throw_exception_if_processing_interrupted()


def broken_term(lab: ModuleType, at: int) -> Any:
    """A term that raises when it is asked for the n-th time."""
    from selfguidance.guidance.terms import reference as energies

    calls = iter(range(1, 1000))

    class Broken(energies.Position):
        def __call__(self, seen: Any) -> torch.Tensor:
            if next(calls) == at:
                raise RuntimeError("the term broke")
            return super().__call__(seen)

    return Broken(object="red circle", x=0.8, y=0.3)
