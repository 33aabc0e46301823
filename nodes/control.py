"""ControlNets beside guidance: they add to the model's pass, but no gradient runs through them.

Their weights are inference tensors, which autograd refuses, and a graph through a second network
would nearly double the cost of a step. The control that they return counts in full; only its own
dependence on the latent is left out of the gradient. The same goes for what GLIGEN adds between the
layers.
"""

from collections.abc import Callable
from typing import Any

import torch


class Frozen:
    """A ControlNet whose control is computed as ComfyUI itself does, without gradient."""

    def __init__(self, control: Any) -> None:
        self._control = control

    def __getattr__(self, name: str) -> Any:
        return getattr(self._control, name)

    def get_control(self, *args: Any, **kwargs: Any) -> Any:
        """What the ControlNet adds to the model's blocks."""
        with torch.no_grad():
            return self._control.get_control(*args, **kwargs)


class FrozenBoxes:
    """A GLIGEN model whose part of each layer is computed as ever, and counts as a constant.

    Attributes:
        model: itself; ComfyUI asks a MODEL for its `model`.
    """

    def __init__(self, patcher: Any) -> None:
        self._patcher = patcher
        self.model = self

    def __getattr__(self, name: str) -> Any:
        return getattr(self._patcher.model, name)

    def set_position(self, *args: Any, **kwargs: Any) -> Callable:
        """The patch for boxes."""
        return self._frozen("set_position", *args, **kwargs)

    def set_empty(self, *args: Any, **kwargs: Any) -> Callable:
        """The patch without boxes."""
        return self._frozen("set_empty", *args, **kwargs)

    def _frozen(self, name: str, *args: Any, **kwargs: Any) -> Callable:
        with torch.no_grad():
            patch = getattr(self._patcher.model, name)(*args, **kwargs)

        def frozen(x: torch.Tensor, extra: Any) -> torch.Tensor:
            with torch.no_grad():
                out = patch(x, extra)
            return out + (x - x.detach())  # the value of out, the gradient of x

        return frozen


def without_gradient(cond: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The conditioning with its ControlNets and GLIGEN frozen; a net of several stays one."""
    frozen: dict[int, Frozen] = {}
    result = []
    for entry in cond:
        control = entry.get("control")
        if control is not None:
            entry = {**entry, "control": frozen.setdefault(id(control), Frozen(control))}
        if "gligen" in entry:
            kind, model, *rest = entry["gligen"]
            entry = {**entry, "gligen": (kind, FrozenBoxes(model), *rest)}
        result.append(entry)
    return result
