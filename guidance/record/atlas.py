"""All maps of a record as bytes, for the page: by step, site and word.

Each map is quantised to 8 bits between its own lowest and highest value, which are stored with it,
so that the page can average maps over words and sites.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor

from ..maps.properties import Properties, resample
from .record import Record

SIDE = 32  # cells of a map's longer side
STEPS = 64
BUDGET = 8 * 2**20  # bytes of maps
Value = TypeVar("Value")


@dataclass(frozen=True)
class Atlas:
    """Maps of a record.

    Attributes:
        cells: [B, S, K, T, H, W] of S steps, K sites, T words; bytes from lowest to highest value.
        lowest, highest: of every map, [B, S, K, T].
        facts: words, objects with indices of their words, sites, steps as indices into the record,
            their sigmas, how many steps and pictures the record has.
    """

    cells: Tensor
    lowest: Tensor
    highest: Tensor
    facts: dict[str, Any]


def atlas(record: Record, budget: int = BUDGET) -> Atlas:
    """The maps of a record; of long runs and large batches only as many as fit into a budget.

    Steps are left out evenly, down to the last one alone; then pictures from the end of the batch.

    Args:
        record: the run.
        budget: bytes of the maps; exceeded only if one step of one picture already does.

    Raises:
        ValueError: the record is empty, or its prompt is.
    """
    table = record.table
    if not table.words:
        raise ValueError(
            f"the prompt {table.prompt!r} of the record has no words, so it has no maps; sample "
            "again with a prompt that names an object"
        )
    known = [i for i, step in enumerate(record) if step.properties.table == table]
    first = record.steps[known[0]].properties
    height, width = small_grid(first.maps.values())
    size = height * width * len(table.words) * len(first.maps)
    steps = max(1, min(STEPS, budget // size))
    chosen = thinned(known, steps)
    pictures = max(1, min(record.batch, budget // (size * len(chosen))))
    maps = torch.stack(
        [_maps(record.steps[i].properties, pictures, height, width) for i in chosen], 1
    )
    lowest, highest = maps.amin((-2, -1)), maps.amax((-2, -1))
    span = (highest - lowest).clamp(min=torch.finfo(torch.float32).tiny)
    cells = ((maps - lowest[..., None, None]) / span[..., None, None] * 255).round().byte()
    facts = {
        "words": list(table.words),
        "objects": [{"name": name, "words": list(table.find(name))} for name in table.objects],
        "sites": [" ".join(map(str, site)) for site in first.maps],
        "steps": chosen,
        "sigmas": [record.sigmas[i] for i in chosen],
        "total": {"steps": len(record.steps), "pictures": record.batch},
    }
    return Atlas(cells, lowest, highest, facts)


def small_grid(maps: Iterable[Tensor]) -> tuple[int, int]:
    """Rows and columns of the finest of maps [..., H, W], at most `SIDE` on the longer side."""
    height, width = max(m.shape[-2:] for m in maps)
    scale = min(1.0, SIDE / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def _maps(properties: Properties, pictures: int, height: int, width: int) -> Tensor:
    """Maps of a step, [B, K, T, H, W]."""
    maps = properties.maps.values()
    return torch.stack([resample(m[:pictures].float(), height, width) for m in maps], 1)


def thinned(values: Sequence[Value], most: int) -> list[Value]:
    """At most `most` of the values, evenly spaced, with the first and the last; for 1 the last."""
    if len(values) <= most:
        return list(values)
    if most == 1:
        return [values[-1]]
    return [values[round(i * (len(values) - 1) / (most - 1))] for i in range(most)]
