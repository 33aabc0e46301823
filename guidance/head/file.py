"""Heads as files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, float32

from .. import storage
from .head import Head

KIND = "self-guidance head"
LIMIT = 64 * 2**20  # bytes; the head of a block with 1280 channels takes 0.2 MB
TENSORS = ("weights", "bias", "axes", "offset")
FACTS = {  # attribute of a head by name in files
    "object": "object",
    "family": "family",
    "block": "feature_place",
    "sigmas": "sigmas",
}


def save(path: Path, head: Head) -> None:
    """Write a head to a file.

    Raises:
        ValueError: its name is no text that files can hold, or see `storage.save`.
    """
    storage.save_value(path, KIND, *pack(head), unpack)


def load(path: Path) -> Head:
    """Read a head from a file that `save` wrote.

    Raises:
        ValueError: the file holds no head, or see `storage.load`.
    """
    return storage.load_value(path, KIND, unpack, LIMIT)


def pack(head: Head) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors by name and the other values of a head, see `storage.save`."""
    facts = {name: getattr(head, attribute) for name, attribute in FACTS.items()}
    return {name: getattr(head, name) for name in TENSORS}, {**facts, "sigmas": [*head.sigmas]}


def unpack(tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> Head:
    """The inverse of `pack`, with checks, as files may be foreign.

    Raises:
        ValueError: something is missing, unexpected, of another type or does not fit the rest.
    """
    for what, found, wanted in (("tensors", tensors, TENSORS), ("facts", facts, FACTS)):
        if set(found) != set(wanted):
            names = ", ".join(sorted(found))[:80] or "none"
            raise ValueError(f"its {what} must be {', '.join(wanted)}, got {names}")
    name, family, place, sigmas = (facts[name] for name in FACTS)
    storage.text_of(name, "object")
    storage.family_named(family)
    if type(place) is not int or place < 0:
        raise ValueError(f"block must be a number from 0 on, got {str(place)[:40]}")
    if not isinstance(sigmas, list) or not all(type(sigma) is float for sigma in sigmas):
        raise ValueError(f"sigmas must be a list of numbers, got {str(sigmas)[:40]}")
    for key, tensor in tensors.items():
        storage.check_dtype(key, tensor, float32)
    return Head(name, family, place, tuple(sigmas), **tensors)
