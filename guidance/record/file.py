"""Records as files.

Consecutive steps with one token table and one set of tensor shapes are a part: the file has each of
their tensors stacked over the steps, and the table once. A run has several parts where
conditionings come and go with timestep ranges.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .. import storage
from ..families import Family
from ..maps.properties import Properties
from ..storage import check_dtype, family_named, list_of, text_of
from ..words.table import TokenTable
from .record import Record, Step, moved

KIND = "self-guidance record"
TOKENS = 7700  # of a prompt, at most: above any real one, and low enough to be searched quickly
STEPS, PICTURES, WORDS = "steps", "pictures", "words"
OPTIONAL = {  # axes after the steps and pictures
    "features": (WORDS, "feature channels"),
    "denoised": ("latent channels", "latent rows", "latent columns"),
    "grid": ("feature channels", "feature rows", "feature columns"),
}
ATTRIBUTES = {"grid": "feature_grid"}  # of `Properties`, where files have another name


def save(path: Path, record: Record) -> None:
    """Write a record to a file, in half precision, as runs record it.

    Raises:
        ValueError: the record is empty or not what a run records, or see `storage.save`.
    """
    storage.save_value(path, KIND, *pack(record), unpack)


def load(path: Path) -> Record:
    """Read a record from a file that `save` wrote.

    Raises:
        ValueError: the file holds no record, or see `storage.load`.
    """
    return storage.load_value(path, KIND, unpack)


def pack(record: Record) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors [steps, B, ...] by name and the other values of a record, see `storage.save`.

    Raises:
        ValueError: the record is empty.
    """
    record.last  # noqa: B018  raises for an empty record
    tensors: dict[str, Tensor] = {}
    parts = []
    for index, (_, group) in enumerate(groupby(record.steps, key=_form)):
        steps = list(group)
        by_step = [
            _named(moved(step.properties, torch.device("cpu"), torch.float16)) for step in steps
        ]
        for name in by_step[0]:
            tensors[f"{index}.{name}"] = torch.stack([named[name] for named in by_step])
        parts.append(
            {
                "table": _table_facts(steps[0].properties.table),
                "sigmas": [float(step.properties.sigma) for step in steps],
                "guided": [step.guided for step in steps],
                "energies": [{n: list(v) for n, v in step.energies.items()} for step in steps],
            }
        )
    return tensors, {"family": record.family, "parts": parts}


