"""Files of this pack: safetensors with a kind, a version and facts, written atomically.

Facts are all values of a file that are not tensors, as JSON in the metadata. Files may be foreign
or malicious: reading one executes nothing, takes at most about twice its size in memory, and either
returns the saved tensors and facts or raises a ValueError.
"""

import json
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import torch
from safetensors.torch import load as parsed
from safetensors.torch import save as packed
from torch import Tensor

from .families import FAMILIES, Family

VERSION = 1  # of the form of the metadata; readers refuse any other
LIMIT = 2 * 2**30  # bytes of a file
HEADER_LIMIT = 16 * 2**20  # bytes of a file's header: names, shapes and facts
SUFFIX = ".safetensors"
FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
Value = TypeVar("Value")
Unpack = Callable[[Mapping[str, Tensor], Mapping[str, Any]], Value]  # raises a ValueError


def save(path: Path, kind: str, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    """Write a file; one that exists at its path is replaced.

    Args:
        path: in a folder that exists.
        kind: what the file is, for readers and messages, such as "self-guidance record".
        tensors: of any device and layout, by name.
        facts: values that JSON can hold, finite numbers only.

    Raises:
        ValueError: a value is NaN or infinite, the facts are not JSON, or the file would be too
            large to be read again.
        OSError: the folder cannot be written to, or the disk is full.
    """
    _check_values(tensors, f"the {kind} cannot be saved, as", "check the run that made it")
    try:
        text = json.dumps(dict(facts), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"the facts of the {kind} cannot be saved as JSON: {error}") from error
    plain = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in tensors.items()
    }
    about = {"format": "pt", "kind": kind, "version": str(VERSION), "facts": text}
    data = packed(plain, about)
    if len(data) > LIMIT or int.from_bytes(data[:8], "little") > HEADER_LIMIT:
        raise ValueError(
            f"the {kind} is too large for a file: {len(data)} bytes, of which at most {LIMIT}, "
            f"with at most {HEADER_LIMIT} of facts; use fewer steps, words or pictures"
        )
    _write(path, data)


