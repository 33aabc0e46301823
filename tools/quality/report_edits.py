"""Move and resize, measured on many edits: the first part of `nox -s report`."""

import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from PIL import Image

from .edits import Edit, edits
from .studio import Outcome, Shot, Studio, call, compare

RUNS = (
    {"sampler_name": "euler", "steps": 25},
    {"sampler_name": "dpmpp_2m", "steps": 15},
)
COLUMNS = 16


def run(
    studio: Studio,
    output: Path,
    kind: str,
    seeds: int,
    ablations: bool,
    runs: Sequence[dict] = RUNS,
) -> dict[str, dict]:
    """Run all edits of a kind and write a contact sheet for each row.

    Args:
        studio: draws the pictures.
        output: folder of the contact sheets.
        kind: "move" or "resize".
        seeds: number of edits of each prompt.
        ablations: whether variants without parts of the recipe are measured, too.
        runs: inputs of the KSampler, of one row each.

    Returns:
        rows of the report by title.
    """
    rows: dict[str, dict] = {}
    for settings in runs:
        name = f"{kind}, {settings['sampler_name']} {settings['steps']} steps"
        made, skipped = _made(studio, kind, seeds, settings, name)
        rows |= _measured(studio, name, made, settings, output)
        rows[f"{name}: guided"]["seeds_skipped"] = skipped
        if ablations and settings["sampler_name"] == "euler":
            for ablation, inputs in ABLATIONS.items():
                title = f"{name}, {ablation}"
                rows |= _measured(studio, title, made, settings, output, **inputs)
    return rows


ABLATIONS = {
    "the paper's recipe (keep_background 0)": {"keep_background": 0.0},
    "background held, nothing guided (weights 0)": {"weight": 0.0, "keep_others": 0.0},
}


def _made(studio: Studio, kind: str, seeds: int, run: dict, name: str) -> tuple[list[Edit], int]:
    made, skipped = [], 0
    for edit in edits(studio, kind, seeds, **run):
        skipped += edit is None
        made += [edit] if edit else []
        progress(f"{name}: unguided", len(made), seeds * 8)
    return made, skipped


def _measured(
    studio: Studio,
    name: str,
    made: list[Edit],
    run: dict,
    output: Path,
    **inputs: float,
) -> dict[str, dict]:
    """The row of the guided pictures, and that of the unguided ones."""
    start, shots = time.time(), []
    for edit in made:
        shots.append(_guided(studio, edit, run, **inputs))
        progress(name, len(shots), len(made))
    after = [_outcome(edit, shot) for edit, shot in zip(made, shots, strict=True)]
    before = [_outcome(edit, edit.before) for edit in made]
    _sheet(output / f"{_file(name)}.png", made, shots)
    guided = _summary(after) | {"seconds": round(time.time() - start, 1)}
    guided["edits"] = [_row(e, o) for e, o in zip(made, after, strict=True)]
    return {f"{name}: guided": guided, f"{name}: unguided": _summary(before)}


def _guided(studio: Studio, edit: Edit, run: dict, **inputs: float) -> Shot:
    dx, dy = edit.offset
    if edit.factor == 1.0:
        node, target = "SelfGuidanceMoveObject", {"dx": dx, "dy": dy}
    else:
        node, target = "SelfGuidanceResizeObject", {"scale": edit.factor}
    terms = call(node, object=edit.object, reference=edit.before.record, **target, **inputs)
    return studio.shoot(edit.prompt, edit.seed, terms, **run)


def _outcome(edit: Edit, shot: Shot) -> Outcome:
    return compare(edit.before, shot, edit.thing, edit.x, edit.y, edit.factor)


def _summary(outcomes: list[Outcome]) -> dict:
    def column(name: str) -> np.ndarray:
        return np.array([getattr(outcome, name) for outcome in outcomes], dtype=float)

    numbers = {
        "error_median": np.median(column("error")),
        "error_within_0.06": np.mean(column("error") <= 0.06),
        "kept_iou_median": np.median(column("kept_iou")),
        "no_duplicate": np.mean(column("copies") <= 1),
        "area_error_median": np.median(np.abs(column("area") - 1)),
        "area_ratio_median": np.median(column("area")),
        "shape_right": np.mean(column("shape_right")),
        "colour_right": np.mean(column("colour_right")),
        "background_median": np.median(column("background")),
        "background_90_percent": np.quantile(column("background"), 0.9),
    }
    return {name: round(float(number), 4) for name, number in numbers.items()} | {
        "count": len(outcomes)
    }


def _row(edit: Edit, outcome: Outcome) -> dict:
    dx, dy = (round(d, 3) for d in edit.offset)
    head = {"prompt": edit.prompt, "object": edit.object, "seed": edit.seed, "dx": dx, "dy": dy}
    return head | {"factor": round(edit.factor, 3)} | asdict(outcome)


def _sheet(path: Path, made: list[Edit], shots: list[Shot]) -> None:
    """Save a contact sheet of all edits, each picture before above the one after."""
    pairs = [np.concatenate([e.before.image, s.image]) for e, s in zip(made, shots, strict=True)]
    pairs += [np.ones_like(pairs[0])] * (-len(pairs) % COLUMNS)
    rows = [np.concatenate(pairs[i : i + COLUMNS], 1) for i in range(0, len(pairs), COLUMNS)]
    Image.fromarray((np.concatenate(rows) * 255).round().astype(np.uint8)).save(path)


def table(rows: dict[str, dict]) -> str:
    """The rows of `run` as text."""
    width = max(map(len, rows))
    names = [n for n in next(iter(rows.values())) if n not in ("edits", "seconds", "seeds_skipped")]
    lines = [" " * width + "  " + "  ".join(names)]
    for title, row in rows.items():
        lines.append(
            f"{title:{width}}  " + "  ".join(f"{row[name]:>{len(name)}}" for name in names)
        )
    return "\n".join(lines)


def _file(name: str) -> str:
    return "-".join("".join(c if c.isalnum() else " " for c in name).split())


def progress(text: str, done: int, total: int) -> None:
    """Print a counter that stays on one line of the terminal."""
    print(f"\r{text}: {done} of {total}", end="\n" if done == total else "", file=sys.stderr)
