"""Gradient checkpointing: activations inside blocks are recomputed in the backward pass.

Only the inputs of blocks stay in memory, at the cost of nearly one more forward pass.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ..forwards import exchanged
from .ordinary import Ordinary


@contextmanager
def recomputing(blocks: Iterable[nn.Module], foreign: bool = False) -> Iterator[None]:
    """Context in which a pass with gradient checkpoints every block.

    Args:
        blocks: of which none contains another one, see `Architecture.blocks`.
        foreign: whether functions of other packs run in the blocks, which may use inference
            tensors.
    """
    with exchanged((block, _recomputed(block.forward, foreign)) for block in blocks):
        yield


def _recomputed(forward: Callable[..., Any], foreign: bool) -> Callable[..., Any]:
    def block(*args: Any, **kwargs: Any) -> Any:
        # it runs again in the backward pass, outside of all modes of the forward pass
        with Ordinary() if foreign else nullcontext():
            return forward(*args, **kwargs)

    def call(*args: Any, **kwargs: Any) -> Any:
        if not (torch.is_grad_enabled() and _any_traced(args, kwargs)):
            return forward(*args, **kwargs)
        if "transformer_options" in kwargs:
            # a copy, as ComfyUI changes them from block to block
            kwargs["transformer_options"] = dict(kwargs["transformer_options"])
        # patches of other packs may use random numbers, which must be the same in both runs
        return checkpoint(block, *args, use_reentrant=False, preserve_rng_state=True, **kwargs)

    return call


def _any_traced(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    values = (*args, *kwargs.values())
    return any(isinstance(value, Tensor) and value.requires_grad for value in values)
