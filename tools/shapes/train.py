"""Train the Shapes model: `python tools/run.py train` makes all files of `demo/weights`.

The stages, in order: `data` renders the scenes, `decoder` and `unet` train the networks, `export`
writes the weights. The same command continues an interrupted training.

`--from demo/weights` continues from exported weights instead: encoder and decoder are kept, UNet
and text encoder are trained for `--steps` more steps, with a short warm-up and a cosine schedule
down to 1 % of the learning rate.
"""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

import torch

from ...demo.model import WEIGHTS
from ..host import host
from . import dataset, export, exported, train_decoder, train_unet

STAGES = ("data", "decoder", "unet", "export")
STEPS, LR = 13500, 3e-3
MORE_STEPS, MORE_LR = 3750, 1.5e-3  # with --from
CACHE = host.CACHE / "shapes"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tools/run.py train", description=__doc__.splitlines()[0])
    parser.add_argument(
        "stages", nargs="*", metavar="STAGE", help=f"all by default: {' '.join(STAGES)}"
    )
    parser.add_argument(
        "--cache", type=Path, default=CACHE, help="data and checkpoints (default: .cache/shapes)"
    )
    parser.add_argument(
        "--out", type=Path, default=WEIGHTS, help="where the weights go (default: demo/weights)"
    )
    parser.add_argument("--seed", type=int, default=20230601)
    parser.add_argument("--pictures", type=int, default=56000, help="rendered scenes")
    parser.add_argument(
        "--from", dest="start", type=Path, metavar="FOLDER", help="exported weights to go on from"
    )
    parser.add_argument(
        "--steps",
        type=int,
        help=f"of UNet and text encoder (default: {STEPS}, with --from {MORE_STEPS} more)",
    )
    parser.add_argument("--batch", type=int, default=32, help="pictures a step; 256 suits a GPU")
    parser.add_argument("--lr", type=float, help=f"peak (default: {LR}, with --from {MORE_LR})")
    parser.add_argument("--decoder-steps", type=int, default=3900)
    parser.add_argument(
        "--compile", action="store_true", help="compile the UNet (needs a C++ compiler)"
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=int(os.environ.get("OMP_NUM_THREADS", 0)))
    return parser


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options; the model card has those of the bundled weights."""
    parser = _parser()
    options = parser.parse_args(arguments)
    unknown = set(options.stages) - set(STAGES)
    if unknown:
        parser.error(f"unknown stage {', '.join(sorted(unknown))}; choose from {', '.join(STAGES)}")
    fresh = options.start is None
    if not fresh and "decoder" in options.stages:
        parser.error("--from keeps the decoder: leave the stage decoder out")
    options.stages = options.stages or [s for s in STAGES if fresh or s != "decoder"]
    options.steps = options.steps or (STEPS if fresh else MORE_STEPS)
    options.lr = options.lr or (LR if fresh else MORE_LR)
    return options


def main(arguments: Sequence[str]) -> None:
    """Run the chosen stages."""
    options = parse(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)
    if "data" in options.stages and not (options.cache / "tall.pt").is_file():
        moments = exported.whitening(options.start) if options.start else None
        dataset.make(options.cache, options.pictures, options.seed, moments)
    if "decoder" in options.stages:
        train_decoder.train(options)
    if "unet" in options.stages:
        train_unet.train(options)
    if "export" in options.stages:
        export.export(options.cache, options.out, options.start)
