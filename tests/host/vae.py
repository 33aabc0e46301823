"""A VAE without weights, as far as ComfyUI's nodes use one."""

import torch
from torch import Tensor

CELL = 8  # pixels a side of a latent cell


class Vae:
    """Its latents are the means of squares of pixels in random colours.

    Args:
        channels: of its latents.
        frames: whether its latents have an axis of frames.
    """

    downscale_ratio = CELL

    def __init__(self, channels: int, frames: bool = False) -> None:
        generator = torch.Generator().manual_seed(7)
        self._colours = torch.randn(3, channels, generator=generator)
        self._frames = frames

    def encode(self, pixels: Tensor) -> Tensor:
        """The latent [B, channels, h / 8, w / 8] of pictures [B, h, w, 3] from 0 to 1."""
        means = torch.nn.functional.avg_pool2d(pixels.movedim(-1, 1) - 0.5, CELL)
        latent = torch.einsum("bchw,ck->bkhw", means, self._colours)
        return latent[:, :, None] if self._frames else latent

    def decode(self, latent: Tensor) -> Tensor:
        """Black pictures [B, h, w, 3] of the size of a latent."""
        *_, height, width = latent.shape
        return latent.new_zeros(latent.shape[0], CELL * height, CELL * width, 3)

    def spacial_compression_encode(self) -> int:
        """Pixels a side of a latent cell."""
        return CELL

    def temporal_compression_decode(self) -> int | None:
        """Frames of a video a frame of a latent; None for pictures."""
        return 4 if self._frames else None
