"""ControlNets and hooks of conditionings in passes with gradient.

ControlNets are evaluated without gradient: their weights are inference tensors, which autograd
refuses, and a graph through a second network would nearly double the cost of a step. Their output
is used unchanged; only its dependence on the latent is missing from the gradient.
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
    """A ControlNet that is evaluated without gradient."""

    def __init__(self, control: Any) -> None:
        self._control = control

    def __getattr__(self, name: str) -> Any:
        return getattr(self._control, name)

    def get_control(self, *args: Any, **kwargs: Any) -> Any:
        """The ControlNet's output, see ComfyUI."""
        with torch.no_grad():
            return self._control.get_control(*args, **kwargs)


def without_gradient(conds: Sequence[Cond | None]) -> list[Cond | None]:
    """The conditionings with detached ControlNets; entries that share one still do."""
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
    """Whether any of the conditionings has a ControlNet."""
    return any(entry.get("control") is not None for cond in conds for entry in cond or ())


def check_hooks(positive: Sequence[Mapping[str, Any]]) -> None:
    """Raise a ValueError if positives have different hooks, as these change the weights."""
    if len({entry.get("hooks") for entry in positive}) > 1:
        raise ValueError(HOOKS)
