"""Diffusion transformers: what those with one sequence and those with cross-attention share.

A site is (list of blocks, number in it), such as ("double_blocks", 15), by the names that ComfyUI's
class has for its lists; features are read behind the block of that number, counted through all
lists. What an architecture knows of a family's networks is a `Layout`.

ComfyUI tells an attention call neither on every host in which block it is, nor of which picture. So
while a pass is read, the forward of the network notes whose rows it was given, that of each block
that is read adds a function around attention, and both hand on what they know within the options
that ComfyUI passes along. Nothing of it is kept beside the call: a block that is computed again in
the backward pass finds what it found the first time.
"""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from comfy.patcher_extension import copy_nested_dicts
from torch import nn

from ....guidance.families import Family
from ....guidance.families.layout import Layout
from ....guidance.maps.properties import Site
from ..capture import Capture
from ..foreign import Options, followed
from ..forwards import exchanged
from .base import Architecture
from .remedies import differentiable
from .view import Forward, View, noting, view_of

Pairs = Iterator[tuple[nn.Module, Forward]]


class Transformer(Architecture):
    """A network of blocks whose tokens each show a square of the latent."""

    def match(self, network: nn.Module) -> Family | None:
        """The family whose networks are of the same class, with as many blocks in each list."""
        for family in self.families:
            if _is_of(network, family.network):
                return family
        return None

    def described(self, network: nn.Module) -> str:
        """The network's class and its lists of modules."""
        lists = {n: len(m) for n, m in network.named_children() if isinstance(m, nn.ModuleList)}
        found = " and ".join(f"{count} {name}" for name, count in lists.items())
        return f"it is a {type(network).__name__} with {found or 'no blocks'}"

    @contextmanager
    def listening(
        self, network: nn.Module, model_options: Options, capture: Capture, controlled: bool = False
    ) -> Iterator[Options]:
        """Within it, the forwards of the network and of the blocks that are read are exchanged."""
        options = copy_nested_dicts(model_options.get("transformer_options", {}))
        if capture.traced:
            followed(options)
        with exchanged(self._listeners(network, capture)):
            yield {**model_options, "transformer_options": options}

    def blocks(self, network: nn.Module) -> Sequence[nn.Module]:
        """All blocks that the picture passes."""
        layout = self._layout(network)
        names = [*layout.before, *(blocks.name for blocks in layout.blocks)]
        return [block for name in names for block in getattr(network, name)]

    def pads_left(self, family: Family) -> bool:
        """As the family's layout says."""
        return family.network.padded_left

    def gradient_context(self, network: nn.Module) -> AbstractContextManager[None]:
        """Within it, gradients of the blocks are right."""
        return differentiable(self.blocks(network), self._layout(network).adds_in_place)

    @abstractmethod
    def _readers(self, network: nn.Module, capture: Capture) -> Pairs:
        """Modules within which the attention of a site runs, and their forward that shows it."""

    def _listeners(self, network: nn.Module, capture: Capture) -> Pairs:
        layout = self._layout(network)
        yield network, noting(network.forward, layout, capture)
        yield from self._readers(network, capture)
        block, picture = _behind(network, layout, capture.family.feature_place)
        yield block, self._showing(block.forward, layout, picture, capture)

    def _showing(
        self, forward: Forward, layout: Layout, picture: int | None, capture: Capture
    ) -> Forward:
        def block(*args: Any, **kwargs: Any) -> Any:
            result = forward(*args, **kwargs)
            view = view_of(kwargs)
            if view is None:
                return result
            hidden = result if picture is None else result[picture]
            hidden = hidden.flatten(1, -2)  # some keep frames, rows and columns apart
            start = self._start(layout, view, hidden.shape[1]) if picture is None else 0
            # a copy, for some networks go on in place
            own = hidden[:, start : start + view.cells].clone()
            capture.read_features(own.mT.unflatten(-1, view.grid), view.rows)
            return result

        return block

    def _start(self, layout: Layout, view: View, tokens: int) -> int:
        """Where in a sequence of so many tokens the picture begins."""
        return 0

    def _layout(self, network: nn.Module) -> Layout:
        family = self.match(network)
        assert family is not None
        return family.network


def _is_of(network: nn.Module, layout: Layout) -> bool:
    depths = [len(getattr(network, blocks.name, ())) for blocks in layout.blocks]
    return (
        type(network).__name__ == layout.kind
        and depths == [blocks.depth for blocks in layout.blocks]
        and all(getattr(network, name, None) == value for name, value in layout.facts)
    )


def _behind(network: nn.Module, layout: Layout, place: int) -> tuple[nn.Module, int | None]:
    """The block behind which features are read, and which of its results holds the picture."""
    for blocks in layout.blocks:
        if place < blocks.depth:
            return getattr(network, blocks.name)[place], blocks.picture
        place -= blocks.depth
    raise IndexError(place)


def at(network: nn.Module, site: Site) -> nn.Module:
    """The block of a site."""
    name, number = site
    return getattr(network, name)[number]
