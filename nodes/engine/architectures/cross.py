"""Transformers with cross-attention to the text: Wan, Cosmos-Predict2, Anima, PixArt.

Of the two attentions of a block, of the picture within itself and to the text, the second one is
read.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from torch import Tensor, nn

from ....guidance.maps.properties import Site
from ..capture import Attention, Capture
from ..forwards import exchanged
from .attention import AttentionCall, around_attention
from .transformer import Forwards, Transformer, block_at
from .view import Forward, View, view_of


class Cross(Transformer):
    """The picture attends to the text in an attention of its own."""

    name: ClassVar[str] = "cross"

    def _listeners(self, network: nn.Module, capture: Capture) -> Forwards:
        if _asks_nobody(network):
            yield network, _handing_on(network, network.forward)
        yield from super()._listeners(network, capture)

    def _readers(self, network: nn.Module, capture: Capture) -> Forwards:
        for site in capture.family.sites:
            block: Any = block_at(network, site)
            read = _reading(site, capture)
            if _asks_nobody(network):
                yield block, _around_projections(block, block.forward, read)
            else:
                yield block.cross_attn, around_attention(block.cross_attn.forward, read)


def _reading(site: Site, capture: Capture) -> Callable[[View, AttentionCall], None]:
    def read(view: View, call: AttentionCall) -> None:
        seen = Attention(
            call.query[:, :, : view.cells], call.key, view.grid, mask=call.mask, scale=call.scale
        )
        capture.read_attention(site, seen, view.rows)

    return read


def _asks_nobody(network: nn.Module) -> bool:
    """Whether neither blocks nor attention are given ComfyUI's options, as in PixArt."""
    return type(network).__name__ == "PixArtMS"


def _handing_on(network: Any, forward: Forward) -> Forward:
    """PixArt's forward, which hands the options on to its blocks; these take them as they are."""

    def call(*args: Any, **kwargs: Any) -> Any:
        options = {"transformer_options": kwargs.get("transformer_options", {})}
        network.forward_orig = partial(network.forward_orig, **options)
        try:
            return forward(*args, **kwargs)
        finally:
            del network.forward_orig

    return call


def _around_projections(
    block: Any, forward: Forward, read: Callable[[View, AttentionCall], None]
) -> Forward:
    """The forward of a block of PixArt, whose attention asks nobody: two linear layers tell it."""

    def attention(inner: Forward, view: View, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        seen: dict[str, Tensor] = {}
        attn = block.cross_attn
        layers = {"query": attn.q_linear, "both": attn.kv_linear}
        pairs = [(layer, partial(_kept, seen, key, layer.forward)) for key, layer in layers.items()]
        with exchanged(pairs):
            out = inner(x, *args, **kwargs)
        query = seen["query"].reshape(*x.shape[:2], -1)
        key = seen["both"].reshape(len(x), -1, 2, query.shape[-1]).unbind(2)[0]
        read(view, AttentionCall.of(query, key, attn.num_heads))
        return out

    def call(*args: Any, **kwargs: Any) -> Any:
        view = view_of(kwargs)
        if view is None:
            return forward(*args, **kwargs)
        inner = partial(attention, block.cross_attn.forward, view)
        with exchanged([(block.cross_attn, inner)]):
            return forward(*args, **kwargs)

    return call


def _kept(seen: dict[str, Tensor], key: str, forward: Forward, x: Tensor) -> Tensor:
    seen[key] = forward(x)
    return seen[key]
