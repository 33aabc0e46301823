"""Inputs of a graph by name, and whether values are of their type."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Graph = dict[str, Any]
Schemas = Mapping[str, Mapping[str, Any]]  # by type of the node, see `comfy.Comfy.schemas`
SHOWN = 8  # names in a message


@dataclass(frozen=True)
class Target:
    """An input of a node of a graph."""

    node: str
    input: str


def find(name: str, graph: Graph) -> Target:
    """The input that NODE.INPUT names; whether its node has it is not checked.

    Raises:
        ValueError: no node or several have this id, title or type.
    """
    # titles and inputs may have points in them, so the longest name of a node wins
    for at in reversed([place for place, letter in enumerate(name) if letter == "."]):
        found = nodes(name[:at], graph)
        if len(found) == 1 and name[at + 1 :]:
            return Target(found[0], name[at + 1 :])
        if len(found) > 1:
            raise ValueError(f"{name[:at]!r} names {len(found)} nodes: write {' or '.join(found)}")
    known = ", ".join(list(dict.fromkeys(_titles(graph)))[:SHOWN])
    raise ValueError(
        f"no node for {name!r}: write NODE.INPUT, where NODE is an id, a title or a type of a node "
        f"of the workflow, such as {known}"
    )


def nodes(name: str, graph: Graph) -> list[str]:
    """Ids of the nodes with this id, else with this title, else of this type."""
    if name in graph:
        return [name]
    titled = [key for key in graph if title(graph, key) == name]
    return titled or [key for key, node in graph.items() if node["class_type"] == name]


def title(graph: Graph, key: str) -> str:
    """The title of a node, or its type."""
    node = graph[key]
    return str((node.get("_meta") or {}).get("title") or node["class_type"])


def _titles(graph: Graph) -> Iterator[str]:
    return (f"'{title(graph, key)}' ({key})" for key in graph)


def with_values(graph: Graph, values: Mapping[str, Any]) -> Graph:
    """A copy of the graph with values of its inputs, by NODE.INPUT."""
    changed = copy.deepcopy(graph)
    for name, value in values.items():
        target = find(name, graph)
        changed[target.node]["inputs"][target.input] = copy.deepcopy(value)
    return changed


def check(name: str, value: Any, graph: Graph, schemas: Schemas) -> Any:
    """The value as the input takes it: a whole number for FLOAT is a float, 3.0 for INT is 3.

    Raises:
        ValueError: the node has no such input, or takes no such value.
    """
    target = find(name, graph)
    node = graph[target.node]
    known = schemas[node["class_type"]]["inputs"]
    if target.input not in known:
        if target.input in node["inputs"]:  # of a node that takes any names
            return value
        raise ValueError(
            f"input {name!r}: node '{title(graph, target.node)}' has no input {target.input!r}; it "
            f"has {', '.join(known) or 'none'}"
        )
    if _is_link(value, graph):
        return value
    kind, options = known[target.input]
    wanted, taken = _taken(kind, options, value)
    if wanted:
        more = ""
        if isinstance(value, str) and kind in ("INT", "FLOAT"):
            more = "; YAML reads numbers as 10, 0.5 or 1.0e-3"
        raise ValueError(f"input {name!r} takes {wanted}, got {value!r:.80}{more}")
    return taken


def _taken(kind: Any, options: Mapping[str, Any], value: Any) -> tuple[str, Any]:
    """What is wanted instead, or empty; and the value."""
    choices = kind if isinstance(kind, list) else options.get("options")
    if choices is not None and not isinstance(value, (list, dict)):
        if options.get("free") or value in choices:
            return "", value
        more = ", ..." if len(choices) > SHOWN else ""
        return f"one of {', '.join(map(str, choices[:SHOWN]))}{more}", value
    kinds = [] if isinstance(kind, list) else kind.split(",")
    if "STRING" in kinds:
        return ("" if isinstance(value, str) else "text"), value
    if "BOOLEAN" in kinds:
        return ("" if isinstance(value, bool) else "true or false"), value
    if "INT" in kinds or "FLOAT" in kinds:
        return _number("INT" in kinds, options, value)
    if "*" in kinds:
        return "", value
    return f"a {kind} of another node, as [ID, OUTPUT]", value


def _number(whole: bool, options: Mapping[str, Any], value: Any) -> tuple[str, Any]:
    low, high = options.get("min", -math.inf), options.get("max", math.inf)
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    number = number and math.isfinite(value)
    if not number or not low <= value <= high or (whole and value != int(value)):
        noun = "a whole number" if whole else "a number"
        return f"{noun} from {low:g} to {high:g}".replace("from -inf to inf", "").strip(), value
    return "", int(value) if whole else float(value)


def _is_link(value: Any, graph: Graph) -> bool:
    """Whether a value is an output of a node: its id and the index of the output."""
    link = isinstance(value, list) and [type(part) for part in value] == [str, int]
    return link and value[0] in graph
