"""Evaluate the Shapes model: `python tools/run.py evaluate` writes JSON and a contact sheet.

Pictures are sampled by ComfyUI with fixed seeds, and measured by `measure`. A picture
is all right if it shows exactly the pairs of colour and shape of its prompt and nothing else.
"""

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import comfy.sample
import comfy.sd
import numpy as np
import torch
from comfy.model_patcher import ModelPatcher
from PIL import Image

from ...demo import model as shapes_model
from ...demo.scenes import Thing, caption, phrase, random_scene
from .dataset import token_row
from .localisation import SIGMAS, PhraseMaps, Words, agreement
from .measure import Found, find_objects
from .roundtrip import border_error, roundtrip

BATCH = 16
FORMATS = {"1 object": (1, 128, 128), "2 objects": (2, 128, 128), "3 objects": (3, 128, 128)}
FORMATS |= {"2 objects, 256 x 128": (2, 256, 128)}


@dataclass(frozen=True)
class Sample:
    """A prompt and its things; its picture, [H, W, 3] in 0..1, and the things found there."""

    prompt: str
    asked: tuple[Thing, ...]
    picture: np.ndarray
    found: list[Found]

    def colours(self) -> bool:
        """Whether every colour of the prompt is there, as often as the prompt names it."""
        return not Counter(t.colour for t in self.asked) - Counter(f.colour for f in self.found)

    def shapes(self) -> float:
        """Share of the prompt's things that are there with the right colour and shape."""
        missing = Counter((t.colour, t.shape) for t in self.asked)
        missing -= Counter((f.colour, f.shape) for f in self.found)
        return 1 - missing.total() / len(self.asked)

    def extra(self) -> bool:
        """Whether there are more things than in the prompt."""
        return len(self.found) > len(self.asked)

    def all_right(self) -> bool:
        """Whether the picture shows exactly the things of the prompt."""
        return self.shapes() == 1 and not self.extra()


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options; the defaults are those of the evaluation in the model card."""
    parser = argparse.ArgumentParser(
        prog="tools/run.py evaluate", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--weights", type=Path, default=shapes_model.WEIGHTS)
    parser.add_argument("--out", type=Path, default=Path("output") / "evaluation")
    parser.add_argument("--count", type=int, default=64, help="prompts of each kind")
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--cfg", type=float, default=4.0)
    parser.add_argument("--sampler", default="euler")
    parser.add_argument("--scheduler", default="normal")
    parser.add_argument("--seed", type=int, default=1000)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> None:
    """Measure and write `evaluation.json` and `evaluation.png`."""
    options = parse(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    loaded = shapes_model.load(options.weights)
    settings = {k: v for k, v in vars(options).items() if k not in ("weights", "out")}
    report: dict = {"settings": settings, "pictures": {}, "attention_iou": {}}
    rows = []
    with torch.no_grad():
        for name, (count, width, height) in FORMATS.items():
            samples, overlaps = run(loaded, options, count, width, height)
            report["pictures"][name] = summary(samples)
            report["attention_iou"][name] = overlaps
            rows.append(sheet(samples))
            print(name, json.dumps(report["pictures"][name]), flush=True)
            print(name, json.dumps(overlaps), flush=True)
        report["open_colour"] = open_colour(loaded, options)
        print("open colour", json.dumps(report["open_colour"]), flush=True)
        report["decoder"] = roundtrip(loaded[2])
    print("decoder", json.dumps(report["decoder"]))
    (options.out / "evaluation.json").write_text(json.dumps(report, indent=2) + "\n")
    Image.fromarray(np.concatenate(rows)).save(options.out / "evaluation.png")


def run(
    loaded: tuple, options: argparse.Namespace, count: int, width: int, height: int
) -> tuple[list[Sample], dict]:
    """Sample `options.count` prompts of `count` things each.

    Returns:
        the samples; the mean overlap of attention maps with the objects, see `mean_overlaps`.
    """
    diffusion, clip, vae = loaded
    rng = Random(options.seed + count)
    scenes = [random_scene(rng, count, width, height) for _ in range(options.count)]
    samples, overlaps = [], []
    for start in range(0, len(scenes), BATCH):
        part = scenes[start : start + BATCH]
        prompts = [caption(scene) for scene in part]
        words = [token_row(prompt)[1] for prompt in prompts]
        maps, patched = recording(diffusion, words)
        with maps:
            latents = sampled(patched, clip, prompts, options, start, width, height)
        pictures = vae.decode(latents).clamp(0, 1).numpy()
        for k, scene in enumerate(part):
            found = find_objects(pictures[k])
            samples.append(Sample(prompts[k], scene.things, pictures[k], found))
            if samples[-1].all_right():
                overlaps += agreement(maps, k, scene.things, found)
    return samples, mean_overlaps(overlaps)


def open_colour(loaded: tuple, options: argparse.Namespace) -> dict[str, float]:
    """Prompts of two things, the first without colour: share of pictures that show each of them."""
    diffusion, clip, vae = loaded
    rng = Random(options.seed + 20)
    scenes = [random_scene(rng, 2) for _ in range(options.count)]
    there = []
    for start in range(0, len(scenes), BATCH):
        things = [scene.things for scene in scenes[start : start + BATCH]]
        prompts = [
            f"a {first.shape} and a {phrase(other)}".replace("a orange", "an orange")
            for first, other in things
        ]
        latents = sampled(diffusion, clip, prompts, options, start, 128, 128)
        pictures = vae.decode(latents).clamp(0, 1).numpy()
        for picture, (first, other) in zip(pictures, things, strict=True):
            found = [(f.colour, f.shape) for f in find_objects(picture)]
            named = (other.colour, other.shape)
            left = [shape for colour, shape in found if (colour, shape) != named]
            there.append((first.shape in left, named in found))
    shares = np.mean(there, axis=0)
    return {"open": round(float(shares[0]), 4), "named": round(float(shares[1]), 4)}


def recording(diffusion: ModelPatcher, words: Words) -> tuple[PhraseMaps, ModelPatcher]:
    """`PhraseMaps`, and a clone of the model whose runs it records."""
    maps = PhraseMaps(diffusion.model.diffusion_model, words)
    patched = diffusion.clone()
    patched.set_model_unet_function_wrapper(maps.call)
    return maps, patched


def sampled(
    model: ModelPatcher,
    clip: comfy.sd.CLIP,
    prompts: Sequence[str],
    options: argparse.Namespace,
    offset: int,
    width: int,
    height: int,
) -> torch.Tensor:
    """Sampled latents of a batch, [B, 4, H, W], with a prompt and a seed for each picture."""

    def encoded(text: str) -> torch.Tensor:
        return clip.encode_from_tokens_scheduled(clip.tokenize(text))[0][0]

    shape = (1, 4, height // 8, width // 8)
    seeds = [options.seed + offset + k for k in range(len(prompts))]
    noise = torch.cat([comfy.sample.prepare_noise(torch.zeros(shape), seed) for seed in seeds])
    return comfy.sample.sample(
        model,
        noise,
        options.steps,
        options.cfg,
        options.sampler,
        options.scheduler,
        [[torch.cat([encoded(prompt) for prompt in prompts]), {}]],
        [[encoded(""), {}]],
        torch.zeros_like(noise),
        denoise=1.0,
        seed=options.seed,
        disable_pbar=True,
    )


def summary(samples: Sequence[Sample]) -> dict[str, float]:
    """Shares of pictures, mean `fit`, and two mean errors of the background; all in 0..1."""
    fits = [found.fit for sample in samples for found in sample.found]
    ring, inside = np.mean([border_error(t.picture, t.found) for t in samples], axis=0)
    values = {
        "colours": np.mean([sample.colours() for sample in samples]),
        "shapes": np.mean([sample.shapes() for sample in samples]),
        "nothing_extra": np.mean([not sample.extra() for sample in samples]),
        "all_right": np.mean([sample.all_right() for sample in samples]),
        "fit": np.mean(fits) if fits else 0.0,
        "background_error_ring": ring,
        "background_error_inside": inside,
    }
    return {name: round(float(value), 4) for name, value in values.items()}


def mean_overlaps(overlaps: Sequence[dict]) -> dict[str, dict[str, float]]:
    """By site and sigma, the mean of `agreement` over all objects."""
    if not overlaps:
        return {}
    return {
        site: {
            f"{sigma:g}": round(float(np.mean([one[site][sigma] for one in overlaps])), 3)
            for sigma in SIGMAS
        }
        for site in overlaps[0]
    }


def sheet(samples: Sequence[Sample], columns: int = 16, rows: int = 3) -> np.ndarray:
    """Contact sheet of the first pictures, uint8 [H, W, 3]; a red bar marks wrong ones."""
    width = samples[0].picture.shape[1]
    columns = columns * 128 // width
    tiles = []
    for sample in samples[: columns * rows]:
        bar = np.zeros((4, width, 3), dtype=np.float32)
        bar[:] = (0, 0.6, 0) if sample.all_right() else (0.9, 0, 0)
        tiles.append(np.concatenate([sample.picture, bar]))
    blank = [np.zeros_like(tiles[0])] * (-len(tiles) % columns)
    tiles += blank
    lines = [np.concatenate(tiles[k : k + columns], 1) for k in range(0, len(tiles), columns)]
    return (np.concatenate(lines) * 255).astype(np.uint8)
