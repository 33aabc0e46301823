"""Layers that gradients pass through while their weights stay where ComfyUI keeps them.

A weight that is cast, patched, quantised or streamed from memory to memory at every call must not
be kept for the backward pass: it would hold a second model in memory, and newer hosts stream all
layers through one buffer, where autograd later finds the weight of another layer. So the forward
pass runs as it is, outside the graph, and the backward pass asks for the weight once more.
"""

from collections.abc import Callable
from typing import Any

import comfy.ops
import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.nn.grad import conv2d_input

from .ordinary import PLAIN, Ordinary, ordinary

Forward = Callable[..., Tensor]


def frozen(layer: nn.Module) -> Forward:
    """The layer's forward, through which gradients pass to its input alone.

    Args:
        layer: any layer of one input tensor; more arguments are handed on.
    """
    forward = layer.forward
    backward = _by_weight if _plainly_affine(layer) else _by_replay

    def call(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if not (torch.is_grad_enabled() and x.requires_grad):
            return forward(x, *args, **kwargs)
        bound = (lambda value: forward(value, *args, **kwargs)) if args or kwargs else forward
        return _Frozen.apply(x, layer, bound, backward)

    return call


class _Frozen(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, layer: nn.Module, forward: Forward, backward: Any) -> Tensor:
        ctx.layer, ctx.call, ctx.way = layer, forward, backward
        ctx.shape, ctx.dtype = x.shape, x.dtype
        if backward is _by_replay:
            ctx.save_for_backward(x)
        # fast float8 layers clamp their input in place, which is no change to autograd
        output = forward(ordinary(x))
        # nobody may add in place to a view that a function like this one returns
        return ordinary(output) if output._is_view() else output

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        return ctx.way(ctx, gradient).to(ctx.dtype), None, None, None


def _plainly_affine(layer: nn.Module) -> bool:
    """Whether it is ComfyUI's own layer, whose output is its weight times its input."""
    if "forward" in vars(layer) or not isinstance(layer, comfy.ops.CastWeightBiasOp):
        return False
    if type(layer).__module__ != comfy.ops.__name__:
        return False
    if isinstance(layer, nn.Conv2d):
        return layer.padding_mode == "zeros" and not isinstance(layer.padding, str)
    return hasattr(layer, "in_features") and hasattr(layer, "out_features")


def _by_weight(ctx: Any, gradient: Tensor) -> Tensor:
    """W^T times the gradient, with the weight as the forward pass had it."""
    layer = ctx.layer
    weight, release = _weight(layer, gradient)
    if isinstance(layer, nn.Conv2d):
        how = layer.stride, layer.padding, layer.dilation, layer.groups
        result = conv2d_input(ctx.shape, weight, gradient, *how)
    else:
        result = gradient @ weight
    release()
    return result


def _weight(layer: Any, like: Tensor) -> tuple[Tensor, Callable[[], None]]:
    """The layer's weight on the device and in the dtype of a tensor, and what to call after use."""
    if hasattr(comfy.ops, "uncast_bias_weight"):
        weight, bias, stream = comfy.ops.cast_bias_weight(layer, like, offloadable=True)

        def release() -> None:
            comfy.ops.uncast_bias_weight(layer, weight, bias, stream)
    else:
        weight, _ = comfy.ops.cast_bias_weight(layer, like)

        def release() -> None:
            pass

    plain = weight if type(weight) in PLAIN else weight.dequantize()
    scale = getattr(layer, "scale_weight", None)  # of layers that hold scaled float8
    return plain if scale is None else plain * scale.to(plain), release


def _by_replay(ctx: Any, gradient: Tensor) -> Tensor:
    """The gradient of a second run of the forward pass, taken at once.

    What that run saves is copied there and then: a streamed weight stands in its buffer only until
    the layer returns.
    """
    (x,) = ctx.saved_tensors
    with torch.enable_grad(), Ordinary(), saved_tensors_hooks(torch.clone, lambda kept: kept):
        again = x.detach().requires_grad_()
        output = ctx.call(again)
    return torch.autograd.grad(output, again, gradient)[0]
