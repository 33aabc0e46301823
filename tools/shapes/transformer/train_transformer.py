"""Train the transformer form of the Shapes model: `python tools/run.py train_transformer`.

The stages, in order: `data` renders the scenes, `network` trains, `export` writes the weights.
Text encoder and VAE are those of the landed weights and stay as they are. Each stage resumes where
it stopped, so the same command continues an interrupted training, on the same bits.

`--supervise 0 --name NAME` trains without any supervision of attention, as long and on the same
scenes. `--from demo/weights/transformer.safetensors` continues from exported weights instead, as
in the later half of a training: full pictures, no supervision, new optimizer states.
"""

import argparse
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from ....demo import model
from ....demo.architecture import LATENT_SCALE
from ....demo.scenes import Thing, named
from ....demo.transformer import FILE, config
from .. import dataset, exported
from ..evaluate import Sample, sheet
from ..measure import find_objects
from . import batches, export, small
from .sampling import sample
from .schedule import supervised_steps
from .text import Text
from .trainer import Trainer

ROOT = Path(__file__).resolve().parents[3]
STAGES = ("data", "network", "export")
LOG, SAVE, PREVIEW = 50, 250, 1000  # steps between lines, checkpoints and sheets
PROMPTS = (
    "a red circle",
    "a yellow star",
    "a green heart",
    "a red circle and a blue square",
    "a purple heart and a green triangle",
    "an orange star and a yellow square",
    "a green circle and a purple star",
    "a blue triangle and an orange heart",
    "a yellow heart and a red triangle on a dark background",
    "a red circle, a blue square and a green star",
    "a purple triangle, a yellow heart and an orange circle",
    "a blue star, an orange square and a red heart",
)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options; how the bundled weights were made: see their card."""
    parser = argparse.ArgumentParser(
        prog="tools/run.py train_transformer", description=__doc__.splitlines()[0]
    )
    add = parser.add_argument
    add("stages", nargs="*", metavar="STAGE", help=f"all by default: {' '.join(STAGES)}")
    add("--cache", type=Path, default=ROOT / ".cache" / "shapes", help="data and checkpoints")
    add("--weights", type=Path, default=model.WEIGHTS, help="the landed text encoder and VAE")
    add("--out", type=Path, default=model.WEIGHTS, help="the folder that the file goes to")
    add("--name", default=Path(FILE).stem, help="of this arm's file and of its checkpoint")
    add("--seed", type=int, default=20230601)
    add("--pictures", type=int, default=56000, help="rendered scenes of full size")
    add("--small-pictures", type=int, default=32000)
    add("--from", dest="start", type=Path, metavar="FILE", help="exported weights to go on from")
    add("--steps", type=int, default=8000, help="of this training, with --from as many more")
    add("--batch", type=int, default=16)
    add("--lr", type=float, default=2.4e-3, help="peak of Muon; AdamW has half of it")
    add("--supervise", type=float, default=0.03, help="peak weight of the attention loss")
    add("--compile", action="store_true", help="compile the usual shapes (needs a C++ compiler)")
    add("--bfloat16", action="store_true", help="for processors with matrix units for it")
    add("--threads", type=int, default=int(os.environ.get("OMP_NUM_THREADS", 0)))
    options = parser.parse_args(arguments)
    unknown = set(options.stages) - set(STAGES)
    if unknown:
        parser.error(f"unknown stage {', '.join(sorted(unknown))}; choose from {', '.join(STAGES)}")
    options.stages = options.stages or list(STAGES)
    if options.start:
        options.supervise = 0.0
    options.precision = torch.bfloat16 if options.bfloat16 else torch.float32
    return options


def main(arguments: Sequence[str]) -> None:
    """Run the stages that were asked for."""
    options = parse(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)
    if "data" in options.stages:
        render(options)
    if "network" in options.stages:
        train(options)
    if "export" in options.stages:
        file = options.out / f"{options.name}.safetensors"
        export.export(options.cache / f"{options.name}.pt", file)


def render(options: argparse.Namespace) -> None:
    """Render what the cache does not have yet; the last file of each kind is written last."""
    moments = exported.whitening(options.weights)
    if not (options.cache / "tall.pt").is_file():
        dataset.make(options.cache, options.pictures, options.seed, moments)
    if not (options.start or (options.cache / "narrow.pt").is_file()):
        small.make(options.cache, options.small_pictures, options.seed, moments)


def train(options: argparse.Namespace) -> None:
    """Train for `options.steps`, from the arm's checkpoint in the cache if there is one.

    Where supervision ends, a checkpoint stays, so that both parts can be measured.
    """
    exported.check_whitening(options.weights, options.cache)
    path = options.cache / f"{options.name}.pt"
    buckets = batches.load(options.cache, with_small=not options.start)
    sampler = batches.Sampler(buckets, options.batch, options.seed)
    trainer = Trainer(options, config(), Text(options.weights), sampler)
    if path.is_file():
        trainer.restore(path)
    elif options.start:
        trainer.begin(options.start)
    sums, clock = [], _clock()
    while trainer.step < options.steps:
        sums.append(trainer.advance())
        if trainer.step % LOG == 0:
            _report(trainer, sums, clock)
            sums, clock = [], _clock()
        if trainer.step % SAVE == 0 or trainer.step == options.steps:
            trainer.save(path)
        if options.supervise and trainer.step == supervised_steps(options.steps):
            trainer.save(options.cache / f"{options.name}-supervised.pt")
        if trainer.step % PREVIEW == 0 or trainer.step == options.steps:
            preview(trainer, options.cache / f"{options.name}-{trainer.step:06}.png")


def _clock() -> tuple[float, float]:
    return time.process_time(), time.monotonic()


def _report(trainer: Trainer, sums: list, before: tuple[float, float]) -> None:
    flow, high, low, attention = np.nanmean(np.array(sums), axis=0)
    processor, wall = ((b - a) / len(sums) for a, b in zip(before, _clock(), strict=True))
    line = {
        "step": trainer.step,
        "loss": round(flow, 4),
        "high": round(high, 4),
        "low": round(low, 4),
        "attention": round(attention, 3),
        "cpu": round(processor, 2),
        "wall": round(wall, 2),
    }
    print(json.dumps(line), flush=True)


def preview(trainer: Trainer, path: Path) -> None:
    """A sheet of a few prompts as the running average draws them, and how many are all right."""
    vae = model.load_vae(trainer.options.weights)
    noise = torch.randn(len(PROMPTS), 4, 16, 16, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        latents = sample(trainer.average, trainer.text, PROMPTS, noise)
        pictures = vae.decode(latents / LATENT_SCALE).clamp(0, 1).numpy()
    samples = []
    for prompt, picture in zip(PROMPTS, pictures, strict=True):
        asked = tuple(Thing(colour, shape, 0.5, 0.5, 1.0) for colour, shape in named(prompt))
        samples.append(Sample(prompt, asked, picture, find_objects(picture)))
    Image.fromarray(sheet(samples, columns=len(PROMPTS))).save(path)
    right = {
        "preview": trainer.step,
        "colours": round(float(np.mean([one.colours() for one in samples])), 2),
        "shapes": round(float(np.mean([one.shapes() for one in samples])), 2),
        "extra": round(float(np.mean([one.extra() for one in samples])), 2),
    }
    print(json.dumps(right), flush=True)
