"""NextDiT as it is trained: ComfyUI's mathematics, written for a compiled CPU and to show its maps.

Differences in form, not in value: queries, keys and values are three matrices, so that Muon
treats each on its own; rotary pairs lie in halves; attention is two batched products, which on a
CPU in bfloat16 run several times faster than the fused kernel.
"""

import math
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from .rope import rotate

Turns = tuple[torch.Tensor, torch.Tensor]
QK_EPS = torch.finfo(torch.float32).eps  # ComfyUI gives these two norms no eps of their own


class Norm(nn.Module):
    """Root mean square norm over the last axis, in float32."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Any [..., width] to float32."""
        x = x.float()
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.eps) * self.weight


class Attention(nn.Module):
    """Self-attention of the tokens of one sequence."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q, self.k, self.v, self.out = (nn.Linear(width, width, bias=False) for _ in range(4))
        self.q_norm, self.k_norm = (Norm(width // heads, QK_EPS) for _ in range(2))

    def forward(
        self, x: torch.Tensor, turns: Turns, closed: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Tokens [B, N, width] to their update [B, N, width] and the probabilities [B, h, N, N].

        `closed`: added to every query's scores, [B, N]; minus infinity hides a key.
        """
        q, k, v = (layer(x).unflatten(-1, (self.heads, -1)) for layer in (self.q, self.k, self.v))
        q = rotate(self.q_norm(q) * q.shape[-1] ** -0.5, *turns)
        k = rotate(self.k_norm(k), *turns)
        q, k, v = (a.to(v.dtype).transpose(1, 2).flatten(0, 1) for a in (q, k, v))
        scores = torch.bmm(q, k.transpose(1, 2)).float().unflatten(0, (-1, self.heads))
        if closed is not None:
            scores = scores + closed[:, None, None]
        weights = scores.softmax(-1)
        mixed = torch.bmm(weights.flatten(0, 1).to(v.dtype), v).unflatten(0, (-1, self.heads))
        return self.out(mixed.transpose(1, 2).flatten(2)), weights


class FeedForward(nn.Module):
    """Gated update of each token on its own."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.w1, self.w3 = (nn.Linear(width, hidden, bias=False) for _ in range(2))
        self.w2 = nn.Linear(hidden, width, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Tokens [B, N, width] to their update."""
        return self.w2(F.silu(self.w1(x)) * self.w3(x))


