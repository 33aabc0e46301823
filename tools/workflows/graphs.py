"""Nodes and links of a workflow, in the form in which ComfyUI's page saves it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .kinds import File, Part

Graph = dict[str, Any]
End = tuple[Graph, int]  # a node, and the index of one of its outputs


def become(node: Graph, node_type: str, widgets: Mapping[str, Any]) -> None:
    """Make a node one of another type, without sockets; its outputs stay."""
    node["type"] = node_type
    node["properties"] = {"Node name for S&R": node_type}
    node["inputs"] = [
        {"name": name, "type": _type(value), "link": None, "widget": {"name": name}}
        for name, value in widgets.items()
    ]
    node["widgets_values"] = list(widgets.values())


def _type(value: Any) -> str:
    return {int: "INT", float: "FLOAT"}.get(type(value), "COMBO")


def become_part(node: Graph, part: Part) -> None:
    """Make a node one of a model's; nothing is linked to it."""
    become(node, part.type, part.widgets)
    sockets = [
        {"name": name, "type": socket_type, "link": None}
        for name, socket_type in part.takes.items()
    ]
    node["inputs"] = sockets + node["inputs"]
    node["outputs"] = [
        {"name": socket_type, "type": socket_type, "links": None} for socket_type in part.gives
    ]
    if missing := [_missing(file) for file in part.files if file.url]:
        node["properties"]["models"] = missing


def _missing(file: File) -> dict[str, str]:
    """What ComfyUI's page offers to download where the file is missing."""
    return {"name": file.name, "url": file.url, "directory": file.folder}


def add(graph: Graph, part: Part, place: Sequence[int]) -> Graph:
    """Add a node of a model at a place, x and y in pixels; returns it."""
    graph["last_node_id"] += 1
    node: Graph = {
        "id": graph["last_node_id"],
        "type": part.type,
        "pos": list(place),
        "size": [330, part.height],
        "flags": {},
        "order": len(graph["nodes"]),
        "mode": 0,
    }
    become_part(node, part)
    graph["nodes"].append(node)
    return node


def connect(graph: Graph, source: End, target: Graph, name: str) -> None:
    """Link an output to the input `name` of another node."""
    graph["last_link_id"] += 1
    number = graph["last_link_id"]
    node, slot = source
    output = node["outputs"][slot]
    place = [one["name"] for one in target["inputs"]].index(name)
    output["links"] = [*(output["links"] or []), number]
    target["inputs"][place]["link"] = number
    graph["links"].append([number, node["id"], slot, target["id"], place, output["type"]])


def carry(graph: Graph, numbers: Sequence[int], source: End) -> None:
    """Let links, by their ids, start at another output; the old output is not changed."""
    node, slot = source
    for link in graph["links"]:
        if link[0] in numbers:
            link[1:3] = node["id"], slot
    output = node["outputs"][slot]
    output["links"] = [*(output["links"] or []), *numbers] or None


def disconnect(graph: Graph, number: int) -> None:
    """Remove a link from the list and from the output where it starts."""
    graph["links"] = [link for link in graph["links"] if link[0] != number]
    for node in graph["nodes"]:
        for output in node["outputs"]:
            output["links"] = [link for link in output["links"] or [] if link != number] or None
