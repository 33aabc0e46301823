"""Stable Diffusion's noise schedule with v-prediction, and a plain sampler to look at a training.

v = alpha noise - sqrt(1 - alpha^2) x0 (Salimans & Ho 2022): on whitened latents it is what a
preconditioned denoiser predicts, so all noise levels cost the same and the layout, decided at
high noise, is learned well.
"""

import math
from collections.abc import Callable

import torch

STEPS = 1000
MEAN_LOG_SIGMA, STD_LOG_SIGMA = math.log(2.5), 1.1
UNIFORM_SHARE = 0.1


def sigmas() -> torch.Tensor:
    """Noise over signal at each of the 1000 timesteps, about 0.03 to 14.6."""
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, STEPS, dtype=torch.float64) ** 2
    kept = torch.cumprod(1 - betas, 0)
    return ((1 - kept) / kept).sqrt().float()


def timestep_density() -> torch.Tensor:
    """How often each timestep is trained: log-normal over sigma, with a share of uniform ones.

    An object's place is decided at sigma 15 to 4 and its shape at 5 to 0.7; the rest is easy.
    """
    logs = sigmas().log()
    width = torch.gradient(logs)[0]
    density = width * torch.exp(-((logs - MEAN_LOG_SIGMA) ** 2) / (2 * STD_LOG_SIGMA**2))
    return (1 - UNIFORM_SHARE) * density / density.sum() + UNIFORM_SHARE / STEPS


def noised(
    latents: torch.Tensor, noise: torch.Tensor, sigma: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """What the network sees and what it should say, both [B, 4, H, W], for sigmas [B]."""
    sigma = sigma[:, None, None, None]
    alpha = 1 / (1 + sigma**2).sqrt()
    beta = sigma * alpha
    return alpha * latents + beta * noise, alpha * noise - beta * latents


@torch.no_grad()
def sample(
    velocity: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    noise: torch.Tensor,
    steps: int = 20,
) -> torch.Tensor:
    """Euler from the highest sigma to clean latents; `velocity` of scaled latents and times [B]."""
    table = sigmas()
    times = torch.linspace(STEPS - 1, 0, steps).round().long()
    levels = torch.cat([table[times], torch.zeros(1)]).tolist()
    x = noise * math.sqrt(1 + levels[0] ** 2)
    for time, here, there in zip(times.tolist(), levels[:-1], levels[1:], strict=True):
        alpha = 1 / math.sqrt(1 + here**2)
        v = velocity(x * alpha, torch.full((len(x),), float(time), device=x.device))
        denoised = x * alpha**2 - v * here * alpha
        x = denoised + (x - denoised) * (there / here)
    return x
