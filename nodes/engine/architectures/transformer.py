"""Diffusion transformers: what those with one sequence and those with cross-attention share.

A site is (list of blocks, number in it), such as ("double_blocks", 15), by the names that ComfyUI's
class has for its lists; features are read behind the block of that number, counted through all
lists. What an architecture knows of a family's networks is a `Structure`.

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
from ....guidance.families.structure import Structure
from ....guidance.maps.properties import Site
from ..capture import Capture
from ..foreign import Options, followed
from ..forwards import exchanged
from .base import Architecture
from .remedies import differentiable
from .view import Forward, View, noting, view_of

Forwards = Iterator[tuple[nn.Module, Forward]]


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
        structure = self._structure(network)
        names = [*structure.before, *(blocks.name for blocks in structure.blocks)]
        return [block for name in names for block in getattr(network, name)]

    def pads_left(self, family: Family) -> bool:
        """As the family's structure says."""
        return family.network.padded_left

    def gradient_context(self, network: nn.Module) -> AbstractContextManager[None]:
        """Within it, gradients of the blocks are right."""
        return differentiable(self.blocks(network), self._structure(network).adds_in_place)

    @abstractmethod
    def _readers(self, network: nn.Module, capture: Capture) -> Forwards:
        """Modules within which the attention of a site runs, and their forward that shows it."""

    def _listeners(self, network: nn.Module, capture: Capture) -> Forwards:
        structure = self._structure(network)
        yield network, noting(network.forward, structure, capture)
        yield from self._readers(network, capture)
        block, output = _behind(network, structure, capture.family.feature_place)
        yield block, self._showing(block.forward, structure, output, capture)

    def _showing(
        self, forward: Forward, structure: Structure, output: int | None, capture: Capture
    ) -> Forward:
        def block(*args: Any, **kwargs: Any) -> Any:
            result = forward(*args, **kwargs)
            view = view_of(kwargs)
            if view is None:
                return result
            hidden = result if output is None else result[output]
            hidden = hidden.flatten(1, -2)  # some keep frames, rows and columns apart
            start = self._start(structure, view, hidden.shape[1]) if output is None else 0
            # a copy, for some networks go on in place
            own = hidden[:, start : start + view.cells].clone()
            capture.read_features(own.mT.unflatten(-1, view.grid), view.rows)
            return result

        return block

    def _start(self, structure: Structure, view: View, tokens: int) -> int:
        """Where in a sequence of so many tokens the picture begins."""
        return 0

    def _structure(self, network: nn.Module) -> Structure:
        family = self.match(network)
        assert family is not None
        return family.network


def _is_of(network: nn.Module, structure: Structure) -> bool:
    depths = [len(getattr(network, blocks.name, ())) for blocks in structure.blocks]
    return (
        type(network).__name__ == structure.class_name
        and depths == [blocks.depth for blocks in structure.blocks]
        and all(getattr(network, name, None) == value for name, value in structure.attributes)
    )


def _behind(network: nn.Module, structure: Structure, place: int) -> tuple[nn.Module, int | None]:
    """The block behind which features are read, and which of its results holds the picture."""
    for blocks in structure.blocks:
        if place < blocks.depth:
            return getattr(network, blocks.name)[place], blocks.output
        place -= blocks.depth
    raise IndexError(place)


def block_at(network: nn.Module, site: Site) -> nn.Module:
    """The block of a site."""
    name, number = site
    return getattr(network, name)[number]
