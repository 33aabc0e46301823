"""Heads as files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, float32

from .. import storage
from ..families import FAMILIES
from .head import Head

KIND = "self-guidance head"
LIMIT = 64 * 2**20  # bytes; the head of a block with 1280 channels takes 0.2 MB
TENSORS = ("weights", "bias", "axes", "offset")
FACTS = ("object", "family", "block", "sigmas")


def save(path: Path, head: Head) -> None:
    """Write a head to a file.

    Raises:
        ValueError: its name is no text that files can hold, or see `storage.save`.
    """
    tensors, facts = pack(head)
    try:
        unpack(tensors, facts)
    except ValueError as error:
        raise ValueError(f"the head cannot be saved: {error}") from error
    storage.save(path, KIND, tensors, facts)


def load(path: Path) -> Head:
    """Read a head from a file that `save` wrote.

    Raises:
        ValueError: the file holds no head, or see `storage.load`.
    """
    tensors, facts = storage.load(path, KIND, LIMIT)
    try:
        return unpack(tensors, facts)
    except ValueError as error:
        raise ValueError(
            f"file {path.name!r} holds no usable head: {error}; save the head again"
        ) from error


def pack(head: Head) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and facts of a head."""
    facts = {name: getattr(head, name) for name in FACTS}
    return {name: getattr(head, name) for name in TENSORS}, {**facts, "sigmas": [*head.sigmas]}


def unpack(tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> Head:
    """The head of tensors and facts that may come from anybody.

    Raises:
        ValueError: something is missing, unexpected, of another type or does not fit the rest.
    """
    for what, found, wanted in (("tensors", tensors, TENSORS), ("facts", facts, FACTS)):
        if set(found) != set(wanted):
            names = ", ".join(sorted(found))[:80] or "none"
            raise ValueError(f"its {what} must be {', '.join(wanted)}, got {names}")
    name, family, block, sigmas = (facts[name] for name in FACTS)
    # half a surrogate pair is a str that no terminal, file or socket takes
    if not isinstance(name, str) or any("\ud800" <= letter <= "\udfff" for letter in name):
        raise ValueError(f"object must be text, got {ascii(name)[:40]}")
    known = [family.name for family in FAMILIES]
    if family not in known:
        raise ValueError(
            f"its model family {str(family)[:40]!r} is none of {', '.join(known)}; update the pack"
        )
    if type(block) is not int or block < 0:
        raise ValueError(f"block must be a number from 0 on, got {str(block)[:40]}")
    if not isinstance(sigmas, list) or not all(type(sigma) is float for sigma in sigmas):
        raise ValueError(f"sigmas must be a list of numbers, got {str(sigmas)[:40]}")
    for key, tensor in tensors.items():
        if tensor.dtype != float32:
            raise ValueError(f"tensor {key!r} must be float32, got {tensor.dtype}")
    return Head(name, family, block, tuple(sigmas), **tensors)
