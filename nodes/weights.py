"""Weights that autograd accepts, without copying them.

ComfyUI runs nodes in inference mode, so weights loaded by a node are inference tensors, which
autograd refuses to save for backward. A tensor made outside inference mode over the same storage is
an ordinary one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


@contextmanager
def differentiable(model: nn.Module) -> Iterator[None]:
    """Every weight of the model is, within the context, a frozen ordinary tensor over its storage.

    On leaving, each entry that nobody exchanged meanwhile is the very object it was before.
    """
    swapped: list[tuple[dict[str, Any], str, Tensor, Tensor]] = []
    try:
        with torch.inference_mode(False), torch.no_grad():
            for module in model.modules():
                stores: tuple[dict[str, Any], ...] = (module._parameters, module._buffers)
                for store in stores:
                    for name, tensor in store.items():
                        if tensor is None or not (tensor.is_inference() or tensor.requires_grad):
                            continue
                        if type(tensor) not in (Tensor, nn.Parameter):
                            continue  # quantised weights dequantise into fresh tensors
                        alias = _alias(tensor, parameter=store is module._parameters)
                        swapped.append((store, name, tensor, alias))
                        store[name] = alias
        yield
    finally:
        for store, name, tensor, alias in swapped:
            if store.get(name) is alias:
                store[name] = tensor


def _alias(tensor: Tensor, parameter: bool) -> Tensor:
    alias = torch.empty(0, dtype=tensor.dtype, device=tensor.device)
    alias.set_(tensor.untyped_storage(), tensor.storage_offset(), tensor.size(), tensor.stride())
    return nn.Parameter(alias, requires_grad=False) if parameter else alias
