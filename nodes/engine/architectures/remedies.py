"""What stands between autograd and transformers that were written for inference."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import comfy.model_management as management
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ..forwards import exchanged

try:  # newer hosts have rotary embeddings and norms as one operation, from a package
    import comfy_kitchen.backends.eager as eager
except ImportError:
    eager = None
KITCHEN = "comfy_kitchen::"
Forward = Callable[..., Any]


class Eager(TorchFunctionMode):
    """Within it, operations of comfy_kitchen that have no derivative are made of PyTorch's own."""

    def __torch_function__(
        self,
        function: Callable,
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Call the function, or what the package itself has in its place on a CPU."""
        name = getattr(function, "_qualified_op_name", "")
        if name.startswith(KITCHEN) and torch.is_grad_enabled():
            plain = getattr(eager, name.removeprefix(KITCHEN).partition(".")[0], None)
            if plain is not None and any(_is_traced(value) for value in args):
                # weights of a norm may stand in a buffer through which others are streamed later
                function, args = plain, tuple(map(_kept, args))
        return function(*args, **(kwargs or {}))


def _is_traced(value: Any) -> bool:
    return isinstance(value, Tensor) and value.requires_grad


def _kept(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) and value.ndim == 1 else value


@contextmanager
def training() -> Iterator[None]:
    """Within it, newer hosts take the way of their own that has a gradient, where there is one."""
    before = getattr(management, "in_training", None)
    if before is None:
        yield
        return
    management.in_training = True
    try:
        yield
    finally:
        management.in_training = before


@contextmanager
def differentiable(blocks: Iterable[nn.Module], adds_in_place: bool) -> Iterator[None]:
    """Within it, gradients pass through the blocks, also where they are computed again.

    Args:
        blocks: of a transformer, none of which contains another one.
        adds_in_place: whether they add to what they are given, and to what their norms have read.
    """
    found = list(blocks)
    norms = [module for block in found for module in block.modules() if _is_norm(module)]
    pairs = [(norm, _of_a_copy(norm.forward)) for norm in norms if adds_in_place]
    pairs += [(block, _right(block.forward, adds_in_place)) for block in found]
    with training(), exchanged(pairs):
        yield


def _is_norm(module: nn.Module) -> bool:
    # some transformers have a class of their own for it
    return isinstance(module, nn.LayerNorm) or type(module).__name__ == "RMSNorm"


def _of_a_copy(forward: Forward) -> Forward:
    """A norm's forward that keeps a copy of its input for the backward pass."""

    def norm(x: Tensor, *args: Any, **kwargs: Any) -> Any:
        return forward(
            x.clone() if _is_traced(x) and torch.is_grad_enabled() else x, *args, **kwargs
        )

    return norm


def _right(forward: Forward, adds_in_place: bool) -> Forward:
    """A block's forward that autograd can follow.

    The mode is entered here, for a block that is computed again runs outside of modes around the
    pass; and only here can a copy be what changes, while what the block was given stays for the
    second run.
    """

    def block(*args: Any, **kwargs: Any) -> Any:
        if not torch.is_grad_enabled():
            return forward(*args, **kwargs)
        if adds_in_place:
            args = tuple(map(_own, args))
            kwargs = {name: _own(value) for name, value in kwargs.items()}
        with nullcontext() if eager is None else Eager():
            return forward(*args, **kwargs)

    return block


def _own(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) and value.ndim == 3 else value
