"""Cost of guidance, `nox -s bench`: CPU time of guided and recorded runs over that of plain ones.

Process CPU time is measured, because wall time depends on the load of the machine. The variants
alternate, so that a slow minute affects all of them; the result is the median of the ratios of the
rounds. The memory of a guided step is counted by `bench_memory`.
"""

import argparse
import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import nodes as comfy_nodes
import torch

from ..quality.studio import Studio, call
from . import bench_memory

PROMPT, OBJECT = "a red circle and a blue square", "red circle"
STEPS = 20  # the default of KSampler
SIZES = ((16, 1), (16, 4), (32, 1))  # side of the latent, batch


def main(arguments: Sequence[str]) -> None:
    """Time the variants at every size, print the table and write bench.json."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("output/bench"))
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    studio = Studio()
    rows = [_measured(studio, side, batch, options.rounds) for side, batch in SIZES]
    memory = bench_memory.rows()
    found = {"time": rows, "memory": memory}
    (options.output / "bench.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    _print_table(rows, ("latent", "batch", "plain_ms", "guided", "recorded"))
    print(
        "plain_ms: a step of ComfyUI's KSampler. guided, recorded: a step of ours in plain steps;\n"
        "guided with every term of Move Object at every step, recorded without terms."
    )

    _print_table(memory, tuple(memory[0]))
    print(
        "mib: what the graph of one picture keeps in half precision until its gradient is taken;\n"
        "features: a term reads them, recompute: memory 'save memory'."
    )


def _print_table(rows: Sequence[Mapping[str, Any]], head: Sequence[str]) -> None:
    print("  ".join(f"{name:>9}" for name in head))
    for row in rows:
        print("  ".join(f"{row[name]!s:>9}" for name in head))


def _measured(studio: Studio, side: int, batch: int, rounds: int) -> dict[str, Any]:
    variants = _variants(studio, side, batch)
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name, run in variants.items():
            start = time.process_time()
            run()
            seconds[name].append(time.process_time() - start)

    def ratio(name: str) -> float:
        pairs = zip(seconds[name], seconds["plain"], strict=True)
        return round(median(a / b for a, b in pairs), 3)

    return {
        "latent": f"{side}x{side}",
        "batch": batch,
        "plain_ms": round(median(seconds["plain"]) / STEPS * 1000, 1),
        "guided": ratio("guided"),
        "recorded": ratio("recorded"),
        "seconds": seconds,
    }


def _variants(studio: Studio, side: int, batch: int) -> dict[str, Callable[[], Any]]:
    latent = {"samples": torch.zeros(batch, 4, side, side)}
    positive, negative = studio.encode(PROMPT), studio.negative
    settings = {
        "seed": 1,
        "steps": STEPS,
        "cfg": 4.0,
        "sampler_name": "euler",
        "scheduler": "normal",
    }

    def plain() -> Any:
        with torch.inference_mode():
            return comfy_nodes.common_ksampler(
                studio.model, *settings.values(), positive, negative, latent
            )

    def ours(terms: tuple = ()) -> Any:
        return call(
            "SelfGuidanceKSampler",
            model=studio.model,
            positive=positive,
            negative=negative,
            latent_image=latent,
            terms=terms,
            **{"denoise": 1.0, **settings},
        )

    _, record = ours()
    terms = call(
        "SelfGuidanceMoveObject", object=OBJECT, dx=0.2, dy=0.0, reference=record, end_percent=1.0
    )
    plain()
    ours(terms)  # warm-up, not timed
    return {"plain": plain, "guided": lambda: ours(terms), "recorded": ours}
