"""Options of a model call that a capture listens to.

Attention is read by wrapping the cross-attention replacement of each site at that moment, when the
patches of all other packs are in place: they are called, never replaced, whatever the order of the
nodes.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import comfy.ldm.modules.attention as comfy_attention
import torch
from comfy.patcher_extension import copy_nested_dicts
from torch import Tensor

from ....guidance.maps.properties import Site
from ..capture import Capture
from ..foreign import Options, followed, kept


def listening(model_options: Options, capture: Capture, controlled: bool = False) -> Options:
    """Model options by which the capture reads one call; the caller's own stay as they are.

    Args:
        model_options: of the call.
        capture: reads it, with gradient if it is traced.
        controlled: whether a ControlNet adds to the call.
    """
    options = copy_nested_dicts(model_options.get("transformer_options", {}))
    if capture.traced:
        _follow(options, controlled)
    replacements = options.setdefault("patches_replace", {}).setdefault("attn2", {})
    for site in capture.family.sites:
        previous = replacements.get(site, replacements.get(site[:2]))
        replacements[site] = _reading(capture, site, previous)

    def read_features(hidden: Tensor, skip: Tensor, extra: Options) -> tuple[Tensor, Tensor]:
        if extra["block"] == ("output", capture.family.feature_block):
            capture.read_features(hidden, extra)
        return hidden, skip

    patches = options.setdefault("patches", {})
    patches["output_block_patch"] = [*patches.get("output_block_patch", ()), read_features]
    if capture.traced:
        options["optimized_attention_override"] = _with_gradient(
            options.get("optimized_attention_override")
        )
    return {**model_options, "transformer_options": options}


def _follow(options: Options, controlled: bool) -> None:
    """Let autograd follow the patches of other packs."""
    patches = options.setdefault("patches", {})
    for name, functions in patches.items():
        patches[name] = [followed(function) for function in functions]
    for sites in options.get("patches_replace", {}).values():
        for site, function in sites.items():
            sites[site] = partial(kept, function)
    if controlled or patches.get("output_block_patch"):
        # a ControlNet and such patches change the skip in place: what goes on is a copy
        later = patches.get("input_block_patch_after_skip", ())
        patches["input_block_patch_after_skip"] = [lambda hidden, _: hidden.clone(), *later]


def _reading(capture: Capture, site: Site, previous: Callable | None) -> Callable:
    def attention(query: Tensor, key: Tensor, value: Tensor, extra: Options) -> Tensor:
        if previous is not None:
            out = previous(query, key, value, extra)
        else:
            out = comfy_attention.optimized_attention(
                query,
                key,
                value,
                extra["n_heads"],
                attn_precision=extra.get("attn_precision"),
                transformer_options=extra,
            )
        capture.read_attention(site, query, key, extra)
        return out

    return attention


def _with_gradient(previous: Callable | None) -> Callable:
    """An attention override: PyTorch's attention where another one loses the gradient."""

    def attention(function: Callable, query: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        call = function if previous is None else (lambda *a, **k: previous(function, *a, **k))
        out = call(query, *args, **kwargs)
        if torch.is_grad_enabled() and query.requires_grad and not out.requires_grad:
            out = comfy_attention.attention_pytorch(query, *args, **kwargs)
        return out

    return attention
