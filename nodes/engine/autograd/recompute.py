"""Blocks whose inner activations are computed again in the backward pass instead of being kept.

Only what enters a block of the UNet stays in memory, at the cost of nearly one more forward pass.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from comfy.ldm.modules.attention import BasicTransformerBlock
from comfy.ldm.modules.diffusionmodules.openaimodel import ResBlock
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from .forwards import exchanged
from .ordinary import Ordinary

BLOCKS = (ResBlock, BasicTransformerBlock)


@contextmanager
def recomputing(model: nn.Module, foreign: bool = False) -> Iterator[None]:
    """Within it, a pass with gradient keeps of every block no more than its inputs.

    Args:
        model: the network.
        foreign: whether functions of other packs run in the blocks, whose tensors may be of
            inference mode.
    """
    blocks = [block for block in model.modules() if isinstance(block, BLOCKS)]
    with exchanged((block, _recomputed(block.forward, foreign)) for block in blocks):
        yield


def _recomputed(forward: Callable[..., Tensor], foreign: bool) -> Callable[..., Tensor]:
    def block(*args: Any, **kwargs: Any) -> Tensor:
        # the backward pass, in which it runs again, is outside of every mode of the forward pass
        with Ordinary() if foreign else nullcontext():
            return forward(*args, **kwargs)

    def call(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if not (torch.is_grad_enabled() and x.requires_grad):
            return forward(x, *args, **kwargs)
        if "transformer_options" in kwargs:
            # ComfyUI writes into them from block to block, and the second run comes much later
            kwargs["transformer_options"] = dict(kwargs["transformer_options"])
        # patches of other packs draw by chance, the same in both runs
        return checkpoint(block, x, *args, use_reentrant=False, preserve_rng_state=True, **kwargs)

    return call
