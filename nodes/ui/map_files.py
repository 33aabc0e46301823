"""A record's maps as files in ComfyUI's temporary folder, for the page's attention browser."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import folder_paths
import torch.nn.functional as F
from comfy_api.latest import io, ui
from torch import Tensor

from ...guidance import storage
from ...guidance.record.atlas import atlas
from ...guidance.record.record import Record

KIND = "self-guidance maps"
SIDE = 512  # pixels of a picture's longer side


def map_files(node: type[io.ComfyNode], record: Record, image: Tensor | None) -> dict[str, Any]:
    """Write a record's maps and pictures to files.

    Args:
        node: class of the node that shows them.
        record: not empty.
        image: pictures of the run, [B, H, W, C] in [0, 1]; None to show none.

    Returns:
        entries for the node's `ui` output.
    """
    found = atlas(record)
    name = f"self_guidance_{uuid4().hex}{storage.SUFFIX}"
    folder = Path(folder_paths.get_temp_directory())
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {"cells": found.cells, "lowest": found.lowest, "highest": found.highest}
    storage.save(folder / name, KIND, tensors, found.facts)
    entries: dict[str, Any] = {
        "self_guidance_maps": [{"filename": name, "subfolder": "", "type": "temp"}]
    }
    if image is not None:
        pictures = _small(image[: len(found.cells), ..., :3])
        entries["self_guidance_pictures"] = ui.PreviewImage(pictures, cls=node).values
    return entries


def _small(image: Tensor) -> Tensor:
    height, width = image.shape[1:3]
    scale = SIDE / max(height, width)
    if scale >= 1:
        return image
    size = max(1, round(height * scale)), max(1, round(width * scale))
    return F.interpolate(image.movedim(-1, 1), size, mode="area").movedim(1, -1)
