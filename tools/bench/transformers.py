"""The transformers that guidance knows, as ComfyUI's own model classes build them, narrow.

They are as deep as the real ones, so that the sites of their families exist.
"""

from dataclasses import dataclass, field
from typing import Any

import comfy.supported_models

from .transformer_builds import (
    CHROMA,
    HIDREAM,
    KREA2,
    LLAMA,
    PIXART,
    QWEN,
    Z_IMAGE,
    cosmos,
    flux,
    flux2,
    next_dit,
    sd3,
    wan,
)
from .unets import Build


@dataclass(frozen=True)
class Net:
    """A transformer, and what it is given.

    Attributes:
        family: name of its `Family`.
        build: how ComfyUI builds it.
        channels: of its latent.
        sigma: a noise level in the middle of a run.
        size: height and width of a latent that it takes; odd ones where it takes these.
        frames: whether its latent has an axis of frames.
        pooled: whether it is given a vector of the whole text.
        masked: whether its text comes with a mask.
        extra: what its conditioning holds besides, by name: numbers, or shapes of tensors.
    """

    family: str
    build: Build
    channels: int = 16
    sigma: float = 0.7
    size: tuple[int, int] = (9, 12)
    frames: bool = False
    pooled: bool = False
    masked: bool = False
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def available(self) -> bool:
        """Whether this ComfyUI has such a model."""
        return hasattr(comfy.supported_models, self.build.model_class)

    def shape(self, batch: int = 1) -> tuple[int, ...]:
        """Of a latent."""
        return (batch, self.channels, *([1] if self.frames else []), *self.size)


NETS = {
    "shapes-transformer": Net(
        "shapes-transformer",
        next_dit("Lumina2", 6, 96, in_channels=4, patch_size=1),
        4,
        masked=True,
    ),
    "lumina2": Net("lumina2", next_dit("Lumina2", 26, 96), masked=True),
    "z-image": Net("z-image", next_dit("ZImage", 30, 256, **Z_IMAGE)),
    "qwen-image": Net("qwen-image", QWEN, frames=True),
    "flux": Net("flux", flux("Flux", 19, 38), pooled=True),
    "flux-schnell": Net("flux", flux("FluxSchnell", 19, 38, guidance_embed=False), pooled=True),
    "chroma": Net("chroma", CHROMA),
    "flux2": Net("flux2", flux2(8, 48), 128, size=(5, 6)),
    "flux2-klein-9b": Net("flux2-klein-9b", flux2(8, 24), 128, size=(5, 6)),
    "flux2-klein-4b": Net("flux2-klein-4b", flux2(5, 20), 128, size=(5, 6)),
    "sd3": Net("sd3", sd3(24), pooled=True),
    "sd35-medium": Net(
        "sd3", sd3(24, qk_norm="rms", x_block_self_attn_layers=list(range(13))), pooled=True
    ),
    "sd35-large": Net("sd35-large", sd3(38, qk_norm="rms"), pooled=True),
    "hidream": Net("hidream", HIDREAM, pooled=True, extra=LLAMA),
    "krea2": Net("krea2", KREA2, frames=True),
    "wan-14b": Net("wan-14b", wan(40, 16), frames=True),
    "wan-1.3b": Net("wan-1.3b", wan(30, 16), frames=True),
    "wan-5b": Net("wan-5b", wan(30, 48, "WAN22_T2V"), 48, frames=True),
    "cosmos-2b": Net(
        "cosmos-2b",
        cosmos("CosmosT2IPredict2", 28, "cosmos_predict2"),
        sigma=3.0,
        size=(8, 12),
        frames=True,
    ),
    "cosmos-14b": Net(
        "cosmos-14b",
        cosmos("CosmosT2IPredict2", 36, "cosmos_predict2"),
        sigma=3.0,
        size=(8, 12),
        frames=True,
    ),
    "anima": Net("anima", cosmos("Anima", 28, "anima"), size=(8, 12), frames=True),
    # positions of PixArt need a picture of some size
    "pixart": Net(
        "pixart", PIXART, 4, sigma=3.0, size=(36, 32), extra={"width": 256, "height": 288}
    ),
}
