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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from comfy.patcher_extension import copy_nested_dicts
from torch import Tensor, nn

from ....guidance.families import Family
from ....guidance.families.layout import Layout
from ....guidance.maps.areas import Pair
from ....guidance.maps.attention import by_heads
from ....guidance.maps.properties import Site
from ..capture import Capture, Rows
from ..foreign import OVERRIDE, Options, followed
from ..forwards import exchanged
from .base import Architecture
from .remedies import differentiable

# Of the `View` in the options of a call of the network.
VIEW_KEY = "self_guidance_view"
Forward = Callable[..., Any]
Pairs = Iterator[tuple[nn.Module, Forward]]


@dataclass(frozen=True, eq=False)
class View:
    """What one call of the network shows.

    Attributes:
        rows: whose they are.
        grid: height and width of the picture in tokens.
        text: number of text tokens that the network was given.
        ahead: number of tokens that stand in front of them, of texts of reference pictures.
    """

    rows: Rows
    grid: Pair
    text: int
    ahead: int = 0

    @property
    def cells(self) -> int:
        """Number of the picture's tokens."""
        return self.grid[0] * self.grid[1]


@dataclass(frozen=True, eq=False)
class Call:
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
    def of(cls, query: Tensor, key: Tensor, *args: Any, **kwargs: Any) -> "Call":
        """From the arguments of ComfyUI's attention functions behind query and key."""
        heads = args[1] if len(args) > 1 else kwargs["heads"]
        mask = args[2] if len(args) > 2 else kwargs.get("mask")
        if not kwargs.get("skip_reshape", False):
            query, key = by_heads(query, heads), by_heads(key, heads)
        if key.shape[1] != query.shape[1]:  # several heads of queries share one of keys
            key = key.repeat_interleave(query.shape[1] // key.shape[1], 1)
        if mask is not None:
            mask = mask if mask.dtype == torch.bool else mask.to(query)
            mask = mask[(None,) * max(0, 3 - mask.ndim)]
            mask = mask[:, None] if mask.ndim == 3 else mask
        return cls(query, key, mask, kwargs.get("scale"))


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
        yield network, _noting(network.forward, layout, capture)
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


def _noting(forward: Forward, layout: Layout, capture: Capture) -> Forward:
    """The network's forward, which puts into the options what it was given."""

    def tokens(size: Pair) -> Pair:
        return -(-size[0] // layout.patch), -(-size[1] // layout.patch)

    def network(x: Tensor, *args: Any, **kwargs: Any) -> Any:
        options: Mapping[str, Any] = kwargs.get("transformer_options", {})
        if "uuids" not in options:  # another pack asks for something of its own
            return forward(x, *args, **kwargs)
        part = (x.shape[-2], x.shape[-1])
        # the picture has as many tokens as its latent has squares, however a part of it falls
        rows = Rows(
            options["uuids"], options["cond_or_uncond"], part, lambda grid: tokens(capture.size)
        )
        text, ahead = kwargs["context"].shape[1], _ahead(layout, kwargs)
        view = View(rows, tokens(part), text, ahead)
        kwargs["transformer_options"] = {**options, VIEW_KEY: view}
        return forward(x, *args, **kwargs)

    return network


def _ahead(layout: Layout, given: Mapping[str, Any]) -> int:
    """Number of text tokens in front of the text in a call of the network."""
    if not layout.references_first:
        return 0
    texts = [context.shape[1] for context in given.get("ref_contexts", ())]
    pictures = len(given.get("ref_latents", ()))
    # a picture without a text has as many tokens of padding as one token of text would
    return sum(map(layout.padded, [*texts, *[1] * pictures][:pictures]))


def view_of(given: Mapping[str, Any]) -> View | None:
    """What the call of the network shows that gives a module its arguments; None if unread."""
    return given.get("transformer_options", {}).get(VIEW_KEY)


def around_attention(forward: Forward, read: Callable[[View, Call], None]) -> Forward:
    """A module's forward, within which attention is shown to a function.

    Args:
        forward: of a block, or of its attention; it takes `transformer_options` by name.
        read: is shown every call of attention in it.
    """

    def module(*args: Any, **kwargs: Any) -> Any:
        view = view_of(kwargs)
        if view is not None:
            options = kwargs["transformer_options"]
            override = _override(options.get(OVERRIDE), partial(read, view))
            kwargs["transformer_options"] = {**options, OVERRIDE: override}
        return forward(*args, **kwargs)

    return module


def _override(previous: Callable | None, show: Callable[[Call], None]) -> Callable:
    def attention(function: Callable, query: Tensor, key: Tensor, *args: Any, **kwargs: Any) -> Any:
        call = function if previous is None else partial(previous, function)
        out = call(query, key, *args, **kwargs)
        show(Call.of(query, key, *args, **kwargs))
        return out

    return attention
