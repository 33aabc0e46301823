"""A plain sampler on the training network, to look at a training without a host."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch

from .. import dataset
from .network import Transformer
from .rope import positions, turns
from .text import Text

SHIFT = 3.0


def levels(steps: int, shift: float = SHIFT) -> list[float]:
    """Noise levels of `steps` Euler steps, from 1 to 0, as a shifted flow schedule has them."""
    even = np.linspace(1, 0, steps + 1)
    return (shift * even / (1 + (shift - 1) * even)).tolist()


@torch.no_grad()
def velocity(
    network: Transformer, x: torch.Tensor, level: float, context: torch.Tensor
) -> torch.Tensor:
    """The network's output [B, 4, H, W] on noisy latents at one noise level, all text counted."""
    batch, text, (rows, columns) = len(x), context.shape[1], x.shape[-2:]
    places = positions(text, torch.full((1,), text), rows, columns)
    out, _ = network(
        x.flatten(2).transpose(1, 2),
        torch.full((batch,), level * 1000),
        context,
        turns(places, network.config["axes_dims"]),
        x.new_zeros(batch, text),
    )
    return out.transpose(1, 2).unflatten(2, (rows, columns))


def sample(
    network: Transformer,
    text: Text,
    prompts: Sequence[str],
    noise: torch.Tensor,
    steps: int = 12,
    guidance: float = 3.0,
    length: int = 20,
) -> torch.Tensor:
    """Clean whitened latents [B, 4, H, W] of prompts from noise of the same shape."""
    rows = [dataset.token_row(prompt)[0][:length] for prompt in ["", *prompts]]
    context = text(torch.tensor(rows))
    without, given = context[:1].expand(len(prompts), -1, -1), context[1:]
    x = noise
    for here, there in pairwise(levels(steps)):
        out = velocity(network, x.repeat(2, 1, 1, 1), here, torch.cat([without, given]))
        v, conditional = out.chunk(2)
        x = x + (there - here) * (v + guidance * (conditional - v))
    return x
