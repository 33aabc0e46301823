"""Weights of a loaded model for autograd, without copies.

ComfyUI runs nodes in inference mode, so weights are inference tensors, which autograd refuses. A
weight that a layer uses directly is replaced by an ordinary tensor over the same storage; a layer
that computes its weight at every call gets another forward, see `frozen`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from operator import is_
from typing import Any

import torch
from comfy.ops import CastWeightBiasOp
from torch import Tensor, nn

from ..forwards import exchanged
from .frozen import frozen
from .ordinary import PLAIN, ordinary

Store = dict[str, Any]


class Weights:
    """Prepares the weights of a loaded model once for each run.

    Args:
        models: the network, and others in its passes, whose weights ComfyUI has patched and moved
            already. Weights that hooks replace during the run are prepared again.
    """

    def __init__(self, *models: nn.Module) -> None:
        modules = list(dict.fromkeys(module for model in models for module in model.modules()))
        self._layers = [layer for layer in modules if _remakes_weights(layer)]
        self._stores: list[Store] = [s for m in modules for s in (m._parameters, m._buffers) if s]
        self._prepared: list[Tensor | None] = []
        self._aliases: list[tuple[Store, str, Tensor, Tensor]] = []

    @contextmanager
    def differentiable(self) -> Iterator[None]:
        """Context in which gradients pass through the model to its input.

        On exit each weight is the same object as before, unless other code has replaced it.
        """
        self._prepare()
        try:
            for store, name, _, alias in self._aliases:
                store[name] = alias
            with exchanged((layer, frozen(layer)) for layer in self._layers):
                yield
        finally:
            for store, name, tensor, alias in self._aliases:
                if store.get(name) is alias:
                    store[name] = tensor

    def _prepare(self) -> None:
        """Make the ordinary tensors, unless the model has the same weights as at the last call."""
        held = [tensor for store in self._stores for tensor in store.values()]
        if len(held) == len(self._prepared) and all(map(is_, held, self._prepared)):
            return
        with torch.inference_mode(False), torch.no_grad():
            self._aliases = [
                (store, name, tensor, ordinary(tensor))
                for store in self._stores
                for name, tensor in store.items()
                if type(tensor) in PLAIN and (tensor.is_inference() or tensor.requires_grad)
            ]
        self._prepared = held


def _remakes_weights(layer: nn.Module) -> bool:
    """Whether a layer computes the weights that it uses at every call."""
    own = [weight for weight in layer._parameters.values() if weight is not None]
    if not own:
        return False
    if "forward" in vars(layer) or any(type(weight) not in PLAIN for weight in own):
        return True
    if not isinstance(layer, CastWeightBiasOp):
        return False
    casts = layer.comfy_cast_weights or hasattr(layer, "_v")
    return bool(casts or layer.weight_function or layer.bias_function)
