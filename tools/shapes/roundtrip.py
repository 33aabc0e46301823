"""Reconstruction error of the VAE on rendered scenes, near the frame and inside."""

from collections.abc import Sequence
from random import Random

import comfy.sd
import numpy as np
import torch
from scipy import ndimage

from ...demo.scenes import random_scene, render
from .measure import Found, find_objects

RING = 4  # width of the ring along the frame, pixels
_COUNT, _SEED = 48, 77


def border_error(picture: np.ndarray, found: Sequence[Found]) -> tuple[float, float]:
    """Mean absolute deviation of the background from its median, in the ring and inside, in 0..1.

    Args:
        picture: float [H, W, 3] in 0..1.
        found: its things, excluded with 4 pixels around them.
    """
    covered = np.zeros(picture.shape[:2], dtype=bool)
    for thing in found:
        covered |= thing.mask
    free = ~ndimage.binary_dilation(covered, iterations=4)
    if not free.any():
        return 0.0, 0.0
    error = np.abs(picture - np.median(picture[free], axis=0)).mean(-1)
    ring = ring_of(picture.shape[:2])
    return _mean(error[free & ring]), _mean(error[free & ~ring])


def ring_of(shape: tuple[int, int]) -> np.ndarray:
    """Mask of the ring along the frame, bool [H, W]."""
    ring = np.ones(shape, dtype=bool)
    ring[RING:-RING, RING:-RING] = False
    return ring


def roundtrip(vae: comfy.sd.VAE) -> dict[str, float]:
    """PSNR in dB, mean absolute error by region, share of things that keep colour and shape."""
    rng = Random(_SEED)
    scenes = [random_scene(rng, 1 + k % 3) for k in range(_COUNT)]
    pictures = np.stack([render(scene) for scene in scenes]).astype(np.float32) / 255
    back = vae.decode(vae.encode(torch.from_numpy(pictures))).clamp(0, 1).numpy()
    error = np.abs(back - pictures).mean((0, 3))
    ring = ring_of(error.shape)
    corners = np.concatenate([error[:8, :8], error[:8, -8:], error[-8:, :8], error[-8:, -8:]])
    kept = total = 0
    for scene, picture in zip(scenes, back, strict=True):
        found = {(f.colour, f.shape) for f in find_objects(picture)}
        kept += sum((t.colour, t.shape) in found for t in scene.things)
        total += len(scene.things)
    values = {
        "psnr": -10 * np.log10(((back - pictures) ** 2).mean()),
        "error_ring": error[ring].mean(),
        "error_inside": error[~ring].mean(),
        "error_corners": corners.mean(),
        "things_kept": kept / total,
    }
    return {name: round(float(value), 5) for name, value in values.items()}


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else 0.0
