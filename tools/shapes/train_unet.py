"""Training of UNet and text encoder: v-prediction, and supervised attention maps of objects."""

import argparse
import math
import os
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

from ...demo.architecture import cell_filters
from . import dataset, exported
from .dataset import Bucket
from .diffusion import noised, sample, sigmas, timestep_density
from .networks import Maps, Networks, recorded_maps
from .optimizer import Muon, split

CHECKPOINT = "unet.pt"
LOG = 50  # steps between lines of the log
WARMUP = 150
DECAY_SHARE = 0.45  # last part of the steps, in which the learning rate falls as a half cosine
EMA = 0.999
DROPPED_CAPTIONS = 0.1
UNCOLOURED = 0.18  # share of objects without a colour word
OTHER_FORMATS = 0.4  # share of the steps, with half the batch size
ATTENTION_FROM, ATTENTION_WEIGHT = 200, 0.03  # supervision of attention: first step, weight
SITE_WEIGHTS = {"output.2": 0.7, "output.3": 0.3}
PREVIEW = (
    "a red circle",
    "a blue star",
    "a green heart",
    "a yellow triangle on a black background",
    "a red circle and a blue square",
    "a purple heart and a green triangle",
    "an orange star and a yellow square",
    "a green circle and a purple star",
    "a blue triangle and an orange heart",
    "a red square and a red star",
    "a red circle, a blue square and a green star",
    "a purple triangle, a yellow heart and an orange circle",
)


def learning_rate(step: int, steps: int, decay_share: float = DECAY_SHARE) -> float:
    """Factor of the learning rate at a step: warm-up, constant, half cosine down to 0.01."""
    decay = max(0.0, (step / steps - (1 - decay_share)) / decay_share)
    return min(1.0, (step + 1) / WARMUP) * (
        0.01 + 0.99 * (0.5 + 0.5 * math.cos(math.pi * min(decay, 1.0)))
    )


class Sampler:
    """Draws batches; all random numbers are from one generator, which checkpoints contain."""

    def __init__(self, buckets: dict[str, Bucket], batch: int, seed: int) -> None:
        self.buckets, self.batch = buckets, batch
        self.generator = torch.Generator().manual_seed(seed)
        self.empty = torch.tensor(dataset.token_row("")[0])

    def draw(self) -> tuple[torch.Tensor, ...]:
        """Latents [B, 4, H, W], masks [B, 3, H, W] in 0..1, tokens [B, 77], words [B, 3, 2]."""
        g = self.generator
        pick = torch.rand(1, generator=g).item()
        name, size = "square", self.batch
        if pick < OTHER_FORMATS:
            name, size = ("wide", "tall")[pick < OTHER_FORMATS / 2], self.batch // 2
        bucket = self.buckets[name]
        rows = torch.randint(len(bucket.latents), (size,), generator=g)
        latents, masks = bucket.latents[rows].float(), bucket.masks[rows].float() / 255
        tokens, words = bucket.tokens[rows].long(), bucket.words[rows].long()
        mirrored = torch.rand(size, generator=g) < 0.5
        latents[mirrored], masks[mirrored] = latents[mirrored].flip(-1), masks[mirrored].flip(-1)
        dataset.leave_open(tokens, words, torch.rand(words.shape[:2], generator=g) < UNCOLOURED)
        dropped = torch.rand(size, generator=g) < DROPPED_CAPTIONS
        tokens[dropped], words[dropped] = self.empty, 0
        return latents, masks, tokens, words


def attention_loss(
    maps: dict[str, torch.Tensor], masks: torch.Tensor, words: torch.Tensor
) -> torch.Tensor:
    """KL divergence from each object's mask to its words' maps, both normalised over the picture.

    Args:
        maps: by site, [B, H W, tokens].
        masks: [B, 3, H, W].
        words: token positions [B, 3, 2]; 0 for objects that the caption lacks.
    """
    target = masks.flatten(2)
    target = target / target.sum(-1, keepdim=True).clamp(min=1e-6)
    entropy = torch.special.entr(target).sum(-1)
    present = (words[..., 0] > 0).float()
    total = masks.new_zeros(())
    for site, attention in maps.items():
        index = words.flatten(1)[:, None].expand(-1, attention.shape[1], -1)
        columns = attention.gather(2, index).transpose(1, 2).unflatten(1, words.shape[1:])
        for column in (columns[:, :, 0], columns[:, :, 1], columns.mean(2)):
            log_map = (column / column.sum(-1, keepdim=True)).clamp(min=1e-8).log()
            divergence = -(target * log_map).sum(-1) - entropy
            total = total + SITE_WEIGHTS[site] / 3 * (
                divergence * present
            ).sum() / present.sum().clamp(min=1)
    return total


