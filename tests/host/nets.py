"""Small transformers of random weights for the tests that need ComfyUI, and what they are given.

Imports ComfyUI, so tests reach this module through the fixture `nets`.
"""

from typing import Any

import pytest
import torch
from comfy.model_patcher import ModelPatcher
from selfguidance.demo.architecture import ShapesLatent
from selfguidance.nodes.text.key import TABLE_KEY
from selfguidance.tests.host import lab
from selfguidance.tools.bench.transformer_builds import POOLED
from selfguidance.tools.bench.transformers import NETS, Net
from selfguidance.tools.bench.unets import WIDTH
from torch import Tensor

__all__ = ["NETS", "Net"]
TABLES = ("pos_embed", "y_embedding")  # of SD 3, of PixArt


def built(
    name: str,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    cast: torch.dtype | None = None,
) -> ModelPatcher:
    """A MODEL of the transformer of that name; see `lab.unet`. Skips where this host has none."""
    if not NETS[name].available:
        pytest.skip(f"this ComfyUI has no {name}")
    model = NETS[name].build.built(False, dtype, "cpu", cast)
    if NETS[name].channels != model.latent_format.latent_channels:
        model.latent_format = ShapesLatent()
    network, generator = model.diffusion_model, torch.Generator().manual_seed(seed)
    network.requires_grad_(False)
    for key, parameter in network.named_parameters():
        if "pos_embedder" not in key:  # tables of frequencies
            parameter.copy_(_drawn(key, parameter, generator))
    set_tables(network)
    cpu = torch.device("cpu")
    return ModelPatcher(model.eval(), load_device=cpu, offload_device=cpu)


def set_tables(network: torch.nn.Module, seed: int = 0) -> None:
    """Fill the buffers that ComfyUI leaves to the file of a model, with what memory held before."""
    generator = torch.Generator().manual_seed(seed)
    for key, buffer in network.named_buffers():
        if key.rpartition(".")[2] in TABLES:
            buffer.detach().copy_(0.1 * torch.randn(buffer.shape, generator=generator))


def _drawn(key: str, parameter: Tensor, generator: torch.Generator) -> Tensor:
    drawn = torch.randn(parameter.shape, generator=generator)
    if parameter.ndim > 1:
        return drawn / parameter[0].numel() ** 0.5
    is_norm = "norm" in key or key.endswith("scale")
    return 1 + 0.1 * drawn if is_norm and not key.endswith("bias") else 0.1 * drawn


def embedded(name: str, seed: int = 1, length: int = 12, **extra: Any) -> list[Any]:
    """A CONDITIONING of random tokens with the lab's words, as the transformer takes it."""
    net = NETS[name]
    ((tokens, known),) = lab.embedded(seed, length=length, channels=WIDTH, **extra)
    generator = torch.Generator().manual_seed(seed + 100)
    known["pooled_output"] = torch.randn(1, POOLED, generator=generator) if net.pooled else None
    if net.masked:
        known["attention_mask"] = torch.ones(1, length, dtype=torch.long)
    for key, value in net.extra.items():
        given = torch.randn(value, generator=generator) if isinstance(value, tuple) else value
        known[key] = given
    return [[tokens, known]]


def empty(name: str, seed: int = 2, **shape: Any) -> list[Any]:
    """The same without token table."""
    ((tokens, known),) = embedded(name, seed, **shape)
    return [[tokens, {key: value for key, value in known.items() if key != TABLE_KEY}]]


def latent(name: str, batch: int = 1, size: tuple[int, int] | None = None) -> dict[str, Any]:
    """An empty LATENT."""
    net = NETS[name]
    *front, height, width = net.shape(batch)
    return {"samples": torch.zeros(*front, *(size or (height, width)))}


def settings(name: str, **changes: Any) -> dict[str, Any]:
    """Inputs of a KSampler node for the transformer, see `lab.settings`."""
    own = {
        "positive": embedded(name),
        "negative": empty(name),
        "latent_image": latent(name),
        "scheduler": "simple",
        "steps": 3,
    }
    return lab.settings(**(own | changes))
