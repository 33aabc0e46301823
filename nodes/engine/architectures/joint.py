"""Transformers with picture and text in one sequence, over all of which the softmax runs.

Z-Image, Lumina 2, Qwen-Image, Flux, Chroma, Stable Diffusion 3, HiDream, Krea 2 and the demo
transformer. Their first blocks may have two streams, of picture and text, with an attention over
both. Tokens of reference pictures stand behind those of the picture, which is counted from the
front; of Z-Image they stand before, and it is counted from the end.
"""

from collections.abc import Callable
from typing import ClassVar

from torch import nn

from ....guidance.families.layout import Layout
from ....guidance.maps.properties import Site
from ..capture import Attention, Capture
from .attention import Call, around_attention
from .transformer import Pairs, Transformer, at
from .view import View


class Joint(Transformer):
    """Picture and text attend to each other in one sequence."""

    name: ClassVar[str] = "joint"

    def _readers(self, network: nn.Module, capture: Capture) -> Pairs:
        layout = self._layout(network)
        for site in capture.family.sites:
            block = at(network, site)
            yield block, around_attention(block.forward, self._reading(layout, site, capture))

    def _reading(
        self, layout: Layout, site: Site, capture: Capture
    ) -> Callable[[View, Call], None]:
        def read(view: View, call: Call) -> None:
            tokens = call.key.shape[2]
            if tokens < view.cells + layout.padded(view.text):
                return  # SD 3.5 has another attention beside it, of the picture alone
            start = self._start(layout, view, tokens)
            cells = slice(start, start + view.cells)
            text = view.cells if layout.text_last else view.ahead
            mask = call.mask
            if mask is not None and mask.shape[2] > 1:
                mask = mask[:, :, cells]
            seen = Attention(
                call.query[:, :, cells],
                call.key,
                view.grid,
                lambda length: slice(text, text + length),
                mask,
                call.scale,
            )
            capture.read_attention(site, seen, view.rows)

        return read

    def _start(self, layout: Layout, view: View, tokens: int) -> int:
        if layout.text_last:
            return 0
        if layout.references_first:
            return tokens - layout.padded(view.cells)
        return layout.padded(view.text)
