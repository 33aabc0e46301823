"""Records and heads that users have saved: files of the first layout of this pack still load.

The files of `landed` were written by its nodes in a server, before the folders of the pack changed:
two guided steps of the Shapes model at 96 x 64 pixels, and a head fitted on them. `values.json` is
what the code of that day read from them.
"""

import json
from pathlib import Path
from typing import Any

import torch
from selfguidance.guidance import storage
from selfguidance.guidance.head import file as head_file
from selfguidance.guidance.record import file as record_file
from selfguidance.guidance.record.record import Record
from torch import Tensor

FOLDER = Path(__file__).parent / "landed"
RECORD, HEAD = FOLDER / "record.safetensors", FOLDER / "head.safetensors"
VALUES = json.loads((FOLDER / "values.json").read_text("utf-8"))
TOLERANCE = {"rtol": 1e-5, "atol": 1e-6}  # of sums in another order


def close(found: Tensor, wanted: Any) -> None:
    torch.testing.assert_close(found, torch.tensor(wanted), **TOLERANCE)


def test_a_record_shows_what_it_showed() -> None:
    record = record_file.load(RECORD)
    assert (record.family, record.batch) == (VALUES["family"], VALUES["batch"])
    assert list(record.last.table.objects) == VALUES["objects"] != []
    for step, wanted in zip(record, VALUES["steps"], strict=True):
        assert step.properties.sigma == wanted["sigma"]
        assert step.guided == wanted["guided"]
        assert {name: list(values) for name, values in step.energies.items()} == wanted["energies"]
        seen = record.at(step.properties.sigma)
        for name, (centroid, size) in wanted["objects"].items():
            close(seen.centroid(name), centroid)
            close(seen.size(name), size)
    assert any(step.energies for step in record)
    close(record.settled().centroid("red circle"), VALUES["settled"])


def test_a_head_finds_what_it_found() -> None:
    head, grid = head_file.load(HEAD), features(record_file.load(RECORD))
    assert (head.object, head.family, head.feature_place) == tuple(VALUES["head"])
    assert list(head.sigmas) == VALUES["knots"]
    close(head.logits(grid, VALUES["knots"][0])[0], VALUES["logits"])


def features(record: Record) -> Tensor:
    """What the first step of a record holds for heads."""
    grid = record.steps[0].properties.feature_grid
    assert grid is not None
    return grid.float()


def test_the_same_would_be_written_today() -> None:
    for file, packed in (
        (RECORD, lambda: record_file.pack(record_file.load(RECORD))),
        (HEAD, lambda: head_file.pack(head_file.load(HEAD))),
    ):
        kind = f"self-guidance {file.stem}"
        (tensors, facts), (again, then) = storage.load(file, kind), packed()
        assert json.dumps(then, sort_keys=True) == json.dumps(facts, sort_keys=True)
        assert set(again) == set(tensors)
        for name, tensor in tensors.items():
            assert torch.equal(again[name], tensor) and again[name].dtype == tensor.dtype
