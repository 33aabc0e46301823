"""Draw maps as pictures."""

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

# Dark violet over red to pale yellow: readable in print and for colour-blind eyes, as lightness
# rises steadily.
HEAT = torch.tensor(
    [
        [0.02, 0.01, 0.09],
        [0.35, 0.06, 0.43],
        [0.73, 0.21, 0.33],
        [0.98, 0.56, 0.04],
        [0.99, 1.0, 0.64],
    ]
)
CAPTION = 18


def heat(maps: Tensor) -> Tensor:
    """Maps [B, H, W] in [0, 1] as colours [B, H, W, 3]."""
    place = maps.clamp(0, 1) * (len(HEAT) - 1)
    low = place.long().clamp(max=len(HEAT) - 2)
    share = (place - low)[..., None]
    return HEAT[low] * (1 - share) + HEAT[low + 1] * share


def to_unit_range(maps: Tensor) -> Tensor:
    """Maps [B, H, W] scaled to [0, 1], each between its own lowest and highest value."""
    low, high = maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)
    return (maps - low) / (high - low).clamp(min=1e-12)


def enlarged(maps: Tensor, height: int, width: int) -> Tensor:
    """Maps [B, H, W] interpolated to a size."""
    return F.interpolate(maps[:, None], (height, width), mode="bicubic", align_corners=False)[
        :, 0
    ].clamp(0, 1)


def overlaid(maps: Tensor, image: Tensor) -> Tensor:
    """Maps [B, H, W] in [0, 1] as heat over an image [B, H, W, 3], strongest where the map is."""
    share = (0.25 + 0.55 * maps)[..., None]
    return image * (1 - share) + heat(maps) * share


def captioned(image: Tensor, text: str) -> Tensor:
    """An image [H, W, 3] with a line of text under it, [H + CAPTION, W, 3]."""
    height, width, _ = image.shape
    canvas = Image.new("RGB", (width, height + CAPTION))
    canvas.paste(Image.fromarray((image.clamp(0, 1) * 255).round().byte().numpy()))
    font = ImageFont.load_default(12)
    ImageDraw.Draw(canvas).text((width / 2, height + CAPTION / 2), text, "white", font, anchor="mm")
    return torch.from_numpy(np.asarray(canvas).astype(np.float32) / 255)


def tiled(images: list[Tensor], columns: int) -> Tensor:
    """Images [H, W, 3] of one size in rows of a sheet [H', W', 3]; its last cells may be black."""
    columns = min(columns, len(images))
    images = images + [torch.zeros_like(images[0])] * (-len(images) % columns)
    rows = [torch.cat(images[i : i + columns], 1) for i in range(0, len(images), columns)]
    return torch.cat(rows, 0)
