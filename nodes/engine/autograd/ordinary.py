"""Ordinary tensors in place of inference tensors, for autograd.

Nodes run in inference mode, so every tensor that other packs make in a node, such as a mask or an
image prompt, is an inference tensor, which autograd refuses to save for the backward pass. A new
tensor over the same storage, made outside inference mode, is an ordinary one.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

PLAIN = (Tensor, nn.Parameter)


def ordinary(tensor: Tensor) -> Tensor:
    """An ordinary tensor over the storage of an inference tensor; call it outside inference mode.

    Tensors of other classes, such as quantised weights, are returned unchanged.
    """
    if type(tensor) not in PLAIN:
        return tensor
    alias = torch.empty(0, dtype=tensor.dtype, device=tensor.device)
    alias.set_(tensor.untyped_storage(), tensor.storage_offset(), tensor.size(), tensor.stride())
    return nn.Parameter(alias, requires_grad=False) if isinstance(tensor, nn.Parameter) else alias


class Ordinary(TorchFunctionMode):
    """Mode in which every function of torch gets ordinary tensors for inference tensors."""

    def __torch_function__(
        self,
        function: Callable,
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Call the function with ordinary tensors."""
        named = {name: _made_ordinary(value) for name, value in (kwargs or {}).items()}
        return function(*map(_made_ordinary, args), **named)


def _made_ordinary(value: Any) -> Any:
    if isinstance(value, Tensor):
        return ordinary(value) if value.is_inference() else value
    if type(value) in (list, tuple):
        return type(value)(map(_made_ordinary, value))
    return value
