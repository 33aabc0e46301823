"""Latents of models that have an axis of frames, of which a picture has one.

Guidance itself knows no frames: its latents are [B, C, h, w], those of ComfyUI may be
[B, C, 1, h, w].
"""

from torch import Tensor


def picture(latent: Tensor) -> Tensor:
    """A latent of one frame, or of none, as [B, C, h, w]; it shares its memory."""
    return latent.flatten(1, -3)