def unpack(tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> Record:
    """The inverse of `pack`, with checks, as files may be foreign.

    Raises:
        ValueError: something is missing, unexpected, out of its range or does not fit the rest.
    """
    name, parts = _fields(facts, "the file", "family", "parts")
    family = family_named(name)
    expected: set[str] = set()
    sizes: dict[str, int] = {}
    steps: list[Step] = []
    for index, part in enumerate(list_of(parts, "parts")):
        expected |= {f"{index}.{name}" for name in _axes(family)}
        steps += _steps(index, part, tensors, family, sizes)
    if unexpected := sorted(set(tensors) - expected):
        raise ValueError(f"unexpected tensor {unexpected[0][:80]!r}")
    if not steps:
        raise ValueError("it has no steps")
    return Record(family.name, tuple(steps))


def _steps(
    index: int,
    part: Any,
    tensors: Mapping[str, Tensor],
    family: Family,
    sizes: dict[str, int],
) -> Iterator[Step]:
    """Steps of one part; `sizes` are those that all parts share, by axis."""
    about, sigmas, guided, energies = _fields(
        part, f"part {index}", "table", "sigmas", "guided", "energies"
    )
    table = _table(about)
    count = len(list_of(sigmas, "sigmas"))
    sizes |= {STEPS: count, WORDS: len(table.words)}
    stacks = {}
    for name, axes in _axes(family).items():
        stack = tensors.get(f"{index}.{name}")
        if stack is not None:
            stacks[name] = _fitting(f"{index}.{name}", stack, axes, sizes)
        elif name not in OPTIONAL:
            raise ValueError(f"tensor {f'{index}.{name}'!r} is missing")
    columns = zip(
        sigmas, list_of(guided, "guided", count), list_of(energies, "energies", count), strict=True
    )
    for i, (sigma, flag, values) in enumerate(columns):
        if type(flag) is not bool:
            raise ValueError(f"guided must be true or false, got {str(flag)[:40]}")
        of_step = {name: stack[i] for name, stack in stacks.items()}
        maps = {site: of_step.pop(_site_name(site)) for site in family.sites}
        rest = {ATTRIBUTES.get(name, name): tensor for name, tensor in of_step.items()}
        properties = Properties(_number(sigma, "sigma", 0.0), table, maps, **rest)
        yield Step(properties, _energies(values, sizes[PICTURES]), flag)


def _named(properties: Properties) -> dict[str, Tensor]:
    """Every tensor of a step by its name in files."""
    named = {_site_name(site): maps for site, maps in properties.maps.items()}
    rest = {name: getattr(properties, ATTRIBUTES.get(name, name)) for name in OPTIONAL}
    return named | {name: tensor for name, tensor in rest.items() if tensor is not None}


def _form(step: Step) -> tuple[Any, ...]:
    """Token table and shapes of a step: consecutive steps with the same ones are a part."""
    shapes = {name: tensor.shape for name, tensor in _named(step.properties).items()}
    return step.properties.table, shapes


def _site_name(site: Sequence[Any]) -> str:
    return ".".join(("maps", *map(str, site)))


def _axes(family: Family) -> dict[str, tuple[str, ...]]:
    """Names of the axes of every tensor of a part; axes of one name must have one size."""
    maps = {
        name: (WORDS, f"rows of {name}", f"columns of {name}")
        for name in map(_site_name, family.sites)
    }
    return {name: (STEPS, PICTURES, *axes) for name, axes in {**maps, **OPTIONAL}.items()}


def _fitting(name: str, tensor: Tensor, axes: Sequence[str], sizes: dict[str, int]) -> Tensor:
    """The tensor, if its axes have the sizes known so far; `sizes` gains those of new axes."""
    check_dtype(name, tensor, torch.float16)
    if tensor.ndim != len(axes):
        raise ValueError(
            f"tensor {name!r} must have {len(axes)} axes ({', '.join(axes)}), got {tensor.ndim}"
        )
    for axis, size in zip(axes, tensor.shape, strict=True):
        wanted = sizes.setdefault(axis, size)
        if size != wanted or size < 1:
            raise ValueError(f"tensor {name!r} must have {max(wanted, 1)} {axis}, got {size}")
    return tensor


def _table_facts(table: TokenTable) -> dict[str, Any]:
    return {
        "prompt": table.prompt,
        "words": list(table.words),
        "positions": [list(positions) for positions in table.positions],
        "length": table.length,
        "named": list(table.named),
        "borders": list(table.borders),
    }


def _table(facts: Any) -> TokenTable:
    prompt, words, positions, length, named, borders = _fields(
        facts, "the token table", "prompt", "words", "positions", "length", "named", "borders"
    )
    if type(length) is not int or not 1 <= length <= TOKENS:
        raise ValueError(f"length must be 1 to {TOKENS} tokens, got {str(length)[:40]}")
    count = len(list_of(words, "words"))
    # two texts may share the tokens, and a token may hold several words of Chinese
    if not 1 <= count <= 2 * TOKENS:
        raise ValueError(f"words must be 1 to {2 * TOKENS}, got {count}")
    return TokenTable(
        text_of(prompt, "prompt"),
        tuple(text_of(word, "words") for word in words),
        tuple(_positions(word, length - 1) for word in list_of(positions, "positions", count)),
        length,
        tuple(text_of(name, "named") for name in list_of(named, "named")),
        _indices(borders, "borders", count),
    )


def _energies(values: Any, pictures: int) -> dict[str, tuple[float, ...]]:
    if not isinstance(values, dict):
        raise ValueError(f"energies must be lists by term, got {str(values)[:40]}")
    return {
        text_of(name, "the name of a term"): tuple(
            _number(value, "energy") for value in list_of(energy, "energy", pictures)
        )
        for name, energy in values.items()
    }


def _fields(value: Any, where: str, *names: str) -> list[Any]:
    if not isinstance(value, Mapping) or set(value) != set(names):
        found = ", ".join(map(str, value)) if isinstance(value, Mapping) else type(value).__name__
        raise ValueError(f"{where} must have {', '.join(names)}, got {found[:80] or 'nothing'}")
    return [value[name] for name in names]


def _positions(value: Any, last: int) -> tuple[int, ...]:
    positions = _indices(value, "positions of a word", last)
    if not positions or len(set(positions)) < len(positions):
        raise ValueError(
            f"positions of a word must be some and each once, got {str(positions)[:40]}"
        )
    return positions


def _indices(value: Any, name: str, last: int) -> tuple[int, ...]:
    numbers = list_of(value, name)
    fit = all(type(number) is int and 0 <= number <= last for number in numbers)
    if not fit or numbers != sorted(numbers):
        raise ValueError(f"{name} must be from 0 to {last} in order, got {str(numbers)[:40]}")
    return tuple(numbers)


def _number(value: Any, name: str, low: float = -math.inf) -> float:
    if type(value) is not float or not math.isfinite(value) or value < low:
        least = "" if low == -math.inf else f" of at least {low:g}"
        raise ValueError(f"{name} must be a finite number{least}, got {str(value)[:40]}")
    return value
