"""Draw the pictures of the help pages: `web/docs/images/<NodeId>.jpg`, one for each node.

Every picture is made with the Shapes model by the node itself, as panels with captions. The layout
canvas is a screenshot from a browser.
"""

from __future__ import annotations

import sys

import numpy as np
import torch
from PIL import Image

from ..host import host
from ..workflows import workflows
from . import pictures_canvas, pictures_runs, pictures_terms
from .panels import DRAWN, Panels

FOLDER = host.ROOT / "web" / "docs" / "images"
PARTS = (pictures_runs, pictures_terms, pictures_canvas)  # importing them fills DRAWN
WIDTHS = {1: 400, 2: 220, 3: 180, 4: 140}  # of a panel in pixels, by number of panels


def _image(panel: torch.Tensor | np.ndarray) -> Image.Image:
    """A picture [H, W, 3] or mask [H, W] in 0..1 as an RGB image."""
    values = np.asarray(panel).clip(0, 1)
    if values.ndim == 2:
        values = np.repeat(values[..., None], 3, -1)
    return Image.fromarray((values * 255).round().astype(np.uint8))


def sheet(panels: Panels) -> Image.Image:
    """The panels side by side with their captions."""
    width = WIDTHS[len(panels)]
    shown = {name: [_image(panel)] for name, panel in panels.items()}
    return workflows.thumbnail(shown, dict.fromkeys(shown, width))


def main(names: list[str]) -> None:
    """Draw the pictures of these nodes, or of all."""
    if unknown := set(names) - set(DRAWN):
        sys.exit(f"no picture of {', '.join(sorted(unknown))}; there are: {', '.join(DRAWN)}")
    FOLDER.mkdir(exist_ok=True)
    for name in names or DRAWN:
        file = FOLDER / f"{name}.jpg"
        sheet(DRAWN[name]()).save(file, quality=85)
        print(f"{file.stat().st_size / 1000:5.1f} kB  {file.relative_to(host.ROOT)}", flush=True)
