"""The UNet and the text encoder for training: initial values, forward pass, attention maps.

ComfyUI's classes are made for inference: their weights are uninitialised, and CLIP's layers use
in-place additions. Here the weights get initial values, and the forward pass of the text encoder is
written without in-place operations, so that it has gradients.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import comfy.clip_model
import comfy.ops
import torch
from comfy.ldm.modules.attention import SpatialTransformer
from comfy.ldm.modules.diffusionmodules.openaimodel import ResBlock, UNetModel
from torch import nn

from ...demo.architecture import TOKENS, text_config, unet_config

# the 16 x 16 sites of the decoder that guidance reads: output block, index in it
SITES = {"output.2": (2, 1), "output.3": (3, 1)}


class Networks(nn.Module):
    """The trained networks: the UNet and a text transformer with embeddings of `WORDS` only."""

    def __init__(self, words: int) -> None:
        super().__init__()
        operations = comfy.ops.disable_weight_init
        self.unet = UNetModel(**unet_config(), dtype=torch.float32, operations=operations)
        self.text = comfy.clip_model.CLIPTextModel_(text_config(), torch.float32, None, operations)
        self.text.embeddings.token_embedding = nn.Embedding(words, text_config()["hidden_size"])
        initialise(self)
        self.run_square: Callable | None = None

    def compile(self) -> None:
        """Compile the UNet for square pictures: takes minutes, then steps are a tenth faster."""
        self.run_square = torch.compile(self.unet.forward, dynamic=False)

    def context(self, tokens: torch.Tensor) -> torch.Tensor:
        """The text embeddings [B, 77, width] of token indices [B, 77], as from ComfyUI's CLIP."""
        text = self.text
        x = text.embeddings.token_embedding(tokens) + text.embeddings.position_embedding.weight
        mask = x.new_full((TOKENS, TOKENS), -1e4).triu_(1)
        for layer in text.encoder.layers:
            x = x + layer.self_attn(layer.layer_norm1(x), mask, plain_attention)
            x = x + layer.mlp(layer.layer_norm2(x))
        return text.final_layer_norm(x)

    def forward(self, x: torch.Tensor, t: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        """The prediction v [B, 4, H, W] for scaled noisy latents [B, 4, H, W] and timesteps [B]."""
        options = {"optimized_attention_override": _override}  # older ComfyUIs do not read it
        unet = self.run_square if x.shape[-1] == x.shape[-2] else None
        unet = unet or self.unet
        return unet(x, t, context=self.context(tokens), transformer_options=options)


def plain_attention(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, heads: int, mask: torch.Tensor | None = None
) -> torch.Tensor:
    """Attention of [B, N, heads * width] without a fused kernel: faster backward pass on a CPU."""
    q, k, v = (x.unflatten(-1, (heads, -1)).transpose(1, 2).flatten(0, 1) for x in (q, k, v))
    scores = torch.bmm(q * q.shape[-1] ** -0.5, k.transpose(1, 2))
    if mask is not None:
        scores = scores + mask
    out = torch.bmm(scores.softmax(-1).to(v.dtype), v)
    return out.unflatten(0, (-1, heads)).transpose(1, 2).flatten(2)


def _override(_function: Callable, *args: Any, **options: Any) -> torch.Tensor:
    q, k, v, heads = args
    if options.get("mask") is not None or options.get("skip_reshape"):
        return _function(*args, **options)
    return plain_attention(q, k, v, heads)


@torch.no_grad()
def initialise(network: nn.Module) -> None:
    """Set initial values: they preserve variance, and every residual branch outputs zero."""
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            nn.init.normal_(module.weight, std=1 / math.sqrt(module.weight[0].numel()))
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=0.3 if module.num_embeddings < TOKENS else 0.1)
        elif isinstance(module, nn.GroupNorm | nn.LayerNorm):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)
    for module in network.modules():
        if isinstance(module, ResBlock):
            nn.init.zeros_(module.out_layers[-1].weight)
        elif isinstance(module, SpatialTransformer):
            nn.init.zeros_(module.proj_out.weight)
        elif isinstance(module, UNetModel):
            nn.init.zeros_(module.out[-1].weight)


def speed_up_norms(network: nn.Module) -> None:
    """Compute group norms as layer norms of a view: same values, much faster backward pass."""
    for module in network.modules():
        if isinstance(module, nn.GroupNorm):
            module.forward = partial(_group_norm, module)  # type: ignore[method-assign]


def _group_norm(module: nn.GroupNorm, x: torch.Tensor) -> torch.Tensor:
    groups = x.unflatten(1, (module.num_groups, -1)).flatten(2)
    normal = nn.functional.layer_norm(groups, groups.shape[-1:], eps=module.eps).view_as(x)
    shape = (1, -1) + (1,) * (x.ndim - 2)
    return normal * module.weight.view(shape).to(x.dtype) + module.bias.view(shape).to(x.dtype)


@dataclass
class Maps:
    """Cross-attention of the last forward pass: by site, the mean over heads [B, H W, tokens]."""

    by_site: dict[str, torch.Tensor] = field(default_factory=dict)


@contextmanager
def recorded_maps(unet: UNetModel) -> Iterator[Maps]:
    """Context that records the maps of `SITES` in every forward pass, from queries and keys."""
    maps = Maps()
    handles = []
    for name, (block, layer) in SITES.items():
        attention = unet.output_blocks[block][layer].transformer_blocks[0].attn2
        handles += _record(attention, name, maps)
    try:
        yield maps
    finally:
        for handle in handles:
            handle.remove()


def _record(attention: Any, name: str, maps: Maps) -> list[torch.utils.hooks.RemovableHandle]:
    heads = attention.heads
    query: list[torch.Tensor] = []

    def keep_query(_module: nn.Module, _inputs: tuple, out: torch.Tensor) -> None:
        query[:] = [out]

    def make_map(_module: nn.Module, _inputs: tuple, out: torch.Tensor) -> None:
        q, k = (x.float().unflatten(-1, (heads, -1)).transpose(1, 2) for x in (query.pop(), out))
        scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
        maps.by_site[name] = scores.softmax(-1).mean(1)

    return [
        attention.to_q.register_forward_hook(keep_query),
        attention.to_k.register_forward_hook(make_map),
    ]
