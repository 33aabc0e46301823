"""Files of records from anybody: each ends in a record that can be used, or in a ValueError."""

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from selfguidance.guidance import storage
from selfguidance.guidance.record import file as record_file
from selfguidance.guidance.record.record import Record
from selfguidance.tests.unit.guidance.recorded import TABLE, run


def use(record: Record) -> None:
    """Read all that nodes read."""
    assert record.batch and record.table.objects is not None
    for seen in (record.at(5.0), record.at(0.0), record.settled()):
        assert all(torch.isfinite(maps).all() for maps in seen.maps.values())
        for word in seen.table.words:
            if word.isalnum():
                seen.shape(word)
    record.table.averaging()


def loads(path: Path) -> bool:
    """Whether the file loads, and then can be used; any error but ValueError passes on."""
    try:
        record = record_file.load(path)
    except ValueError as error:
        assert path.name in str(error)
        return False
    use(record)
    return True


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


def spots(value: Any) -> list[tuple[Any, Any]]:
    """Every container in JSON with every key of it."""
    if isinstance(value, dict | list):
        keys = list(value) if isinstance(value, dict) else range(len(value))
        return [spot for k in keys for spot in [(value, k), *spots(value[k])]]
    return []


@given(st.data())
def test_any_facts_end_in_a_record_or_a_value_error(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "facts"
    tensors, facts = record_file.pack(run(TABLE, TABLE))
    holder, key = data.draw(st.sampled_from(spots(facts)))
    holder[key] = data.draw(JSON)
    storage.save(path, record_file.KIND, tensors, facts)
    loads(path)


@given(st.data())
def test_any_tensors_end_in_a_record_or_a_value_error(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "tensors"
    tensors, facts = record_file.pack(run(TABLE, TABLE))
    shape = data.draw(st.lists(st.integers(0, 4), max_size=6))
    dtype = data.draw(st.sampled_from([torch.float16, torch.float32, torch.int64, torch.bool]))
    tensors[data.draw(st.sampled_from([*tensors, "1.grid"]))] = torch.ones(shape).to(dtype)
    storage.save(path, record_file.KIND, tensors, facts)
    loads(path)


@given(st.data())
def test_any_bytes_end_in_a_record_or_a_value_error(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "bytes"
    record_file.save(path, run(TABLE, TABLE))
    whole = bytearray(path.read_bytes())
    header = int.from_bytes(whole[:8], "little") + 8
    for end in data.draw(st.lists(st.sampled_from([8, header, len(whole)]), min_size=1)):
        whole[data.draw(st.integers(0, end - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole)) | st.just(len(whole)))])
    loads(path)
