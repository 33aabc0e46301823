"""Files: what was saved comes back, what is wrong is refused, and nothing is half written."""

import json
import os
import struct
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st
from selfguidance.guidance import storage

KIND = "self-guidance toy"
FACTS = {"words": ["a", "красный", "円"], "sigmas": [14.614642, 1e-45, 0.1 + 0.2], "on": True}


def toys() -> dict[str, torch.Tensor]:
    """Tensors whose values are all representable in half precision."""
    return {"half": torch.arange(12.0).reshape(3, 4).half(), "whole": torch.tensor([1, -2])}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A saved file."""
    path = tmp_path / "toy.safetensors"
    storage.save(path, KIND, toys(), FACTS)
    return path


def content(about: Any = None, tensors: dict[str, Any] | None = None, data: bytes = b"") -> bytes:
    """A safetensors file from its parts, without a check."""
    header: dict[str, Any] = {} if about is None else {"__metadata__": about}
    text = json.dumps({**header, **(tensors or {})}).encode()
    return struct.pack("<Q", len(text)) + text + data


def about(**changes: Any) -> dict[str, Any]:
    return {"kind": KIND, "version": "1", "facts": "{}", **changes}


def refused(path: Path, *named: str, **options: Any) -> None:
    """Loading raises one ValueError that names the file and every text."""
    with pytest.raises(ValueError) as info:
        storage.load(path, KIND, **options)
    assert type(info.value) is ValueError
    assert all(text in str(info.value) for text in (path.name, *named)), str(info.value)


def test_what_was_saved_comes_back(path: Path) -> None:
    tensors, facts = storage.load(path, KIND)
    assert facts == FACTS
    assert tensors.keys() == toys().keys()
    for name, tensor in toys().items():
        assert tensors[name].dtype == tensor.dtype and torch.equal(tensors[name], tensor)


def test_tensors_of_any_layout_can_be_saved(tmp_path: Path) -> None:
    path = tmp_path / "views"
    base = torch.arange(6.0).reshape(2, 3)
    with torch.inference_mode():
        made = torch.ones(2) * 2
    views = {"t": base.T, "row": base[1], "all": base, "wide": base[:1].expand(4, 3), "made": made}
    storage.save(path, KIND, {**views, "live": torch.ones(1, requires_grad=True)}, {})
    tensors, _ = storage.load(path, KIND)
    assert all(torch.equal(tensors[name], view) for name, view in views.items())


def test_a_file_can_be_inspected_with_safetensors_alone(path: Path) -> None:
    with safetensors.safe_open(path, framework="pt") as file:
        assert set(file.keys()) == set(toys())
        assert json.loads(file.metadata()["facts"]) == FACTS


def test_saving_again_replaces_the_file(path: Path) -> None:
    storage.save(path, KIND, {}, {"new": 1})
    assert storage.load(path, KIND) == ({}, {"new": 1})


@pytest.mark.parametrize("failing", ["replace", "fsync"])
def test_a_failed_save_leaves_the_old_file_and_nothing_else(
    path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    def fail(*_: Any) -> None:
        raise OSError("disk full")

    before = path.read_bytes()
    monkeypatch.setattr(os, failing, fail)
    with pytest.raises(OSError, match="disk full"):
        storage.save(path, KIND, {}, {})
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_values_that_are_not_finite_are_refused(
    path: Path, value: float, dtype: torch.dtype
) -> None:
    bad = {"fine": torch.ones(2), "bad": torch.tensor([0.0, value]).to(dtype)}
    with pytest.raises(ValueError, match=r"bad.*NaN"):
        storage.save(path, KIND, bad, {})
    assert storage.load(path, KIND)[1] == FACTS
    path.write_bytes(safetensors.torch.save(bad, about()))
    refused(path, "bad", "NaN", "save it again")


@pytest.mark.parametrize("facts", [{"x": float("nan")}, {"x": torch.ones(1)}, {"x": {1}}])
def test_facts_that_are_no_json_are_not_saved(tmp_path: Path, facts: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="facts"):
        storage.save(tmp_path / "x", KIND, {}, facts)
    assert not list(tmp_path.iterdir())


def test_what_could_not_be_read_again_is_not_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x"
    monkeypatch.setattr(storage, "HEADER_LIMIT", 1000)
    with pytest.raises(ValueError, match="too large"):
        storage.save(path, KIND, {}, {"x": "y" * 1000})
    storage.save(path, KIND, {}, {"x": "y" * 100})
    monkeypatch.setattr(storage, "LIMIT", 1000)
    with pytest.raises(ValueError, match="too large"):
        storage.save(path, KIND, {"x": torch.ones(1000)}, {})
    assert storage.load(path, KIND)[1] == {"x": "y" * 100}


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    refused(tmp_path / "gone.safetensors", "not there", "save it")
    (tmp_path / "folder").mkdir()
    refused(tmp_path / "folder", "not there")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in folders")
def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    """Opening one would wait forever."""
    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path / "pipe", "not there")


def test_a_file_that_may_not_be_opened_is_named(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", fail)
    refused(path, "Permission denied", "check its permissions")


def test_a_file_above_the_limit_is_not_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = path.stat().st_size
    assert storage.load(path, KIND, limit=size)[1] == FACTS
    refused(path, "too large", str(size), str(size - 1), limit=size - 1)
    large = path.with_name("large")
    with large.open("wb") as file:
        file.truncate(2 * 2**30 + 1)  # a hole, which takes no disk
    refused(large, "too large", str(2 * 2**30))


def test_a_header_above_its_limit_is_not_parsed(path: Path) -> None:
    path.write_bytes(struct.pack("<Q", 16 * 2**20 + 1) + b" " * (16 * 2**20 + 1))
    refused(path, "header")


def test_a_file_cut_anywhere_is_refused(path: Path) -> None:
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        refused(path, "copy it again")


def tensor(dtype: str, shape: list[int], size: int) -> dict[str, Any]:
    return {"x": {"dtype": dtype, "shape": shape, "data_offsets": [0, size]}}


FOREIGN = {
    "picture": b"\x89PNG\r\n\x1a\n" + b"\x00" * 100,
    "archive": b"PK\x03\x04" + b"\x00" * 100,
    "longer": content(about()) + b"more",
    "null": struct.pack("<Q", 4) + b"null",
    "deep": struct.pack("<Q", 20000) + b"[" * 20000,
    "no text": struct.pack("<Q", 2) + b"\xff\xfe",
    "shape": content(about(), tensor("F16", [4], 2), b"12"),
    "huge shape": content(about(), tensor("F16", [2**62, 4], 2)),
    "huge empty shape": content(about(), tensor("F16", [2**63, 0], 0)),
    "type": content(about(), tensor("?", [1], 1), b"1"),
    "tensor": content(about(), {"x": 3}),
    "metadata": content([1, 2]),
    "facts": content(about(facts="{")),
    "facts as list": content(about(facts="[1]")),
    "facts too deep": content(about(facts="[" * 20000)),
    "nan": content(about(facts='{"x": NaN}')),
    "infinity": content(about(facts='{"x": -Infinity}')),
    "overflow": content(about(facts='{"x": 1e999}')),
    "digits": content(about(facts='{"x": ' + "1" * 5000 + "}")),
}


@pytest.mark.parametrize("foreign", FOREIGN.values(), ids=FOREIGN.keys())
def test_what_is_no_file_of_ours_is_refused(path: Path, foreign: bytes) -> None:
    path.write_bytes(foreign)
    refused(path, "copy it again")


@pytest.mark.parametrize("lacking", [None, "kind", "version", "facts"])
def test_a_safetensors_file_of_something_else_is_refused(path: Path, lacking: str | None) -> None:
    kept = {k: v for k, v in about().items() if k != lacking} if lacking else None
    path.write_bytes(safetensors.torch.save(toys(), kept))
    refused(path, KIND, "node of this pack")


def test_a_file_of_another_kind_is_refused(path: Path) -> None:
    storage.save(path, "self-guidance head", toys(), FACTS)
    refused(path, KIND, "self-guidance head", "right kind")


@pytest.mark.parametrize("version", ["2", "10", "0", "-1", "x", "1.0"])
def test_a_file_of_another_version_is_refused(path: Path, version: str) -> None:
    path.write_bytes(safetensors.torch.save(toys(), about(version=version)))
    refused(path, f"version {version}", "update")


def test_types_that_nothing_of_ours_has_are_refused(path: Path) -> None:
    for dtype in (torch.complex64, torch.float8_e4m3fn):
        path.write_bytes(safetensors.torch.save({"odd": torch.ones(2).to(dtype)}, about()))
        refused(path, "odd", "type")


def intact(path: Path) -> bool:
    """Whether a file of arbitrary bytes loads; any error but ValueError passes on."""
    try:
        storage.load(path, KIND)
    except ValueError:
        return False
    return True


@given(st.data())
def test_any_bytes_end_in_a_file_or_a_value_error(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "any"
    storage.save(path, KIND, toys(), FACTS)
    whole = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(whole)
    intact(path)
    path.write_bytes(data.draw(st.binary(max_size=200)))
    assert not intact(path)
