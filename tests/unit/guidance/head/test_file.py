"""Heads as files: they come back as they were, and nothing else comes back."""

import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save as packed
from selfguidance.guidance import storage
from selfguidance.guidance.head import file as head_file
from selfguidance.guidance.head.head import Head
from selfguidance.guidance.record.file import KIND as RECORD
from torch import Tensor

Facts = dict[str, Any]
Tensors = dict[str, Tensor]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "head.safetensors"


def head(name: str = "roter „Kreis“ 🔴") -> Head:
    """A head with values that only an exact copy keeps."""
    generator = torch.Generator().manual_seed(0)
    shapes = {"weights": (3, 5), "bias": (3,), "axes": (3, 2, 5), "offset": (3, 2)}
    parts = {key: torch.randn(shape, generator=generator) for key, shape in shapes.items()}
    parts["bias"][1] = 1e-42
    return Head(name, "shapes", 3, (14.614642, 0.1 + 0.2, 0.0291672), **parts)


def equal(one: Head, other: Head) -> bool:
    """Whether two heads are the same in every bit and type."""

    def bits(known: Head) -> list[Any]:
        values = [getattr(known, field.name) for field in fields(Head)]
        return [
            (v.dtype, v.shape, v.numpy().tobytes()) if torch.is_tensor(v) else v for v in values
        ]

    return bits(one) == bits(other)


def test_a_head_comes_back_in_every_bit(path: Path) -> None:
    head_file.save(path, head())
    loaded = head_file.load(path)
    assert equal(loaded, head())
    assert not equal(loaded, head("red circle"))
    grid = torch.ones(1, 5, 2, 2)
    assert torch.equal(loaded.logits(grid, 1.0), head().logits(grid, 1.0))


def test_every_field_of_a_head_is_in_the_file() -> None:
    """A field that is added to the class is lost in files until they know it."""
    assert {field.name for field in fields(Head)} == {
        *head_file.TENSORS,
        *head_file.FACTS.values(),
    }


def drop(name: str) -> Callable[[Tensors, Facts], None]:
    return lambda tensors, facts: (tensors if name in tensors else facts).__delitem__(name)


def put(name: str, change: Callable[[Tensor], Tensor]) -> Callable[[Tensors, Facts], None]:
    return lambda tensors, facts: tensors.update({name: change(tensors[name]).contiguous()})


def say(**changes: Any) -> Callable[[Tensors, Facts], None]:
    return lambda tensors, facts: facts.update(changes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (drop("weights"), "tensors must be weights"),
        (drop("object"), "facts must be object"),
        (lambda tensors, facts: tensors.update(more=torch.ones(1)), "tensors.*more"),
        (say(more=1), "facts.*more"),
        (say(object=7), "object must be text"),
        (say(object="\ud800"), "object must be text"),
        (say(family="new"), "'new' is none of shapes.*update"),
        (say(family=["shapes"]), "family"),
        (say(block="3"), "block"),
        (say(block=True), "block"),
        (say(block=-1), "block"),
        (say(sigmas=3.0), "sigmas"),
        (say(sigmas=[1.0, "2", 3.0]), "sigmas"),
        (say(sigmas=[1.0, 2.0]), "2 noise levels"),
        (say(sigmas=[1.0, 2.0, -3.0]), "positive"),
        (put("weights", lambda t: t.double()), "'weights' must be float32"),
        (put("weights", lambda t: t[:, :4]), "do not fit together"),
        (put("axes", lambda t: t[:, :, :4]), "do not fit together"),
        (put("axes", lambda t: t.flatten()), "do not fit together"),
        (put("offset", lambda t: t.T), "do not fit together"),
        (put("bias", lambda t: t[:0]), "do not fit together"),
    ],
)
def test_a_file_that_claims_something_else_is_refused(
    path: Path, change: Callable[[Tensors, Facts], None], message: str
) -> None:
    tensors, facts = head_file.pack(head())
    change(tensors, facts)
    storage.save(path, head_file.KIND, tensors, facts)
    with pytest.raises(
        ValueError, match=rf"file 'head\.safetensors' holds no usable head.*{message}"
    ):
        head_file.load(path)


def written(path: Path, kind: str = head_file.KIND, tensors: Tensors | None = None) -> None:
    """A file by another hand than `storage.save`, which refuses what is not finite."""
    whole, facts = head_file.pack(head())
    about = {"kind": kind, "version": str(storage.VERSION), "facts": json.dumps(facts)}
    path.write_bytes(packed(tensors or whole, about))


def test_a_file_of_something_else_is_refused(path: Path) -> None:
    written(path)
    assert equal(head_file.load(path), head())
    written(path, kind=RECORD)
    with pytest.raises(ValueError, match="is not a self-guidance head but a self-guidance record"):
        head_file.load(path)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite_are_refused(path: Path, value: float) -> None:
    tensors, _ = head_file.pack(head())
    written(path, tensors={**tensors, "bias": torch.full((3,), value)})
    with pytest.raises(ValueError, match="'bias' holds NaN or infinite values"):
        head_file.load(path)


def test_a_file_cut_short_anywhere_is_refused(path: Path) -> None:
    head_file.save(path, head())
    whole = path.read_bytes()
    for length in (0, 7, 8, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"head\.safetensors"):
            head_file.load(path)


def test_a_file_too_large_for_a_head_is_not_read(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(head_file.LIMIT + 1)
    with pytest.raises(ValueError, match="too large"):
        head_file.load(path)


def test_a_name_that_no_file_can_hold_is_not_saved(path: Path) -> None:
    with pytest.raises(ValueError, match="head cannot be saved: object must be text"):
        head_file.save(path, head("\udcff"))
    assert not path.exists()
