"""Calls of ComfyUI's attention functions within a module, as they are computed."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

import torch
from torch import Tensor

from ....guidance.maps.attention import by_heads
from ..foreign import OVERRIDE
from .view import Forward, View, view_of

Given = dict[str, Any]
# Of the arguments of ComfyUI's attention functions that may be given by position.
NAMES = ("q", "k", "v", "heads", "mask", "attn_precision", "skip_reshape", "skip_output_reshape")


@dataclass(frozen=True, eq=False)
class AttentionCall:
    """One call of attention.

    Attributes:
        query: [R, heads, N, D].
        key: [R, heads, K, D].
        mask: [1 or R, 1 or heads, 1 or N, K], or None.
        scale: of the logits, None for the usual one.
    """

    query: Tensor
    key: Tensor
    mask: Tensor | None = None
    scale: float | None = None

    @classmethod
    def of(cls, q: Tensor, k: Tensor, heads: int, mask: Any = None, **more: Any) -> "AttentionCall":
        """From the arguments of ComfyUI's attention functions, by name."""
        query, key = q, k
        if not more.get("skip_reshape", False):
            query, key = by_heads(query, heads), by_heads(key, heads)
        if key.shape[1] != query.shape[1]:  # several heads of queries share one of keys
            key = key.repeat_interleave(query.shape[1] // key.shape[1], 1)
        if mask is not None:
            mask = mask if mask.dtype == torch.bool else mask.to(query)
            mask = mask[(None,) * max(0, 3 - mask.ndim)]
            mask = mask[:, None] if mask.ndim == 3 else mask
        return cls(query, key, mask, more.get("scale"))


def around_attention(forward: Forward, read: Callable[[View, AttentionCall], None]) -> Forward:
    """A module's forward, within which attention is shown to a function.

    Args:
        forward: of a block, or of its attention; it takes `transformer_options` by name.
        read: is shown every call of attention in it.
    """

    def module(*args: Any, **kwargs: Any) -> Any:
        view = view_of(kwargs)
        if view is not None:
            options = kwargs["transformer_options"]
            override = _override(options.get(OVERRIDE), lambda call: read(view, call))
            kwargs["transformer_options"] = {**options, OVERRIDE: override}
        return forward(*args, **kwargs)

    return module


def _override(previous: Callable | None, show: Callable[[AttentionCall], None]) -> Callable:
    def attention(function: Callable, *args: Any, **kwargs: Any) -> Any:
        made: list[Given] = []

        @wraps(function)
        def noted(*args: Any, **kwargs: Any) -> Any:
            made.append(_named(args, kwargs))
            return function(*args, **kwargs)

        out = previous(noted, *args, **kwargs) if previous else function(*args, **kwargs)
        show(AttentionCall.of(**_computed(_named(args, kwargs), made)))
        return out

    return attention


def _named(args: tuple[Any, ...], kwargs: Given) -> Given:
    return {**dict(zip(NAMES, args, strict=False)), **kwargs}


def _computed(asked: Given, made: list[Given]) -> Given:
    """The call that another pack's override has made of one, if it made one of the same tokens.

    Such a pack may limit attention to regions, by a mask that the model knows nothing of. What it
    computes in parts, or by a function of its own, cannot be seen here.
    """
    if len(made) != 1:
        return asked
    (call,) = made
    pairs = [(call[name], asked[name]) for name in ("q", "k")]
    alike = all(a.shape == b.shape and a.requires_grad == b.requires_grad for a, b in pairs)
    return call if alike else asked
