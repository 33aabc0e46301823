"""Layers with gradients to their input that do not save their weights for the backward pass.

ComfyUI casts, patches, dequantises or streams the weight of some layers at every call. Autograd
must not save such a weight: it would be a second copy of the model in memory, and newer hosts
stream all layers through one buffer, which holds the weight of another layer by then. So the
forward pass runs outside the graph, and the backward pass requests the weight again.
"""

from collections.abc import Callable
from typing import Any

import comfy.ops
import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.nn.grad import conv2d_input

from .ordinary import PLAIN, Ordinary, ordinary

# By which a layer multiplies its weight, as some that hold float8, or what enters it.
SCALES = ("scale_weight", "pre_quant_scale")
Forward = Callable[..., Tensor]


def frozen(layer: nn.Module) -> Forward:
    """A forward for a layer, with a gradient to its input only.

    Args:
        layer: any layer with one input tensor; further arguments are passed on.
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
        # fast float8 layers clamp their input in place, which autograd must not notice
        output = forward(ordinary(x))
        # nobody may add in place to a view that a function like this one returns
        return ordinary(output) if output._is_view() else output

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        return ctx.way(ctx, gradient).to(ctx.dtype), None, None, None


def _plainly_affine(layer: nn.Module) -> bool:
    """Whether it is a linear or convolution layer of ComfyUI itself."""
    if "forward" in vars(layer) or not isinstance(layer, comfy.ops.CastWeightBiasOp):
        return False
    if type(layer).__module__ != comfy.ops.__name__:
        return False
    if isinstance(layer, nn.Conv2d):
        return layer.padding_mode == "zeros" and not isinstance(layer.padding, str)
    return hasattr(layer, "in_features") and hasattr(layer, "out_features")


def _by_weight(ctx: Any, gradient: Tensor) -> Tensor:
    """W^T times the gradient, with the weight W requested again."""
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
    """The layer's weight with device and dtype of a tensor, and a function to release it."""
    if hasattr(comfy.ops, "uncast_bias_weight"):
        weight, bias, stream = comfy.ops.cast_bias_weight(layer, like, offloadable=True)

        def release() -> None:
            comfy.ops.uncast_bias_weight(layer, weight, bias, stream)
    else:
        weight, _ = comfy.ops.cast_bias_weight(layer, like)

        def release() -> None:
            pass

    plain = weight if type(weight) in PLAIN else weight.dequantize()
    for name in SCALES:
        scale = getattr(layer, name, None)
        plain = plain if scale is None else plain * scale.to(plain)
    return plain, release


def _by_replay(ctx: Any, gradient: Tensor) -> Tensor:
    """The gradient of a second forward pass of the layer.

    Tensors that this pass saves are copied at once, as a streamed weight is in its buffer only
    until the layer returns.
    """
    (x,) = ctx.saved_tensors
    with torch.enable_grad(), Ordinary(), saved_tensors_hooks(torch.clone, lambda kept: kept):
        again = x.detach().requires_grad_()
        output = ctx.call(again)
    return torch.autograd.grad(output, again, gradient)[0]
