"""Rotary positions of NextDiT: text along the first axis, rows and columns along the others.

ComfyUI's class turns neighbouring channels (2k, 2k + 1) as a pair. Here a pair is (k, k + half):
two contiguous halves are faster on a CPU. `interleaved` gives the order that makes both equal.
"""

import torch

THETA = 10000.0


def positions(text: int, lengths: torch.Tensor, rows: int, columns: int) -> torch.Tensor:
    """Position of every token, float32 [B, text + rows * columns, 3].

    Args:
        text: text tokens that are computed. lengths: [B], how many of them each caption counts:
            the picture stands behind the last of these on the first axis.
    """
    batch, pixels = len(lengths), rows * columns
    places = torch.zeros(batch, text + pixels, 3)
    places[:, :text, 0] = torch.arange(text) + 1.0
    places[:, text:, 0] = lengths[:, None] + 1.0
    places[:, text:, 1] = torch.arange(rows).repeat_interleave(columns)
    places[:, text:, 2] = torch.arange(columns).repeat(rows)
    return places


def turns(places: torch.Tensor, axes: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Cosine and sine of each pair's angle, each [B, N, 1, width / 2], for places [B, N, axes]."""
    angles = []
    for axis, width in enumerate(axes):
        powers = torch.linspace(0, (width - 2) / width, width // 2, dtype=torch.float64)
        frequency = (1.0 / THETA**powers).float()
        angles.append(places[..., axis, None] * frequency)
    angle = torch.cat(angles, -1)[:, :, None]
    return angle.cos(), angle.sin()


def rotate(x: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor) -> torch.Tensor:
    """Turn the pairs (k, k + half) of x [B, N, heads, width]."""
    first, second = x.chunk(2, -1)
    return torch.cat([first * cosine - second * sine, first * sine + second * cosine], -1)


def interleaved(width: int) -> torch.Tensor:
    """Indices [width] that bring channels of one head from halves into ComfyUI's pairs."""
    return torch.arange(width).view(2, width // 2).T.flatten()
