"""Training of the decoder, on latents of the fixed encoder.

Convolutions pad with zeros, so that the decoder makes errors along the frame unless it is trained
there. Training therefore begins with crops, which have more border, and ends with whole pictures,
and the loss weighs the ring along the frame more. Edges have the largest weight, because flat
shapes differ only there. A little noise is added to the latents, since those of the UNet are not
exact.
"""

import argparse
import math
import os
import time
from random import Random

import numpy as np
import torch
from torch import nn

from ...demo.architecture import LATENT_SCALE, ShapesAutoencoder
from ...demo.scenes import SIZE, random_scene, render
from . import dataset
from .networks import initialise, speed_up_norms
from .optimizer import Muon

CHECKPOINT = "decoder.pt"
SHAPE = (SIZE, SIZE)
CROP = 64
CROP_SHARE = 0.5  # of the steps, the first ones
CROPS, PICTURES = 8, 4  # batch sizes
LATENT_NOISE = 0.04
EDGE_WEIGHT, RING_WEIGHT, RING = 6.0, 2.0, 4
LEARNING_RATE, EMA = 1.5e-3, 0.998


def batch(rng: Random, count: int, crop: int | None) -> torch.Tensor:
    """Random scenes or crops of them at any position, float32 [count, 3, H, W] in -1..1.

    Half of the whole pictures are wide or tall: attention and group norms average over the
    picture, so a decoder that is trained on squares only gives others a wrong tint.
    """
    width, height = SHAPE if crop else rng.choice((SHAPE, SHAPE, (256, 128), (128, 256)))
    count = count if width == height else count // 2
    pictures = []
    for _ in range(count):
        picture = render(random_scene(rng, rng.choice((1, 2, 3, 3)), width, height))
        if crop:
            top = rng.randrange(picture.shape[0] - crop + 1)
            left = rng.randrange(picture.shape[1] - crop + 1)
            picture = picture[top : top + crop, left : left + crop]
        pictures.append(picture)
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1


def pixel_weights(pictures: torch.Tensor) -> torch.Tensor:
    """Weight of each pixel in the loss, [B, 1, H, W]: 1, more at edges and along the frame."""
    near = pictures
    low, high = -nn.functional.max_pool2d(-near, 5, 1, 2), nn.functional.max_pool2d(near, 5, 1, 2)
    edge = (high - low).amax(1, keepdim=True).clamp(max=1.0)
    weights = 1 + EDGE_WEIGHT * edge
    inside = torch.zeros_like(weights)
    inside[..., RING:-RING, RING:-RING] = 1
    return weights + RING_WEIGHT * (1 - inside)


def loss_of(model: ShapesAutoencoder, pictures: torch.Tensor, noise: float) -> torch.Tensor:
    """Weighted absolute and squared error of the decoded latents of pictures [B, 3, H, W]."""
    with torch.no_grad():
        latents = model.encode(pictures)
        level = noise * latents.std() * torch.rand(len(latents), 1, 1, 1, device=latents.device)
        latents = latents + level * torch.randn_like(latents)
    with torch.autocast(pictures.device.type, torch.bfloat16):
        out = model.decode(latents).float()
    error = out - pictures
    return (pixel_weights(pictures) * (error.abs() + error**2)).mean()


def fresh(options: argparse.Namespace) -> ShapesAutoencoder:
    """An autoencoder with whitened encoder and untrained decoder, on the device of the training."""
    torch.manual_seed(options.seed)
    model = ShapesAutoencoder()
    initialise(model)
    speed_up_norms(model.decoder)
    with torch.no_grad():
        for module in model.decoder.modules():
            if hasattr(module, "conv2"):  # the residual blocks of the decoder
                module.conv2.weight.zero_()
        model.post_quant_conv.weight.copy_(LATENT_SCALE * torch.eye(4)[:, :, None, None])
    whitening = torch.load(options.cache / dataset.WHITENING)
    model.whiten(whitening["mean"], whitening["std"])
    model.encoder.requires_grad_(False)
    return model.to(options.device)


def learned(model: ShapesAutoencoder) -> dict[str, nn.Parameter]:
    """The trained parameters, by name."""
    return {name: p for name, p in model.named_parameters() if not name.startswith("encoder.")}


def train(options: argparse.Namespace) -> None:
    """Train for `options.decoder_steps` steps, from the checkpoint in the cache if there is one."""
    path = options.cache / CHECKPOINT
    model = fresh(options)
    params = learned(model)
    average = {name: p.detach().clone() for name, p in params.items()}
    matrices = [p for name, p in params.items() if p.ndim > 1 and "conv_out" not in name]
    others = [p for name, p in params.items() if p.ndim == 1 or "conv_out" in name]
    optimizers = [
        Muon(matrices, lr=LEARNING_RATE, weight_decay=0.0),
        torch.optim.AdamW(others, lr=LEARNING_RATE, betas=(0.9, 0.99), weight_decay=0.0),
    ]
    step, rng = 0, Random(options.seed)
    if path.is_file():
        state = torch.load(path, map_location=options.device, weights_only=False)
        model.load_state_dict(state["model"])
        average, step = state["average"], state["step"]
        rng.setstate(state["rng"])
        for optimizer, values in zip(optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(values)
    began, first, total = time.monotonic(), step, 0.0
    while step < options.decoder_steps:
        total += _advance(model, params, average, optimizers, rng, step, options)
        step += 1
        if step % 20 == 0:
            pace = (time.monotonic() - began) / (step - first)
            left = (options.decoder_steps - step) * pace / 60
            print(
                f"decoder: step {step}/{options.decoder_steps} loss {total / 20:.4f} "
                f"{pace:.2f} s/step, {left:.0f} min left",
                flush=True,
            )
            total = 0.0
        if step % 200 == 0 or step == options.decoder_steps:
            state = {"model": model.state_dict(), "average": average, "step": step}
            state |= {"optimizers": [o.state_dict() for o in optimizers], "rng": rng.getstate()}
            torch.save(state, path.with_suffix(".part"))
            os.replace(path.with_suffix(".part"), path)


def _advance(
    model: ShapesAutoencoder,
    params: dict[str, nn.Parameter],
    average: dict[str, torch.Tensor],
    optimizers: list[torch.optim.Optimizer],
    rng: Random,
    step: int,
    options: argparse.Namespace,
) -> float:
    crops = step < CROP_SHARE * options.decoder_steps
    count, size = (CROPS, CROP) if crops else (PICTURES, None)
    loss = loss_of(model, batch(rng, count, size).to(options.device), LATENT_NOISE)
    loss.backward()
    nn.utils.clip_grad_norm_(params.values(), 1.0)
    progress = step / options.decoder_steps
    factor = min(1.0, (step + 1) / 100) * (0.01 + 0.99 * (0.5 + 0.5 * math.cos(math.pi * progress)))
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * factor
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    decay = min(EMA, (1 + step) / (10 + step))
    with torch.no_grad():
        for name, p in params.items():
            average[name].lerp_(p, 1 - decay)
    return loss.item()
