"""The two losses: flow matching, and where a word's attention should lie."""

from collections.abc import Sequence

import torch

CLEAR = 8.0  # the attention loss counts fully below a noise level of 1 - 1 / CLEAR


def noised(
    latents: torch.Tensor, noise: torch.Tensor, levels: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """What the network sees and what it should say, both [B, C, H, W], at noise levels [B]."""
    level = levels[:, None, None, None]
    return (1 - level) * latents + level * noise, noise - latents


def attention_loss(
    maps: Sequence[torch.Tensor], masks: torch.Tensor, words: torch.Tensor, levels: torch.Tensor
) -> torch.Tensor:
    """KL divergence from each object's mask to its words' maps, both normalised over the picture.

    Args:
        maps: by layer, [B, H W, T]. masks: [B, 3, H, W]. words: positions [B, 3, 2], or 0.
        levels: noise levels [B]; near pure noise nothing can be known and it counts less.
    """
    target = masks.flatten(2)
    target = target / target.sum(-1, keepdim=True).clamp(min=1e-6)
    entropy = torch.special.entr(target).sum(-1)
    present = (words[..., 0] > 0).float()
    weight = present * ((1 - levels) * CLEAR).clamp(max=1)[:, None]
    total = masks.new_zeros(())
    for attention in maps:
        index = words.flatten(1)[:, None].expand(-1, attention.shape[1], -1)
        columns = attention.gather(2, index).transpose(1, 2).unflatten(1, words.shape[1:])
        log_maps = (columns / columns.sum(-1, keepdim=True)).clamp(min=1e-8).log()
        divergence = -(target[:, :, None] * log_maps).sum(-1).mean(2) - entropy
        total = total + (divergence * weight).sum() / present.sum().clamp(min=1) / len(maps)
    return total
