"""Train the Shapes model: `python demo/run.py train` makes all of `demo/weights` from nothing.

The stages, in order: `data` renders the scenes, `decoder` and `unet` train, `export` writes the
weights. Each resumes where it stopped, so the same command continues an interrupted training.
"""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

import torch

from . import dataset, export, train_decoder, train_unet
from .model import WEIGHTS

STAGES = ("data", "decoder", "unet", "export")
CACHE = Path(__file__).resolve().parent.parent / ".cache" / "shapes"


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options; the defaults are about those of the bundled weights, see their card."""
    parser = argparse.ArgumentParser(prog="demo/run.py train", description=__doc__.splitlines()[0])
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
        "--steps", type=int, default=9750, help="steps of the UNet and text encoder"
    )
    parser.add_argument("--batch", type=int, default=32, help="pictures a step; 256 suits a GPU")
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--decoder-steps", type=int, default=3900)
    parser.add_argument(
        "--compile", action="store_true", help="compile the UNet (needs a C++ compiler)"
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=int(os.environ.get("OMP_NUM_THREADS", 0)))
    options = parser.parse_args(arguments)
    unknown = set(options.stages) - set(STAGES)
    if unknown:
        parser.error(f"unknown stage {', '.join(sorted(unknown))}; choose from {', '.join(STAGES)}")
    options.stages = options.stages or list(STAGES)
    return options


def main(arguments: Sequence[str]) -> None:
    """Run the stages that were asked for."""
    options = parse(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)
    if "data" in options.stages and not (options.cache / "tall.pt").is_file():
        dataset.make(options.cache, options.pictures, options.seed)
    if "decoder" in options.stages:
        train_decoder.train(options)
    if "unet" in options.stages:
        train_unet.train(options)
    if "export" in options.stages:
        export.export(options.cache, options.out)
