"""The comparison of what two checkouts made sees every difference, and no other."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from selfguidance.tools.quality.same_files import differences

PLAIN = torch.tensor([1.0, float("nan"), 0.0])


def compared(folder: Path, name: str, *contents: Any) -> list[str]:
    """What differs between two folders with one file each."""
    for side, content in zip(("before", "after"), contents, strict=True):
        file = folder / side / name
        file.parent.mkdir()
        if file.suffix == ".png":
            Image.new("RGB", (2, 1), content).save(file)
        elif file.suffix == ".json":
            file.write_text(json.dumps(content))
        elif file.suffix == ".md":
            file.write_text(content)
        else:
            save_file(content[0], file, content[1])
    count, found = differences(folder / "before", folder / "after")
    assert count == 1
    return found


@pytest.mark.parametrize(
    ("after", "facts", "found"),
    [
        ({"a": PLAIN.clone()}, {"seed": 1, "sigma": 2}, []),
        ({"a": PLAIN + 2**-20}, {"seed": 1, "sigma": 2}, ["tensor a: differs, by at most nan"]),
        ({"a": torch.tensor([1.0, float("nan"), -0.0])}, {"seed": 1, "sigma": 2}, ["tensor a"]),
        ({"a": PLAIN.double()}, {"seed": 1, "sigma": 2}, ["torch.float64 [3], was torch.float32"]),
        ({"a": PLAIN, "b": PLAIN + 0}, {"seed": 1, "sigma": 2}, ["tensor b: only after"]),
        ({"a": PLAIN}, {"seed": 2, "sigma": 2}, ["metadata/facts/seed: 2, was 1"]),
        ({"a": PLAIN}, {"seed": 1}, ["metadata/facts/sigma: only before"]),
    ],
)
def test_tensors_and_their_facts_are_compared_to_the_last_bit(
    tmp_path: Path, after: dict[str, torch.Tensor], facts: dict[str, int], found: list[str]
) -> None:
    sides = [
        (tensors, {"format": "pt", "facts": json.dumps(about)})
        for tensors, about in (({"a": PLAIN}, {"seed": 1, "sigma": 2}), (after, facts))
    ]
    seen = compared(tmp_path, "record.safetensors", *sides)
    assert len(seen) == len(found)
    assert all(text in line for text, line in zip(found, seen, strict=True))


@pytest.mark.parametrize(
    ("name", "before", "after", "found"),
    [
        ("a.png", "red", (255, 0, 0), []),
        ("a.png", "red", (254, 0, 0), ["a.png: 2 pixels differ"]),
        ("a.json", {"x": 1, "y": [2]}, {"x": 1, "y": [2]}, []),
        ("a.json", {"x": 1}, {"x": 1.0}, ["a.json: /x: 1.0, was 1"]),
        ("a.json", {"x": float("nan")}, {"x": float("nan")}, []),
        ("a.json", {"x": [1, 2]}, {"x": [1, 3]}, ["a.json: /x/1: 3, was 2"]),
        ("a.json", {"x": [1]}, {"x": [1, 3]}, ["a.json: /x: [1, 3], was [1]"]),
        ("a.json", {"x": 1, "y": 2}, {"y": 2, "x": 1}, ["a.json: : another order"]),
        ("a.md", "text", "text", []),
        ("a.md", "text", "text ", ["a.md: the text differs"]),
    ],
)
def test_pictures_and_texts_are_compared(
    tmp_path: Path, name: str, before: Any, after: Any, found: list[str]
) -> None:
    seen = compared(tmp_path, name, before, after)
    assert len(seen) == len(found)
    assert all(line.startswith(text) for text, line in zip(found, seen, strict=True))


def test_a_file_that_one_side_lacks_is_a_difference(tmp_path: Path) -> None:
    for name in ("before/a/x.md", "after/b/y.md"):
        file = tmp_path / name
        file.parent.mkdir(parents=True)
        file.touch()
    count, found = differences(tmp_path / "before", tmp_path / "after")
    assert (count, found) == (0, ["a/x.md: only before", "b/y.md: only after"])
