"""Names of inputs and types of values."""

from typing import Any

import pytest
from selfguidance.tests.unit.tools.sweep.sweeps import GRAPH, SCHEMAS
from selfguidance.tools.sweep.inputs import Target, check, find, with_values


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("3.seed", Target("3", "seed")),
        ("Seed of both.value", Target("2", "value")),
        ("Loader.name", Target("1", "name")),
        ("v1.5 sampler.strength", Target("3", "strength")),
        ("3.resize.width", Target("3", "resize.width")),
    ],
)
def test_a_node_is_named_by_id_title_or_type(name: str, target: Target) -> None:
    assert find(name, GRAPH) == target


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("9.value", "no node for '9.value'.*'Model' \\(1\\)"),
        ("value", "write NODE.INPUT"),
        ("3.", "no node"),
        ("Show.images", "'Show' names 2 nodes: write 4 or 5"),
    ],
)
def test_a_name_of_none_or_of_several_is_refused(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        find(name, GRAPH)


def test_a_value_takes_the_place_of_a_link_in_a_copy() -> None:
    changed = with_values(GRAPH, {"3.seed": 5, "Model.name": "b"})
    assert changed["3"]["inputs"]["seed"] == 5 and changed["1"]["inputs"]["name"] == "b"
    assert GRAPH["3"]["inputs"]["seed"] == ["2", 0]


@pytest.mark.parametrize(
    ("name", "value", "taken"),
    [
        ("2.value", 3.0, 3),
        ("2.value", 2**63, 2**63),
        ("3.strength", 2, 2.0),
        ("3.text", "1", "1"),
        ("3.free", False, False),
        ("3.kind", "y", "y"),
        ("1.name", "b", "b"),
        ("3.file", "new", "new"),
        ("3.model", ["1", 0], ["1", 0]),
    ],
)
def test_values_are_taken_as_the_type_of_the_input(name: str, value: Any, taken: Any) -> None:
    found = check(name, value, GRAPH, SCHEMAS)
    assert found == taken and type(found) is type(taken)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("3.sed", 1, "node 'v1.5 sampler' has no input 'sed'; it has seed, strength"),
        ("2.value", 0.5, "'2.value' takes a whole number from 0 to inf, got 0.5"),
        ("2.value", -1, "takes a whole number from 0"),
        ("2.value", True, "takes a whole number"),
        ("3.seed", "1e3", "takes a whole number, got '1e3'; YAML reads numbers as"),
        ("3.strength", 11, "takes a number from 0 to 10, got 11"),
        ("3.strength", float("nan"), "takes a number"),
        ("3.strength", float("inf"), "takes a number"),
        ("3.strength", None, "takes a number"),
        ("3.text", 1, "takes text, got 1"),
        ("3.free", 1, "takes true or false, got 1"),
        ("3.kind", "z", "takes one of x, y, got 'z'"),
        ("1.name", "c", "takes one of a, b"),
        ("3.model", "a", "takes a MODEL of another node"),
        ("3.text", ["7", 0], "takes text"),
        ("3.text", [["1"], 0], "takes text"),
    ],
)
def test_a_value_of_another_type_is_refused(name: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check(name, value, GRAPH, SCHEMAS)


def test_a_node_that_takes_any_names_takes_those_that_it_has() -> None:
    graph = {"1": {"class_type": "Any", "inputs": {"lora_1": {"on": True}}}}
    schemas = {"Any": {"inputs": {}}}
    assert check("1.lora_1", {"on": False}, graph, schemas) == {"on": False}
    with pytest.raises(ValueError, match="it has none"):
        check("1.lora_2", 1, graph, schemas)