class Block(nn.Module):
    """Attention and feed-forward, each between two norms; modulated by the time if it knows it."""

    def __init__(self, config: dict[str, Any], modulated: bool) -> None:
        super().__init__()
        width, unit, eps = config["dim"], config["multiple_of"], config["norm_eps"]
        hidden = unit * math.ceil(int(config["ffn_dim_multiplier"] * width) / unit)
        self.attention = Attention(width, config["n_heads"])
        self.feed_forward = FeedForward(width, hidden)
        self.attention_norm1, self.ffn_norm1 = Norm(width, eps), Norm(width, eps)
        self.attention_norm2, self.ffn_norm2 = Norm(width, eps), Norm(width, eps)
        if modulated:
            self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 4 * width))
        self.modulated = modulated

    def forward(
        self,
        x: torch.Tensor,
        turns: Turns,
        closed: torch.Tensor | None = None,
        time: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Tokens [B, N, width], float32, to the same and the probabilities [B, h, N, N]."""
        scale, gate, scale2, gate2 = 1.0, 1.0, 1.0, 1.0
        if self.modulated:
            parts = self.adaLN_modulation(time).float()[:, None].chunk(4, -1)
            scale, gate = 1 + parts[0], parts[1].tanh()
            scale2, gate2 = 1 + parts[2], parts[3].tanh()
        update, weights = self.attention(self.attention_norm1(x) * scale, turns, closed)
        x = x + gate * self.attention_norm2(update)
        x = x + gate2 * self.ffn_norm2(self.feed_forward(self.ffn_norm1(x) * scale2))
        return x, weights


class TimeEmbedder(nn.Module):
    """Sine features of a time and two layers on them."""

    def __init__(self, width: int, features: int = 256) -> None:
        super().__init__()
        self.pairs = features // 2
        self.mlp = nn.Sequential(nn.Linear(features, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, times: torch.Tensor) -> torch.Tensor:
        """Times [B] to [B, width]."""
        steps = torch.arange(self.pairs, dtype=torch.float32, device=times.device) / self.pairs
        angles = times[:, None].float() * torch.exp(-math.log(10000) * steps)
        return self.mlp(torch.cat([angles.cos(), angles.sin()], -1))


class FinalLayer(nn.Module):
    """Tokens back to latent channels."""

    def __init__(self, width: int, channels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, channels)
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, width))

    def forward(self, x: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        """Tokens [B, N, width] to [B, N, channels]."""
        scale = 1 + self.adaLN_modulation(time).float()[:, None]
        return self.linear(F.layer_norm(x, x.shape[-1:], eps=1e-6) * scale)


class Transformer(nn.Module):
    """The network with the parameter names of ComfyUI's class, except `q`, `k` and `v`."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        width, context, eps = config["dim"], config["cap_feat_dim"], config["norm_eps"]
        channels, refiners = config["in_channels"], range(config["n_refiner_layers"])
        self.config = config
        self.x_embedder = nn.Linear(channels, width)
        self.noise_refiner = nn.ModuleList(Block(config, True) for _ in refiners)
        self.context_refiner = nn.ModuleList(Block(config, False) for _ in refiners)
        self.t_embedder = TimeEmbedder(width)
        self.cap_embedder = nn.Sequential(Norm(context, eps), nn.Linear(context, width))
        self.layers = nn.ModuleList(Block(config, True) for _ in range(config["n_layers"]))
        self.final_layer = FinalLayer(width, channels)
        self.watched: tuple[int, ...] = ()
        initialise(self)

    def forward(
        self,
        x: torch.Tensor,
        times: torch.Tensor,
        context: torch.Tensor,
        turns: Turns,
        closed: torch.Tensor,
    ) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """What ComfyUI calls the model's output: the velocity from picture to noise.

        Args:
            x: noisy latents as tokens [B, H W, channels]. times: 1000 times the noise level, [B].
            context: of the text encoder, [B, T, width]. turns: of `rope.turns`, for all T + H W
            tokens. closed: [B, T], 0, or minus infinity for text tokens that do not count.

        Returns:
            [B, H W, channels] and, of each watched layer, how much each picture token looks at
            each text token among all tokens, mean of the heads, [B, H W, T].
        """
        text = context.shape[1]
        of_text = turns[0][:, :text], turns[1][:, :text]
        of_picture = turns[0][:, text:], turns[1][:, text:]
        time = self.t_embedder(1.0 - times)
        caption, picture = self.cap_embedder(context).float(), self.x_embedder(x).float()
        for block in self.context_refiner:
            caption, _ = block(caption, of_text, closed)
        for block in self.noise_refiner:
            picture, _ = block(picture, of_picture, None, time)
        tokens = torch.cat([caption, picture], 1)
        closed = F.pad(closed, (0, picture.shape[1]))
        maps = []
        for number, block in enumerate(self.layers):
            tokens, weights = block(tokens, turns, closed, time)
            if number in self.watched:
                maps.append(weights[:, :, text:, :text].mean(1))
        return -self.final_layer(tokens[:, text:], time).float(), maps


@torch.no_grad()
def initialise(network: nn.Module) -> None:
    """First values: variance-preserving; time changes nothing yet and the output is zero."""
    for module in network.modules():
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=1 / math.sqrt(module.in_features))
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    for name, module in network.named_modules():
        if name.endswith("adaLN_modulation"):
            nn.init.zeros_(module[1].weight)
        elif isinstance(module, FinalLayer):
            nn.init.zeros_(module.linear.weight)


def split(network: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Parameters for Muon (matrices inside the blocks) and for AdamW (the rest)."""
    matrices: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for name, param in network.named_parameters():
        inner = ".attention." in name or ".feed_forward." in name
        (matrices if inner and param.ndim > 1 else others).append(param)
    return matrices, others
