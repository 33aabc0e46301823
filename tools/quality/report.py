"""Measure every recipe on many prompts and seeds, guided and unguided: `nox -s report`."""

import argparse
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from random import Random

import numpy as np

from ...demo.model import NETWORKS
from . import (
    report_edits,
    report_heads,
    report_page,
    trials_format,
    trials_look,
    trials_place,
    trials_real,
)
from .studio import Studio
from .trials import Numbers, Trial, TrialMaker

EDITS = ("move", "resize")
HEADS = "heads"
RECIPES: dict[str, TrialMaker] = {
    "move, 256 x 128": trials_format.move_wide,
    "move, 128 x 256": trials_format.move_tall,
    "position": trials_place.position,
    "size": trials_place.size,
    "mask": trials_place.mask,
    "mask by head": trials_place.mask_by_head,
    "preserve": trials_place.preserve,
    "layout": trials_place.layout,
    "appearance": trials_look.appearance,
    "feature": trials_look.feature,
    "layout and look": trials_look.layout_and_look,
    "move in a photo": trials_real.move_in_photo,
    "resize in a photo": trials_real.resize_in_photo,
    "remove from a photo": trials_real.remove_in_photo,
    "copy from a photo": trials_real.copy_from_photo,
    "compose photos": trials_real.compose,
}
KINDS = (*EDITS, *RECIPES, HEADS)
DRAWS = 4  # draws for each trial; not every draw allows one


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="report", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("output/report"))
    parser.add_argument("--network", choices=tuple(NETWORKS), default="unet")
    parser.add_argument(
        "--steps", type=int, help="of KSamplers, with Euler; else the usual numbers"
    )
    parser.add_argument("--kind", choices=KINDS, action="append", help="all by default")
    parser.add_argument("--count", type=int, default=32, help="trials a recipe")
    parser.add_argument("--seeds", type=int, default=8, help="edits a prompt; there are 8 prompts")
    parser.add_argument(
        "--ablations", action="store_true", help="also move and resize without parts of them"
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> None:
    """Run the chosen kinds; write report.json, report.html and contact sheets."""
    options = _options(arguments)
    options.output.mkdir(parents=True, exist_ok=True)
    steps = {} if options.steps is None else {"steps": options.steps}
    studio, wanted = Studio(options.network, **steps), options.kind or KINDS
    runs = ({"sampler_name": "euler", **steps},) if steps else report_edits.RUNS
    report: dict[str, dict] = {"edits": {}, "recipes": {}, HEADS: {}}
    tried: dict[str, list[Trial]] = {}
    for kind in wanted:
        if kind in EDITS:
            report["edits"] |= report_edits.run(
                studio, options.output, kind, options.seeds, options.ablations, runs
            )
        elif kind == HEADS:
            report[HEADS] = report_heads.run(
                studio, options.count, partial(report_edits.progress, HEADS, total=options.count)
            )
        else:
            tried[kind], skipped = _tried(studio, kind, options.count)
            report["recipes"][kind] = _summary(tried[kind]) | {"skipped": skipped}
        text = json.dumps(report, indent=1) + "\n"
        (options.output / "report.json").write_text(text, encoding="utf-8")
    page = report_page.page(report, tried)
    (options.output / "report.html").write_text(page, encoding="utf-8")
    if report["edits"]:
        print(report_edits.table(report["edits"]))
    print(report_page.text(report["recipes"]))
    if report[HEADS]:
        print(report_heads.table(report[HEADS]))
    print(f"\nreport.html with all pictures, report.json: {options.output}")


def _tried(studio: Studio, kind: str, count: int) -> tuple[list[Trial], int]:
    """Trials with fixed prompts and seeds, and the number of draws that allowed none."""
    made: list[Trial] = []
    for number in range(count * DRAWS):
        # "mask by head" has the draws of "mask", to compare heads with attention
        trial = RECIPES[kind](studio, Random(f"{kind.split(' by ')[0]} {number}"), 20 * number)
        made += [trial] if trial else []
        report_edits.progress(kind, len(made), count)
        if len(made) == count:
            break
    return made, number + 1 - len(made)


def _summary(trials: Sequence[Trial]) -> dict:
    return {
        "count": len(trials),
        "guided": _middle([trial.guided for trial in trials]),
        "unguided": _middle([trial.unguided for trial in trials]),
        "trials": [{"asked": t.asked, "guided": t.guided, "unguided": t.unguided} for t in trials],
    }


def _middle(rows: Sequence[Numbers]) -> dict[str, float]:
    """By name, the median of numbers or the share of true booleans."""
    result = {}
    for name in rows[0] if rows else ():
        column = [row[name] for row in rows]
        share = isinstance(column[0], bool)
        result[name] = round(float(np.mean(column) if share else np.median(column)), 4)
    return result
