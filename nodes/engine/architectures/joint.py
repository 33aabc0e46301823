"""Transformers with picture and text in one sequence, over all of which the softmax runs.

Z-Image, Lumina 2, Qwen-Image, Flux, Chroma, Stable Diffusion 3, HiDream, Krea 2 and the demo
transformer. Their first blocks may have two streams, of picture and text, with an attention over
both. Tokens of reference pictures stand behind those of the picture, so all is counted from the
front.
"""

from collections.abc import Callable
from typing import ClassVar

from torch import nn

from ....guidance.families.layout import Layout
from ....guidance.maps.properties import Site
from ..capture import Attention, Capture
from .transformer import Call, Pairs, Transformer, View, around_attention, at


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
            start = self._start(layout, view, call.key.shape[2])
            first = view.cells if layout.text_last else 0
            if call.key.shape[2] < view.cells + _padded(view.text, layout):
                return  # SD 3.5 has another attention beside it, of the picture alone
            cells = slice(start, start + view.cells)
            mask = call.mask
            if mask is not None and mask.shape[2] > 1:
                mask = mask[:, :, cells]
            seen = Attention(
                call.query[:, :, cells],
                call.key,
                view.grid,
                lambda tokens: slice(first, first + tokens),
                mask,
                call.scale,
            )
            capture.read_attention(site, seen, view.rows)

        return read

    def _start(self, layout: Layout, view: View, tokens: int) -> int:
        return 0 if layout.text_last else _padded(view.text, layout)


def _padded(text: int, layout: Layout) -> int:
    """Number of text tokens in the sequence."""
    return -(-text // layout.multiple) * layout.multiple
