"""Noise schedule of Stable Diffusion with v-prediction, and an Euler sampler for previews.

v = alpha noise - sqrt(1 - alpha^2) x0 (Salimans & Ho 2022). On whitened latents the target has unit
variance at every noise level, as in a preconditioned denoiser: all levels weigh the same in the
loss, and the layout, which is decided at high noise, is learned well.
"""

import math
from collections.abc import Callable

import torch

STEPS = 1000
MEAN_LOG_SIGMA, STD_LOG_SIGMA = math.log(2.5), 1.1
UNIFORM_SHARE = 0.1


def sigmas() -> torch.Tensor:
    """Sigma (noise over signal) at each of the 1000 timesteps, [1000], about 0.03 to 14.6."""
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, STEPS, dtype=torch.float64) ** 2
    kept = torch.cumprod(1 - betas, 0)
    return ((1 - kept) / kept).sqrt().float()


def timestep_density() -> torch.Tensor:
    """Probability of each timestep in training, [1000]: log-normal in sigma, with a uniform share.

    Positions are decided at sigma 15 to 4 and shapes at 5 to 0.7; other levels are learned easily.
    """
    logs = sigmas().log()
    width = torch.gradient(logs)[0]
    density = width * torch.exp(-((logs - MEAN_LOG_SIGMA) ** 2) / (2 * STD_LOG_SIGMA**2))
    return (1 - UNIFORM_SHARE) * density / density.sum() + UNIFORM_SHARE / STEPS


def noised(
    latents: torch.Tensor, noise: torch.Tensor, sigma: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Scaled noisy input of the network and its target v, both [B, 4, H, W], for sigmas [B]."""
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
    """Sample clean latents by Euler steps from the highest sigma.

    Args:
        velocity: v [B, 4, H, W] for scaled latents [B, 4, H, W] and timesteps [B].
        noise: unit normal, [B, 4, H, W].
        steps: number of steps.
    """
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
