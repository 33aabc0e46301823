"""Values in files: what fits is returned, and what does not is named with what was expected."""

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import safetensors
import safetensors.torch
import torch
from selfguidance.guidance import storage
from selfguidance.guidance.families import FAMILIES
from torch import Tensor

KIND = "self-guidance toy"


def unpack(tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> tuple[float, str]:
    """A toy value: the sum of its numbers, and its name."""
    if "name" not in facts:
        raise ValueError("it has no name")
    return float(tensors["numbers"].sum()), facts["name"]


def said(call: Any, *args: Any, **options: Any) -> str:
    """The message of the ValueError that a call raises."""
    with pytest.raises(ValueError) as raised:
        call(*args, **options)
    return str(raised.value)


def test_a_value_comes_back_by_the_function_that_checked_it(tmp_path: Path) -> None:
    path = tmp_path / "toy.safetensors"
    storage.save_value(path, KIND, {"numbers": torch.ones(3)}, {"name": "ball"}, unpack)
    assert storage.load_value(path, KIND, unpack) == (3.0, "ball")
    assert "at most 9 are read" in said(storage.load_value, path, KIND, unpack, 9)
    assert "is not a other but a self-guidance toy" in said(
        storage.load_value, path, "other", unpack
    )


def test_a_value_that_could_not_be_read_is_not_saved(tmp_path: Path) -> None:
    message = said(storage.save_value, tmp_path / "x", KIND, {}, {}, unpack)
    assert message == "the toy cannot be saved: it has no name"
    assert not list(tmp_path.iterdir())


def test_a_file_without_a_usable_value_is_named_with_what_it_lacks(tmp_path: Path) -> None:
    path = tmp_path / "toy.safetensors"
    storage.save(path, KIND, {}, {"title": "ball"})
    assert said(storage.load_value, path, KIND, unpack) == (
        "file 'toy.safetensors' holds no usable toy: it has no name; save the toy again"
    )


def test_a_value_that_is_not_finite_is_refused_with_what_to_check(tmp_path: Path) -> None:
    bad = {"n" * 90: torch.tensor([torch.nan])}
    assert said(storage.save, tmp_path / "x", KIND, bad, {}) == (
        f"the self-guidance toy cannot be saved, as '{'n' * 80}' holds NaN or infinite values; "
        "check the run that made it"
    )


def test_a_file_says_to_other_programs_that_its_tensors_are_those_of_pytorch(
    tmp_path: Path,
) -> None:
    path = tmp_path / "toy.safetensors"
    storage.save(path, KIND, {"x": torch.ones(1)}, {})
    with safetensors.safe_open(path, framework="pt") as file:
        assert file.metadata() == {"format": "pt", "kind": KIND, "version": "1", "facts": "{}"}


def test_a_file_of_exactly_the_largest_size_is_saved_and_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, facts = tmp_path / "toy.safetensors", {"x": "y" * 50}
    storage.save(path, KIND, {"x": torch.ones(9)}, facts)
    data = path.read_bytes()
    header = int.from_bytes(data[:8], "little")
    for name, size in (("LIMIT", len(data)), ("HEADER_LIMIT", header)):
        with monkeypatch.context() as patch:
            patch.setattr(storage, name, size)
            storage.save(path, KIND, {"x": torch.ones(9)}, facts)
            assert storage.load(path, KIND)[1] == facts
            patch.setattr(storage, name, size - 1)
            message = said(storage.save, path, KIND, {"x": torch.ones(9)}, facts)
        assert f"{len(data)} bytes" in message and f"most {size - 1}" in message


def test_a_damaged_file_is_named_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "toy.safetensors"
    path.write_bytes(b"short")
    assert "(it ends too soon)" in said(storage.load, path, KIND)
    storage.save(path, KIND, {"x": torch.ones(9)}, {})
    path.write_bytes(path.read_bytes()[:-1])
    assert "Error while deserializing" in said(storage.load, path, KIND)
    for facts, reason in (
        ("[1]", "(its facts are no object)"),
        ('{"x": 1e999}', "(1e999 is not a finite number)"),
        ('{"x": NaN}', "(NaN is not a finite number)"),
        ("{", "property name"),
    ):
        about = {"kind": KIND, "version": "1", "facts": facts}
        path.write_bytes(safetensors.torch.save({}, about))
        assert reason in said(storage.load, path, KIND)


def test_what_a_foreign_file_says_is_shown_short(tmp_path: Path) -> None:
    path, about = tmp_path / "toy", {"kind": KIND, "version": "1", "facts": "{}"}
    digits = "1" + "0" * 400
    for changes, shown in (
        ({"kind": "x" * 99}, f"but a {'x' * 80};"),
        ({"version": "2" * 99}, f"version {'2' * 20} of"),
        ({"facts": '{"x": ' + digits + ".0}"}, f"({digits[:20]} is not"),
    ):
        path.write_bytes(safetensors.torch.save({}, about | changes))
        assert shown in said(storage.load, path, KIND)
    for length, header, reason in (
        (2, b"[]", "attribute"),
        (1, b"{", "double quotes"),
        (0, b"", "Expecting value"),
        (3, b"{}", "(it ends too soon)"),
    ):
        path.write_bytes(struct.pack("<Q", length) + header)
        assert reason in said(storage.load, path, KIND)
    assert f"({'x' * 200});" in str(storage._damaged("toy", "x" * 999))


@pytest.mark.parametrize("text", ["", "red circle", "円", "\ud7ff", "\ue000", "🟦"])
def test_text_is_text(text: str) -> None:
    assert storage.text_of(text, "prompt") == text


@pytest.mark.parametrize("value", [3, None, ["x"], "\ud800", "a\udfff"])
def test_what_is_no_text_that_can_be_written_is_refused(value: Any) -> None:
    assert said(storage.text_of, value, "prompt") == f"prompt must be text, got {value!a}"


def test_refused_values_are_shown_short() -> None:
    long = ["x" * 100]
    assert said(storage.text_of, long, "prompt").endswith(f"got {str(long)[:40]}")
    assert said(storage.list_of, "x" * 100, "words").endswith(f"got {'x' * 40}")
    assert f"its model family {'x' * 40!r} is none" in said(storage.family_named, "x" * 100)


def test_lists_are_lists_and_as_long_as_asked() -> None:
    assert storage.list_of([1, 2], "words") == [1, 2]
    assert storage.list_of([1, 2], "words", 2) == [1, 2]
    assert storage.list_of([], "words", 0) == []
    assert said(storage.list_of, (1, 2), "words") == "words must be a list, got (1, 2)"
    assert said(storage.list_of, [1], "words", 2) == "words must have 2 entries, got 1"
    assert said(storage.list_of, [1], "words", 0) == "words must have 0 entries, got 1"


def test_a_family_is_found_by_its_name_alone() -> None:
    for family in FAMILIES:
        assert storage.family_named(family.name) is family
    message = said(storage.family_named, "sd9")
    assert message.startswith("its model family 'sd9' is none of shapes, sd15, sd2, sdxl, ")
    assert message.endswith("; update the pack")
    assert "'Shapes'" in said(storage.family_named, "Shapes")


def test_a_tensor_of_another_type_is_named_with_both() -> None:
    storage.check_dtype("bias", torch.ones(1), torch.float32)
    assert said(storage.check_dtype, "bias", torch.ones(1).half(), torch.float32) == (
        "tensor 'bias' must be float32, got torch.float16"
    )
