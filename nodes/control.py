"""ControlNets beside guidance: they add to the model's pass, but no gradient runs through them.

Their weights are inference tensors, which autograd refuses, and a graph through a second network
would nearly double the cost of a step. The control that they return counts in full; only its own
dependence on the latent is left out of the gradient.
"""

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


def without_gradient(cond: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The conditioning with its ControlNets frozen; one that entries share stays shared."""
    frozen: dict[int, Frozen] = {}
    result = []
    for entry in cond:
        control = entry.get("control")
        if control is not None:
            entry = {**entry, "control": frozen.setdefault(id(control), Frozen(control))}
        result.append(entry)
    return result
