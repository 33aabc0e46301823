"""Memory that the autograd graph of a guided step keeps for the backward pass, in bytes.

Counted on networks of real width on PyTorch's device `meta`, whose tensors have shapes but no
data, so that SDXL at 1024 pixels fits any machine. Attention is counted as flash attention stores
it: queries, keys, values, output and one number a row.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import torch
from comfy.ldm.modules.diffusionmodules.openaimodel import UNetModel
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from ...guidance.families import FAMILIES, Family
from ...guidance.words.table import TokenTable
from ...nodes.engine.architectures import architecture_of
from ...nodes.engine.autograd.recompute import recomputing
from ...nodes.engine.capture import Capture
from ...nodes.engine.conditioning import Source
from .unets import BUILDS

# family and build, side of the latent
SETTINGS = (("shapes", 16), ("sd15", 64), ("sd2", 64), ("sdxl", 128))
PROMPT = UUID(int=1)


def rows() -> list[dict[str, Any]]:
    """MiB kept for one picture in half precision, a row for each family and setting."""
    return [
        {
            "family": name,
            "latent": f"{side}x{side}",
            "features": features,
            "recompute": recompute,
            "mib": round(kept(name, side, features, recompute) / 2**20, 1),
        }
        for name, side in SETTINGS
        for features in (False, True)
        for recompute in (False, True)
    ]


def kept(name: str, side: int, features: bool, recompute: bool) -> int:
    """Bytes that the graph of one picture keeps, without the weights.

    Args:
        name: of the family, see `SETTINGS`.
        side: of the latent, in cells.
        features: whether a term reads features.
        recompute: whether blocks are recomputed in the backward pass (memory "save memory").
    """
    (family,) = (f for f in FAMILIES if f.name == name)
    unet = BUILDS[name].built(False, torch.float16, "meta").diffusion_model
    unet.eval().requires_grad_(False)
    sizes = {weight.untyped_storage()._cdata: 0 for weight in unet.parameters()}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in sizes:
            sizes[storage._cdata] = storage.nbytes()
            held.append(storage)
        return tensor

    held: list[Any] = []
    blocks = architecture_of(family).blocks(unet) if recompute else ()
    for block in blocks:  # a recomputed block keeps its inputs only
        block.register_forward_pre_hook(_packing_inputs(pack))
    around = recomputing(blocks)
    with torch.enable_grad(), saved_tensors_hooks(pack, lambda tensor: tensor), around:
        _pass(unet, family, side, BUILDS[name].real["context_dim"], features)
    return sum(sizes.values())


def _packing_inputs(pack: Callable[[Tensor], Tensor]) -> Callable:
    def hook(block: nn.Module, inputs: tuple[Any, ...]) -> None:
        for value in inputs:
            if torch.is_grad_enabled() and isinstance(value, Tensor):
                pack(value)

    return hook


def _pass(unet: UNetModel, family: Family, side: int, width: int, features: bool) -> None:
    words = tuple("a red circle and a blue square".split())
    table = TokenTable(" ".join(words), words, tuple((i + 1,) for i in range(len(words))), 77)
    sources, lists = {PROMPT: Source(table, 77)}, frozenset((0,))
    capture = Capture(family, sources, lists, (side, side), True, features)

    def half(*shape: int) -> Tensor:
        return torch.zeros(shape, device="meta", dtype=torch.float16)

    with architecture_of(family).listening(unet, {}, capture) as watched:
        rows = {"uuids": [PROMPT], "cond_or_uncond": [0], "optimized_attention_override": _flash}
        unet(
            half(1, 4, side, side).requires_grad_(),
            torch.zeros(1, device="meta"),
            context=half(1, 77, width),
            y=half(1, 2816) if unet.num_classes is not None else None,
            transformer_options=watched["transformer_options"] | rows,
        )
    if capture.properties(1.0) is None:
        raise RuntimeError(f"no attention of {family.title} was read")


class _Flash(torch.autograd.Function):
    """Saves the tensors that flash attention saves, without computing attention."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, heads: int) -> Tensor:
        output = torch.empty_like(query)
        rows = torch.empty(query.shape[0], heads, query.shape[1], device=query.device)
        ctx.save_for_backward(query, key, value, output, rows)
        return output

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        query, key, value, *_ = ctx.saved_tensors
        return torch.empty_like(query), torch.empty_like(key), torch.empty_like(value), None


def _flash(
    function: Callable, query: Tensor, key: Tensor, value: Tensor, heads: int, *_: Any, **__: Any
) -> Tensor:
    return _Flash.apply(query, key, value, heads)
