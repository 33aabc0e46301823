"""Numbers that are none are refused by the names of their inputs, whatever else is wired."""

import math
from types import ModuleType
from typing import Any

import pytest

BAD = (math.nan, math.inf, -math.inf)


def numbers() -> list[tuple[Any, str]]:
    """Every node with each of its inputs that takes a fraction."""
    from selfguidance.tools.host.pack import NODES

    return [
        (node, name)
        for node in NODES
        for group in node.INPUT_TYPES().values()
        for name, (kind, *_) in group.items()
        if kind == "FLOAT"
    ]


def test_numbers_that_are_none_are_refused_by_name(lab: ModuleType) -> None:
    found = numbers()
    assert len(found) > 60
    for node, name in found:
        others = {key: None for key in node.INPUT_TYPES()["required"] if key != name}
        for value in BAD:
            with pytest.raises(ValueError, match=rf"^{name} must be a finite number, got {value};"):
                node.execute(**others, **{name: value})


def test_a_number_given_by_its_place_is_named_too(lab: ModuleType) -> None:
    from selfguidance.nodes.recipes import MoveObject

    with pytest.raises(ValueError, match=r"^dy must be a finite number, got nan"):
        MoveObject.execute("red circle", 0.1, math.nan, None, 1.0, 0.0, 1.0)


def test_the_host_still_sees_the_inputs_of_every_node(lab: ModuleType) -> None:
    for node, name in numbers():
        assert name in {**node.INPUT_TYPES()["required"], **node.INPUT_TYPES().get("optional", {})}
        node.GET_SCHEMA()
