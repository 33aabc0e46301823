"""Nodes are found under the words that people search for, on hosts that can do so."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

NAMESAKES = ("KSampler", "Guider", "Apply")


@pytest.fixture
def nodes(comfy: Path) -> list[Any]:
    from selfguidance.tools.host import pack

    return pack.NODES


def with_aliases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give io.Schema the field of newer hosts, if it lacks it."""
    from selfguidance.nodes.ui import schema

    @dataclass
    class Newer(schema.io.Schema):
        search_aliases: list[str] = field(default_factory=list)

    monkeypatch.setattr(schema.io, "Schema", Newer)


def test_every_node_has_aliases_that_its_name_does_not_hold(
    nodes: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with_aliases(monkeypatch)
    for node in nodes:
        schema = node.define_schema()
        assert schema.search_aliases, schema.node_id
        assert len(set(schema.search_aliases)) == len(schema.search_aliases)
        assert not [a for a in schema.search_aliases if a in schema.display_name.lower()]


def test_a_host_without_aliases_gets_none(
    nodes: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from selfguidance.nodes.ui import schema

    @dataclass
    class Older:
        node_id: str

    monkeypatch.setattr(schema.io, "Schema", Older)
    assert schema.schema("SelfGuidanceBox", ["box"]) == Older("SelfGuidanceBox")


def test_nodes_with_namesakes_say_which_method_they_are(nodes: list[Any]) -> None:
    schemas = {node.__name__: node.define_schema() for node in nodes}
    for name in NAMESAKES:
        assert "layout" in schemas[name].display_name
        assert "2306.00986" in schemas[name].description
        assert "2412.05827" in schemas[name].description
    names = [schema.display_name for schema in schemas.values()]
    assert len(set(names)) == len(names)
    assert all(name.startswith("Self-Guidance ") for name in names)
