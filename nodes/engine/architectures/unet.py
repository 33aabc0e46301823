"""UNets with cross-attention to the text: Stable Diffusion 1.x, 2.x, XL, and Shapes.

A site is (part of the UNet, block, transformer), such as ("output", 3, 0), as ComfyUI counts them;
features are read where their block of the decoder is entered. `Family.network` says which
blocks of the decoder have cross-attention (1) or none (0), and whether the transformers project
with linear layers (True), with convolutions (False), or either way (None).

Attention is read by wrapping the cross-attention replacement of each site at that moment, when the
patches of all other packs are in place: they are called, never replaced, whatever the order of the
nodes.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import ClassVar

import comfy.ldm.modules.attention as comfy_attention
from comfy.ldm.modules.attention import BasicTransformerBlock, SpatialTransformer
from comfy.ldm.modules.diffusionmodules.openaimodel import ResBlock
from comfy.patcher_extension import copy_nested_dicts
from torch import Tensor, nn

from ....guidance.families import Family
from ....guidance.maps.areas import Pair
from ....guidance.maps.attention import by_heads
from ....guidance.maps.properties import Site
from ..capture import Attention, Capture, Rows
from ..foreign import Options, followed
from .base import Architecture


class UNet(Architecture):
    """ComfyUI's `UNetModel`."""

    name: ClassVar[str] = "unet"
    # some packs mix the rows of all conditionings behind attention, as NAG does
    mixing: ClassVar[tuple[str, ...]] = ("attn1_output_patch", "attn2_output_patch")

    def match(self, network: nn.Module) -> Family | None:
        """The family whose decoder has attention in the same blocks and at its sites."""
        depths, linear = _decoder(network)
        for family in self.families:
            if _same_decoder(family, depths, linear):
                return family
        return None

    def described(self, network: nn.Module) -> str:
        """How many transformers each block of the decoder has."""
        return f"its decoder has attention depths {_decoder(network)[0] or 'none'}"

    @contextmanager
    def listening(
        self, network: nn.Module, model_options: Options, capture: Capture, controlled: bool = False
    ) -> Iterator[Options]:
        """Within it, the options wrap cross-attention and what enters the decoder's blocks."""
        yield _listening(model_options, capture, controlled)

    def blocks(self, network: nn.Module) -> Sequence[nn.Module]:
        """Residual blocks and transformer blocks."""
        kinds = (ResBlock, BasicTransformerBlock)
        return [block for block in network.modules() if isinstance(block, kinds)]


def _decoder(network: nn.Module) -> tuple[tuple[int, ...], bool]:
    """Number of transformers in each block of the decoder, and whether these project linearly."""
    depths, linear = [], False
    for block in getattr(network, "output_blocks", ()):
        # the transformers of video models, a subclass, attend to other things than words
        transformers = [layer for layer in block if type(layer) is SpatialTransformer]
        depths.append(sum(len(layer.transformer_blocks) for layer in transformers))
        linear |= any(layer.use_linear for layer in transformers)
    return tuple(depths), linear


def _same_decoder(family: Family, depths: Sequence[int], linear: bool) -> bool:
    attends, projects_linearly = family.network
    if attends != tuple(min(depth, 1) for depth in depths):
        return False
    deep_enough = all(transformer < depths[block] for _, block, transformer in family.sites)
    return deep_enough and projects_linearly in (None, linear)


def whole_grid(grid: Pair, part: Pair, whole: Pair) -> Pair:
    """The grid of the whole picture at the depth of the network at which a part has its grid.

    Every level of the network halves the latent, rounding up.

    Args:
        grid: height and width at which the network shows the part.
        part: height and width of the part, in cells of the latent.
        whole: height and width of the picture, in cells of the latent.

    Raises:
        ValueError: no level of the network shows the part on this grid.
    """
    sizes = [*part, *whole]
    while tuple(sizes[:2]) != grid:
        if max(sizes[:2]) <= 1:
            raise ValueError(
                f"a conditioning's area of {part[0]} x {part[1]} latent cells is seen as "
                f"{grid[0]} x {grid[1]} by the model; another patch changes its size: switch that "
                "patch off for this model"
            )
        sizes = [-(-size // 2) for size in sizes]
    return sizes[2], sizes[3]


def _rows(capture: Capture, extra: Options) -> Rows:
    height, width = extra["original_shape"][-2:]
    grid_of = partial(whole_grid, part=(height, width), whole=capture.size)
    return Rows(extra["uuids"], extra["cond_or_uncond"], (height, width), grid_of)


def _listening(model_options: Options, capture: Capture, controlled: bool) -> Options:
    """Model options by which the capture reads one call; the caller's own stay as they are."""
    options = copy_nested_dicts(model_options.get("transformer_options", {}))
    if capture.traced:
        # a ControlNet and such patches change the skip in place: what goes on is a copy
        copying = controlled or options.get("patches", {}).get("output_block_patch")
        followed(options)
        if copying:
            later = options["patches"].get("input_block_patch_after_skip", ())
            options["patches"]["input_block_patch_after_skip"] = [_cloned, *later]
    replacements = options.setdefault("patches_replace", {}).setdefault("attn2", {})
    for site in capture.family.sites:
        previous = replacements.get(site, replacements.get(site[:2]))
        replacements[site] = _reading(capture, site, previous)

    def read_features(hidden: Tensor, skip: Tensor, extra: Options) -> tuple[Tensor, Tensor]:
        if extra["block"] == ("output", capture.family.feature_place):
            capture.read_features(hidden, _rows(capture, extra))
        return hidden, skip

    patches = options.setdefault("patches", {})
    patches["output_block_patch"] = [*patches.get("output_block_patch", ()), read_features]
    return {**model_options, "transformer_options": options}


def _cloned(hidden: Tensor, skip: Tensor) -> Tensor:
    return hidden.clone()


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
        height, width = extra["activations_shape"][-2:]
        heads = extra["n_heads"]
        seen = Attention(by_heads(query, heads), by_heads(key, heads), (height, width))
        capture.read_attention(site, seen, _rows(capture, extra))
        return out

    return attention
