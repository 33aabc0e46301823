"""Compare two folders of saved latents, records, heads, pictures and texts, bit by bit."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors import safe_open
from torch import Tensor

TENSORS = (".safetensors", ".latent")
PARTS = 5  # number of differences that are listed for a JSON file


def differences(before: Path, after: Path) -> tuple[int, list[str]]:
    """Number of files that are in both folders, and a line for each difference."""
    first, second = _files(before), _files(after)
    found = [f"{name}: only before" for name in sorted(first - second)]
    found += [f"{name}: only after" for name in sorted(second - first)]
    for name in sorted(first & second):
        found += [f"{name}: {text}" for text in _between(before / name, after / name)]
    return len(first & second), found


def _files(folder: Path) -> set[str]:
    return {f.relative_to(folder).as_posix() for f in folder.rglob("*") if f.is_file()}


def _between(before: Path, after: Path) -> Iterator[str]:
    if before.suffix in TENSORS:
        yield from _tensors(before, after)
    elif before.suffix == ".png":
        a, b = (np.asarray(Image.open(file)) for file in (before, after))
        if a.shape != b.shape:
            yield f"size {b.shape}, was {a.shape}"
        elif not np.array_equal(a, b):
            yield f"{(a != b).any(-1).sum()} pixels differ"
    elif before.suffix == ".json":
        parts = list(_paths(*(json.loads(f.read_text("utf-8")) for f in (before, after))))
        yield from parts[:PARTS]
        if len(parts) > PARTS:
            yield f"and {len(parts) - PARTS} more"
    elif before.read_bytes() != after.read_bytes():
        yield "the text differs"


def _tensors(before: Path, after: Path) -> Iterator[str]:
    with safe_open(before, "pt") as a, safe_open(after, "pt") as b:
        yield from _paths(_metadata(a), _metadata(b), "metadata")
        first, second = set(a.keys()), set(b.keys())
        for name in sorted(first ^ second):
            yield f"tensor {name}: only {'before' if name in first else 'after'}"
        for name in sorted(first & second):
            yield from _bits(name, a.get_tensor(name), b.get_tensor(name))


def _metadata(file: Any) -> dict[str, Any]:
    """The metadata of a safetensors file; values that are JSON are parsed."""
    read = {}
    for key, text in sorted((file.metadata() or {}).items()):  # as the file has no order
        try:
            read[key] = json.loads(text)
        except ValueError:
            read[key] = text
    return read


def _bits(name: str, a: Tensor, b: Tensor) -> Iterator[str]:
    if (a.dtype, a.shape) != (b.dtype, b.shape):
        yield f"tensor {name}: {b.dtype} {list(b.shape)}, was {a.dtype} {list(a.shape)}"
    elif not torch.equal(a.reshape(-1).view(torch.uint8), b.reshape(-1).view(torch.uint8)):
        distance = (a.double() - b.double()).abs().max().item()
        yield f"tensor {name}: differs, by at most {distance:.3g}"


def _paths(a: Any, b: Any, at: str = "") -> Iterator[str]:
    """Differences of two JSON values; key order counts, since it is that of a node's inputs."""
    if isinstance(a, dict) and isinstance(b, dict):
        if [key for key in a if key in b] != [key for key in b if key in a]:
            yield f"{at}: another order, {list(b)}, was {list(a)}"
        for key in dict.fromkeys([*a, *b]):
            if key in a and key in b:
                yield from _paths(a[key], b[key], f"{at}/{key}")
            else:
                yield f"{at}/{key}: only {'before' if key in a else 'after'}"
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for place, pair in enumerate(zip(a, b, strict=True)):
            yield from _paths(*pair, f"{at}/{place}")
    elif json.dumps(a) != json.dumps(b):  # as text, because NaN is not equal to itself
        yield f"{at}: {json.dumps(b):.200}, was {json.dumps(a):.200}"
