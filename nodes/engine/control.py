"""What conditionings bring along, beside guidance: ControlNets and hooks.

ControlNets add to the model's pass, but no gradient runs through them: their weights are inference
tensors, which autograd refuses, and a graph through a second network would nearly double the cost
of a step. The control that they return counts in full; only its own dependence on the latent is
left out of the gradient.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

HOOKS = (
    "the positive conditionings have different hooks (hook LoRAs), which exchange the model's "
    "weights between their passes, so that no gradient can be taken through both: give all "
    "positive conditionings the same hooks, or load the LoRA on the model (Load LoRA)"
)
Cond = list[dict[str, Any]]


class DetachedControl:
    """A ControlNet whose control is computed as ComfyUI itself does, without gradient."""

    def __init__(self, control: Any) -> None:
        self._control = control

    def __getattr__(self, name: str) -> Any:
        return getattr(self._control, name)

    def get_control(self, *args: Any, **kwargs: Any) -> Any:
        """What the ControlNet adds to the model's blocks."""
        with torch.no_grad():
            return self._control.get_control(*args, **kwargs)


def without_gradient(conds: Sequence[Cond | None]) -> list[Cond | None]:
    """The conditionings with their ControlNets detached; one that entries share stays shared."""
    detached: list[tuple[Any, DetachedControl]] = []

    def changed(entry: dict[str, Any]) -> dict[str, Any]:
        control = entry.get("control")
        if control is None:
            return entry
        for known, shared in detached:
            if known is control:
                return {**entry, "control": shared}
        detached.append((control, DetachedControl(control)))
        return {**entry, "control": detached[-1][1]}

    return [cond and [changed(entry) for entry in cond] for cond in conds]


def controlled(conds: Sequence[Cond | None]) -> bool:
    """Whether a ControlNet adds to the pass of any of the conditionings."""
    return any(entry.get("control") is not None for cond in conds for entry in cond or ())


def check_hooks(positive: Sequence[Mapping[str, Any]]) -> None:
    """Raise a ValueError where the weights change between the passes of the positives."""
    if len({entry.get("hooks") for entry in positive}) > 1:
        raise ValueError(HOOKS)