class Trainer:
    """Networks, their moving average, optimizers and random state: the content of a checkpoint."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options, self.device = options, torch.device(options.device)
        torch.manual_seed(options.seed)
        words = len(dataset.token_ids())
        self.networks, self.average = (Networks(words).to(self.device) for _ in range(2))
        self.first = exported.read(options.start, self.networks) if options.start else 0
        self.average.load_state_dict(self.networks.state_dict())
        matrices, others = split(self.networks)
        self.optimizers = [
            Muon(matrices, lr=options.lr),
            torch.optim.AdamW(others, lr=options.lr / 2, betas=(0.9, 0.99), weight_decay=0.0),
        ]
        self.peaks = [options.lr, options.lr / 2]
        if options.compile:
            self.networks.compile()
        seed = options.seed + self.first  # other batches than those before the continued step
        self.sampler = Sampler(dataset.load(options.cache), options.batch, seed)
        self.density = timestep_density()
        self.sigmas = sigmas()
        self.maps = Maps()
        self.step = self.first

    def losses(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The v loss and the attention loss of one batch."""
        latents, masks, tokens, words = self.sampler.draw()
        g = self.sampler.generator
        t = torch.multinomial(self.density, len(latents), replacement=True, generator=g)
        noise = torch.randn(latents.shape, generator=g)
        x, v = noised(latents, noise, self.sigmas[t])
        x, v, t, tokens, masks, words = (a.to(self.device) for a in (x, v, t, tokens, masks, words))
        with torch.autocast(self.device.type, torch.bfloat16):
            out = self.networks(x, t.float(), tokens)
        attention = attention_loss(self.maps.by_site, masks, words)
        return nn.functional.mse_loss(out.float(), v), attention

    def advance(self) -> tuple[float, float]:
        """One step of training; returns both losses."""
        loss, attention = self.losses()
        weight = ATTENTION_WEIGHT if self.step >= ATTENTION_FROM else 0.0
        (loss + weight * attention).backward()
        nn.utils.clip_grad_norm_(self.networks.parameters(), 1.0)
        done = self.step - self.first
        factor = learning_rate(done, self.options.steps, 1.0 if self.options.start else DECAY_SHARE)
        for optimizer, peak in zip(self.optimizers, self.peaks, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = peak * factor
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.step += 1
        decay = min(EMA, (2 + done) / (11 + done))
        with torch.no_grad():
            for average, new in zip(
                self.average.parameters(), self.networks.parameters(), strict=True
            ):
                average.lerp_(new, 1 - decay)
        return loss.item(), attention.item()

    def save(self, path: Path) -> None:
        """Write a checkpoint, completely or not at all."""
        state = {
            "networks": self.networks.state_dict(),
            "average": self.average.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "generator": self.sampler.generator.get_state(),
            "first": self.first,
            "step": self.step,
        }
        torch.save(state, path.with_suffix(".part"))
        os.replace(path.with_suffix(".part"), path)

    def restore(self, path: Path) -> None:
        """Continue from a checkpoint.

        Raises:
            ValueError: its training started at another step than this one, see `exported.read`.
        """
        state = torch.load(path, map_location=self.device)
        if state["first"] != self.first:
            raise ValueError(
                f"{path}: expected a training that began at step {self.first}, got one that began "
                f"at step {state['first']}; choose another --cache, or remove the file"
            )
        self.networks.load_state_dict(state["networks"])
        self.average.load_state_dict(state["average"])
        for optimizer, values in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(values)
        self.sampler.generator.set_state(state["generator"].cpu())
        self.step = state["step"]


def train(options: argparse.Namespace) -> None:
    """Train for `options.steps`, from the checkpoint in the cache if there is one."""
    path = options.cache / CHECKPOINT
    if options.start:
        exported.check_whitening(options.start, options.cache)
    trainer = Trainer(options)
    if path.is_file():
        trainer.restore(path)
    with recorded_maps(trainer.networks.unet) as trainer.maps:
        _loop(trainer, options, path)


def _loop(trainer: Trainer, options: argparse.Namespace, path: Path) -> None:
    mark, sums = time.monotonic(), np.zeros(2)
    last = trainer.first + options.steps
    while trainer.step < last:
        sums += trainer.advance()
        if trainer.step % LOG == 0:
            pace = (time.monotonic() - mark) / LOG
            mark = time.monotonic()
            v, attention = sums / LOG
            sums[:] = 0
            print(
                f"unet: step {trainer.step}/{last} loss {v:.4f} attention {attention:.3f} "
                f"{pace:.2f} s/step, {(last - trainer.step) * pace / 60:.0f} min left",
                flush=True,
            )
        if trainer.step % 250 == 0 or trainer.step == last:
            trainer.save(path)
        if trainer.step % 500 == 0:
            preview(trainer.average, options, options.cache / f"preview-{trainer.step:06}.png")


@torch.no_grad()
def preview(
    networks: Networks, options: argparse.Namespace, path: Path, guidance: float = 4.0
) -> None:
    """Save two samples of each prompt in `PREVIEW`, decoded by the inverse of the encoder."""
    rows = [dataset.token_row(prompt)[0] for prompt in PREVIEW for _ in range(2)]
    tokens = torch.tensor([dataset.token_row("")[0]] * len(rows) + rows).to(options.device)
    context = networks.context(tokens)
    noise = torch.randn(len(rows), 4, 16, 16, generator=torch.Generator().manual_seed(1))

    def velocity(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        x, t = x.repeat(2, 1, 1, 1), t.repeat(2)
        with torch.autocast(x.device.type, torch.bfloat16):
            without, given = networks.unet(x, t, context=context).float().chunk(2)
        return without + guidance * (given - without)

    latents = sample(velocity, noise.to(options.device)).cpu()
    whitening = torch.load(options.cache / dataset.WHITENING)
    raw = latents * whitening["std"][:, None, None] + whitening["mean"][:, None, None]
    inverse = torch.linalg.pinv(cell_filters().flatten(1)).T.unflatten(1, (3, 8, 8))
    images = nn.functional.conv_transpose2d(raw, inverse, stride=8).clamp(-1, 1) * 127.5 + 127.5
    strips = images.byte().permute(0, 2, 3, 1).numpy().reshape(-1, 8, 128, 128, 3)
    Image.fromarray(np.concatenate([np.concatenate(strip, 1) for strip in strips])).save(path)
