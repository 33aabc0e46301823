"""Transformers with picture and text in one sequence, over all of which the softmax runs.

Z-Image, Lumina 2, Qwen-Image, Flux, Chroma, Stable Diffusion 3, HiDream, Krea 2 and the demo
transformer. Their first blocks may have two streams, of picture and text, with an attention over
both. Tokens of reference pictures stand behind those of the picture, which is counted from the
front; of Z-Image they stand before, and it is counted from the end.
"""

from collections.abc import Callable
from typing import ClassVar

from torch import nn

from ....guidance.families.structure import Structure
from ....guidance.maps.properties import Site
from ..capture import Attention, Capture
from .attention import AttentionCall, around_attention
from .transformer import Forwards, Transformer, block_at
from .view import View


class Joint(Transformer):
    """Picture and text attend to each other in one sequence."""

    name: ClassVar[str] = "joint"

    def _readers(self, network: nn.Module, capture: Capture) -> Forwards:
        structure = self._structure(network)
        for site in capture.family.sites:
            block = block_at(network, site)
            yield block, around_attention(block.forward, self._reading(structure, site, capture))

    def _reading(
        self, structure: Structure, site: Site, capture: Capture
    ) -> Callable[[View, AttentionCall], None]:
        def read(view: View, call: AttentionCall) -> None:
            tokens = call.key.shape[2]
            if tokens < view.cells + structure.padded(view.text):
                return  # SD 3.5 has another attention beside it, of the picture alone
            start = self._start(structure, view, tokens)
            cells = slice(start, start + view.cells)
            text = view.cells if structure.text_last else view.ahead
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

    def _start(self, structure: Structure, view: View, tokens: int) -> int:
        if structure.text_last:
            return 0
        if structure.references_first:
            return tokens - structure.padded(view.cells)
        return structure.padded(view.text)
