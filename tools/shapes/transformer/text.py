"""The landed text encoder, frozen, for as many of its 77 positions as a step needs."""

from pathlib import Path

import torch
from torch import nn

from .. import dataset, exported
from ..networks import Networks, plain_attention


class Text(nn.Module):
    """The first T positions of CLIP's text transformer; it is causal, so they are exact."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        networks = Networks(len(dataset.token_ids()))
        exported.read(folder, networks)
        self.model = networks.text.requires_grad_(False)

    @torch.no_grad()
    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Indices of `dataset.token_ids()`, [B, T], to the context [B, T, width]."""
        length = tokens.shape[1]
        places = self.model.embeddings.position_embedding.weight[:length]
        x = self.model.embeddings.token_embedding(tokens) + places
        mask = x.new_full((length, length), -1e4).triu_(1)
        for layer in self.model.encoder.layers:
            x = x + layer.self_attn(layer.layer_norm1(x), mask, plain_attention)
            x = x + layer.mlp(layer.layer_norm2(x))
        return self.model.final_layer_norm(x)
