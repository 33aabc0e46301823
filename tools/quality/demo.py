"""Make and measure one edit with the Shapes model: `nox -s demo`."""

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path

import comfy.utils
import numpy as np
import torch
from PIL import Image

from ..shapes.measure import Found
from .studio import Outcome, Shot, Studio, call, compare

PROMPT = "a red circle and a blue square"
OBJECT, OTHER = "red circle", "blue square"
SEED = 2
OFFSET = (0.3, 0.0)


def main(arguments: Sequence[str]) -> None:
    """Write the pictures and report.json, and print the measurements."""
    parser = argparse.ArgumentParser(prog="demo", description=__doc__)
    parser.add_argument("output", type=Path, nargs="?", default=Path("output/demo"))
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--dx", type=float, default=OFFSET[0], help="to the right, in widths")
    parser.add_argument("--dy", type=float, default=OFFSET[1], help="downwards, in heights")
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)

    print(f"Drawing {PROMPT!r} with the Shapes model, then moving the {OBJECT} ...", flush=True)
    studio = Studio()
    comfy.utils.set_progress_bar_enabled(True)
    before = studio.shoot(PROMPT, options.seed)
    terms = call(
        "SelfGuidanceMoveObject",
        object=OBJECT,
        dx=options.dx,
        dy=options.dy,
        reference=before.record,
    )
    after = studio.shoot(PROMPT, options.seed, terms)
    thing = _found(before, OBJECT)
    outcome = compare(before, after, thing, thing.x + options.dx, thing.y + options.dy)
    plain = _plain_seconds(studio, options.seed)
    report = _report(options, thing, after, outcome, after.seconds / plain)
    files = _pictures(options.output, before, after)
    (options.output / "report.json").write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    _print(report, [*files, options.output / "report.json"])


def _found(shot: Shot, name: str) -> Found:
    for found in shot.objects:
        if name == f"{found.colour} {found.shape}":
            return found
    seen = ", ".join(f"{f.colour} {f.shape}" for f in shot.objects) or "nothing"
    raise ValueError(f"the unguided picture shows {seen}, no {name}; try another --seed")


def _plain_seconds(studio: Studio, seed: int) -> float:
    """CPU seconds of ComfyUI's own KSampler for the same inputs."""
    import nodes as comfy_nodes

    positive, latent = studio.encode(PROMPT), {"samples": torch.zeros(1, 4, 16, 16)}
    start = time.process_time()
    with torch.inference_mode():
        comfy_nodes.common_ksampler(
            studio.model, seed, 25, 4.0, "euler", "normal", positive, studio.negative, latent
        )
    return time.process_time() - start


def _report(
    options: argparse.Namespace, thing: Found, after: Shot, outcome: Outcome, cost: float
) -> dict[str, object]:
    moved = next((f for f in after.objects if f.colour == thing.colour), None)
    measured = [round(moved.x - thing.x, 3), round(moved.y - thing.y, 3)] if moved else None
    return {
        "prompt": PROMPT,
        "object": OBJECT,
        "seed": options.seed,
        "asked_displacement": [options.dx, options.dy],
        "measured_displacement": measured,
        "error": round(outcome.error, 4),
        "copies_of_the_object": outcome.copies,
        "shape_still_right": outcome.shape_right,
        "kept_object": OTHER,
        "kept_object_iou": round(float(outcome.kept_iou), 4),
        "background_change": round(outcome.background, 4),
        "cost_ratio": round(cost, 2),
    }


def _pictures(folder: Path, before: Shot, after: Shot) -> list[Path]:
    pictures = {"before": before.image, "after": after.image}
    for name, shot in (("attention_before", before), ("attention_after", after)):
        image = _large(torch.from_numpy(shot.image)[None])
        sheet, _ = call("SelfGuidanceAttentionPreview", record=shot.record, image=image)
        pictures[name] = sheet[0].numpy()
    pictures["energy"] = call("SelfGuidanceEnergyPlot", record=after.record)[0].numpy()
    paths = []
    for name, picture in pictures.items():
        paths.append(folder / f"{name}.png")
        Image.fromarray((picture * 255).round().astype(np.uint8)).save(paths[-1])
    return paths


def _large(image: torch.Tensor) -> torch.Tensor:
    return image.repeat_interleave(2, 1).repeat_interleave(2, 2)


def _print(report: dict[str, object], files: list[Path]) -> None:
    width = max(map(len, report))
    print("\n" + "\n".join(f"{name.replace('_', ' '):{width}}  {v}" for name, v in report.items()))
    print("\nPictures and numbers:\n" + "\n".join(f"  {path.resolve()}" for path in files))
