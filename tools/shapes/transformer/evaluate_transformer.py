"""Measure the transformer: `python tools/run.py evaluate_transformer FILE` writes JSON and a sheet.

The prompts, seeds and the judge are those of the UNet's evaluation, and the pictures come from
ComfyUI's own sampler and class. FILE is an exported file, or a checkpoint of the training, which
is exported first.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import comfy.samplers
import numpy as np
import torch
from PIL import Image

from ....demo import model, transformer
from ....demo.scenes import caption, random_scene
from .. import evaluate
from ..dataset import token_row
from ..evaluate import BATCH, Sample, sampled, sheet, summary
from ..measure import find_objects
from . import export, localisation
from .localisation import LayerMaps, Overlaps

FORMATS = evaluate.FORMATS | {"2 objects, 128 x 256": (2, 128, 256)}


class ShortText:
    """A CLIP that hands on only the first tokens of each prompt; exact, because it is causal."""

    def __init__(self, clip: Any, length: int) -> None:
        self.clip, self.length = clip, length

    def tokenize(self, text: str) -> Any:
        """As ComfyUI's CLIP."""
        return self.clip.tokenize(text)

    def encode_from_tokens_scheduled(self, tokens: Any) -> list:
        """As ComfyUI's CLIP, each context [1, length, width]."""
        encoded = self.clip.encode_from_tokens_scheduled(tokens)
        return [[context[:, : self.length], extra] for context, extra in encoded]


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options; the defaults are those of the model card."""
    parser = argparse.ArgumentParser(
        prog="tools/run.py evaluate_transformer", description=__doc__.splitlines()[0]
    )
    add = parser.add_argument
    add("file", type=Path)
    add("--weights", type=Path, default=model.WEIGHTS, help="folder of text encoder and VAE")
    add("--out", type=Path, default=Path("output") / "evaluation-transformer")
    add("--count", type=int, default=64, help="prompts of each kind")
    add("--kinds", type=int, default=len(FORMATS), help="only the first of the kinds")
    add("--steps", type=int, default=24)
    add("--cfg", type=float, default=3.0)
    add("--sampler", default="euler")
    add("--scheduler", default="simple")
    add("--seed", type=int, default=1000)
    add("--text", type=int, default=77, help="tokens that the network is given")
    add("--threads", type=int, default=0)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> None:
    """Measure and write `evaluation.json` and `evaluation.png`."""
    options = parse(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    if options.threads:
        torch.set_num_threads(options.threads)
    loaded = load(options)
    settings = {k: v for k, v in vars(options).items() if k not in ("file", "weights", "out")}
    report: dict = {"settings": settings, "pictures": {}, "attention": {}}
    rows = []
    with torch.no_grad():
        for name, (count, width, height) in list(FORMATS.items())[: options.kinds]:
            samples, overlaps = run(loaded, options, count, width, height)
            report["pictures"][name] = summary(samples)
            report["attention"][name] = localisation.means(overlaps)
            rows.append(sheet(samples))
            print(name, json.dumps(report["pictures"][name]), flush=True)
            print(name, json.dumps(report["attention"][name].get("iou", {})), flush=True)
    (options.out / "evaluation.json").write_text(json.dumps(report, indent=2) + "\n")
    widest = max(row.shape[1] for row in rows)
    padded = [np.pad(row, ((0, 0), (0, widest - row.shape[1]), (0, 0))) for row in rows]
    Image.fromarray(np.concatenate(padded)).save(options.out / "evaluation.png")


def load(options: argparse.Namespace) -> tuple[Any, Any, Any]:
    """MODEL, CLIP and VAE."""
    file = options.file
    if file.suffix == ".pt":
        file = options.out / transformer.FILE
        export.export(options.file, file)
    clip = ShortText(model.load_clip(options.weights), options.text)
    return transformer.load(file), clip, model.load_vae(options.weights)


def run(
    loaded: tuple, options: argparse.Namespace, count: int, width: int, height: int
) -> tuple[list[Sample], list[Overlaps]]:
    """Sample `options.count` prompts of `count` things: samples, and overlap of the maps."""
    diffusion, clip, vae = loaded
    rng = Random(options.seed + count)
    scenes = [random_scene(rng, count, width, height) for _ in range(options.count)]
    sampling = diffusion.get_model_object("model_sampling")
    schedule = comfy.samplers.calculate_sigmas(sampling, options.scheduler, options.steps).tolist()
    samples: list[Sample] = []
    overlaps: list[Overlaps] = []
    for start in range(0, len(scenes), BATCH):
        part = scenes[start : start + BATCH]
        prompts = [caption(scene) for scene in part]
        words = [token_row(prompt)[1] for prompt in prompts]
        maps, patched = LayerMaps(schedule[:-1]), diffusion.clone()
        patched.set_model_unet_function_wrapper(maps.call)
        latents = sampled(patched, clip, prompts, options, start, width, height)
        pictures = vae.decode(latents).clamp(0, 1).numpy()
        for k, scene in enumerate(part):
            found = find_objects(pictures[k])
            samples.append(Sample(prompts[k], scene.things, pictures[k], found))
            if samples[-1].all_right():
                overlaps += localisation.agreement(maps, words, k, scene.things, found)
    return samples, overlaps
