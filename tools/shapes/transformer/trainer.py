"""One training step, and all state that a checkpoint holds."""

import argparse
import json
import os
from pathlib import Path

import torch
from safetensors import safe_open
from torch import nn

from ..optimizer import Muon
from ..train_unet import DECAY_SHARE, learning_rate
from .batches import SHORT, Batch, Sampler
from .export import network_state
from .loss import attention_loss, noised
from .network import Transformer, split
from .rope import positions, turns
from .schedule import average_decay, noise_levels, supervision
from .text import Text

SUPERVISED_LAYERS = (2, 3, 4)


class Trainer:
    """Network, its running average, optimizers and random state."""

    def __init__(
        self, options: argparse.Namespace, config: dict, text: Text, sampler: Sampler
    ) -> None:
        self.options, self.text, self.sampler = options, text, sampler
        torch.manual_seed(options.seed)
        self.network, self.average = Transformer(config), Transformer(config)
        self.average.load_state_dict(self.network.state_dict())
        self.network.watched = SUPERVISED_LAYERS
        matrices, others = split(self.network)
        self.optimizers = [
            Muon(matrices, lr=options.lr, precision=options.precision),
            torch.optim.AdamW(others, lr=options.lr / 2, betas=(0.9, 0.99), weight_decay=0.0),
        ]
        self.peaks = [options.lr, options.lr / 2]
        self.usual = self.network.forward
        if options.compile:
            self.usual = torch.compile(self.network.forward, dynamic=False)
        self.step = 0
        self.before = 0  # steps of the training that `begin` goes on from
        self.supervised = options.supervise  # peak weight of the attention loss, there or here

    def losses(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The flow loss of each row [B], the attention loss and the noise levels [B]."""
        g = self.sampler.generator
        levels = noise_levels(len(batch.latents), g)
        noise = torch.randn(batch.latents.shape, generator=g)
        x, v = (a.flatten(2).transpose(1, 2) for a in noised(batch.latents, noise, levels))
        text, (rows, columns) = batch.tokens.shape[1], batch.latents.shape[-2:]
        places = positions(text, batch.lengths, rows, columns)
        # long texts are too rare to be worth the minutes that compiling takes
        forward = self.usual if text == SHORT else self.network.forward
        with torch.autocast("cpu", torch.bfloat16, enabled=self.options.precision != torch.float32):
            out, maps = forward(
                x.contiguous(),
                levels * 1000,
                self.text(batch.tokens),
                turns(places, self.network.config["axes_dims"]),
                batch.closed,
            )
        attention = attention_loss(maps, batch.masks, batch.words, levels)
        return (out - v).square().mean((1, 2)), attention, levels

    def advance(self) -> tuple[float, float, float, float]:
        """One step; returns the flow loss, that of high and of low noise, the attention loss."""
        options = self.options
        part = 1.0 if options.start else self.step / options.steps
        rows, attention, levels = self.losses(self.sampler.draw(part))
        weight = supervision(self.step, options.steps, options.supervise)
        (rows.mean() + weight * attention if weight else rows.mean()).backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        factor = learning_rate(self.step, options.steps, 1.0 if options.start else DECAY_SHARE)
        for optimizer, peak in zip(self.optimizers, self.peaks, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = peak * factor
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        with torch.no_grad():
            kept: list[torch.Tensor] = list(self.average.parameters())
            new: list[torch.Tensor] = list(self.network.parameters())
            torch._foreach_lerp_(kept, new, 1 - average_decay(self.step))
        self.step += 1
        rows = rows.detach()
        high, low = rows[levels > 0.8].mean(), rows[levels < 0.4].mean()
        return rows.mean().item(), high.item(), low.item(), attention.item()

    def save(self, path: Path) -> None:
        """Write a checkpoint whole or not at all."""
        state = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "generator": self.sampler.generator.get_state(),
            "config": self.network.config,
            "supervise": self.options.supervise,
            "step": self.step,
            "before": self.before,
            "supervised": self.supervised,
        }
        torch.save(state, path.with_suffix(".part"))
        os.replace(path.with_suffix(".part"), path)

    def restore(self, path: Path) -> None:
        """Continue from a checkpoint of the same arm."""
        state = torch.load(path, map_location="cpu")
        if state["supervise"] != self.options.supervise:
            raise ValueError(
                f"{path}: expected a training with --supervise {self.options.supervise}, got one "
                f"with {state['supervise']}; choose another --name, or remove the file"
            )
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        for optimizer, values in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(values)
        self.sampler.generator.set_state(state["generator"])
        self.step, self.before = state["step"], state["before"]
        self.supervised = state["supervised"]

    def begin(self, weights: Path) -> None:
        """Start from exported weights of the same architecture."""
        with safe_open(weights, "pt") as file:
            metadata = file.metadata()
            tensors = {key: file.get_tensor(key).float() for key in file.keys()}  # noqa: SIM118
        if json.loads(metadata["config"]) != self.network.config:
            raise ValueError(
                f"{weights}: expected a network of config {self.network.config}, got "
                f"{metadata['config']}; train from nothing instead"
            )
        state = network_state(tensors, self.network.config)
        self.network.load_state_dict(state)
        self.average.load_state_dict(state)
        self.before, self.supervised = int(metadata["step"]), float(metadata["supervise"])