def load(path: Path, kind: str, limit: int = LIMIT) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors, on the CPU, and facts of a file that `save` wrote.

    Args:
        path: where it is.
        kind: as given to `save`.
        limit: bytes above which a file is not read.

    Raises:
        ValueError: no such file, a larger, damaged, foreign or newer one, one of another kind, or
            one that holds NaN or infinite values.
    """
    data = _read(path, limit)
    facts = _facts(path.name, kind, data)
    try:
        tensors = parsed(data)
    except Exception as error:  # the parser may raise anything for foreign bytes
        raise _damaged(path.name, error) from error
    _check_values(tensors, f"file {path.name!r} cannot be used, as", "save it again")
    return tensors, facts


def save_value(
    path: Path,
    kind: str,
    tensors: Mapping[str, Tensor],
    facts: Mapping[str, Any],
    unpack: Unpack[Value],
) -> None:
    """Write tensors and facts, after `unpack` has checked that `load_value` can read them.

    Args:
        path, kind, tensors, facts: see `save`.
        unpack: as for `load_value`.

    Raises:
        ValueError: `unpack` refuses the tensors and facts, or see `save`.
        OSError: see `save`.
    """
    try:
        unpack(tensors, facts)
    except ValueError as error:
        raise ValueError(f"the {_noun(kind)} cannot be saved: {error}") from error
    save(path, kind, tensors, facts)


def load_value(path: Path, kind: str, unpack: Unpack[Value], limit: int = LIMIT) -> Value:
    """Read a file and build its value.

    Args:
        path, kind, limit: see `load`.
        unpack: builds the value from tensors and facts, and raises a ValueError if they are wrong.

    Raises:
        ValueError: `unpack` refuses the tensors and facts, or see `load`.
    """
    tensors, facts = load(path, kind, limit)
    try:
        return unpack(tensors, facts)
    except ValueError as error:
        raise ValueError(
            f"file {path.name!r} holds no usable {_noun(kind)}: {error}; save the {_noun(kind)} "
            "again"
        ) from error


def _noun(kind: str) -> str:
    """ "record" of "self-guidance record"."""
    return kind.removeprefix("self-guidance ")


def text_of(value: Any, name: str) -> str:
    """The value, if it is text; else a ValueError that calls it `name`."""
    # a lone surrogate is valid in a str, but cannot be encoded for a terminal, file or socket
    if not isinstance(value, str) or any("\ud800" <= letter <= "\udfff" for letter in value):
        raise ValueError(f"{name} must be text, got {ascii(value)[:40]}")
    return value


def list_of(value: Any, name: str, count: int | None = None) -> list[Any]:
    """The value, if it is a list, of `count` entries where given; else a ValueError."""
    if not isinstance(value, list):
        raise ValueError(f"{name} must be a list, got {str(value)[:40]}")
    if count is not None and len(value) != count:
        raise ValueError(f"{name} must have {count} entries, got {len(value)}")
    return value


def family_named(value: Any) -> Family:
    """The model family of this name; a ValueError if this pack does not know it."""
    for family in FAMILIES:
        if family.name == value:
            return family
    known = ", ".join(family.name for family in FAMILIES)
    raise ValueError(f"its model family {str(value)[:40]!r} is none of {known}; update the pack")


def check_dtype(name: str, tensor: Tensor, dtype: torch.dtype) -> None:
    """Raise a ValueError if a tensor of a file is of another dtype."""
    if tensor.dtype != dtype:
        wanted = str(dtype).removeprefix("torch.")
        raise ValueError(f"tensor {name!r} must be {wanted}, got {tensor.dtype}")


def _write(path: Path, data: bytes) -> None:
    """Write atomically: a reader sees the old file or the new one, even after a crash."""
    part = path.with_name(f".{uuid4().hex}.part")
    try:
        with part.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _read(path: Path, limit: int) -> bytes:
    name = path.name
    if not os.path.isfile(path):  # `path.is_file` raises for names that are too long
        raise ValueError(f"file {name!r} is not there; check its name, or save it first")
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > limit:
                raise ValueError(
                    f"file {name!r} is too large: {size} bytes, but at most {limit} are read; "
                    "choose another file"
                )
            # not mapped: if another program truncates a mapped file, this process crashes
            return file.read(size)
    except OSError as error:
        raise ValueError(
            f"file {name!r} cannot be read: {error.strerror}; check its permissions"
        ) from error


def _facts(name: str, kind: str, data: bytes) -> dict[str, Any]:
    """The facts in the header of a file of this kind."""
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > len(data) - 8:
        raise _damaged(name, "it ends too soon")
    if length > HEADER_LIMIT:
        raise _damaged(name, f"a header of {length} bytes is above {HEADER_LIMIT}")
    try:
        about = json.loads(data[8 : 8 + length]).get("__metadata__") or {}
        found, text, version = (about.get(key, "") for key in ("kind", "facts", "version"))
    except (AttributeError, ValueError, RecursionError) as error:
        raise _damaged(name, error) from error
    if not all(isinstance(value, str) and value for value in (found, text, version)):
        raise ValueError(
            f"file {name!r} is not a {kind}: it was not saved by a node of this pack; choose one "
            "that was"
        )
    if found != kind:
        raise ValueError(
            f"file {name!r} is not a {kind} but a {found[:80]}; choose a file of the right kind"
        )
    if version != str(VERSION):
        raise ValueError(
            f"file {name!r} has version {version[:20]} of the format, but this pack reads "
            f"{VERSION}; update the pack"
        )
    try:
        facts = json.loads(text, parse_constant=_finite, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise _damaged(name, error) from error
    if not isinstance(facts, dict):
        raise _damaged(name, "its facts are no object")
    return facts


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} is not a finite number")
    return value


def _damaged(name: str, reason: object) -> ValueError:
    return ValueError(
        f"file {name!r} is cut short, damaged or no safetensors file ({str(reason)[:200]}); save "
        "or copy it again"
    )


def _check_values(tensors: Mapping[str, Tensor], beginning: str, remedy: str) -> None:
    for name, tensor in tensors.items():
        floating = tensor.is_floating_point() or tensor.is_complex()
        if floating and tensor.dtype not in FLOATS:
            raise ValueError(f"{beginning} {name[:80]!r} is of type {tensor.dtype}; {remedy}")
        if floating and not torch.isfinite(tensor).all():
            raise ValueError(f"{beginning} {name[:80]!r} holds NaN or infinite values; {remedy}")
