"""The example workflows on the page: no node covers another, also with every view open."""

import json
import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
WORKFLOWS = sorted((ROOT / "examples_workflows").glob("*.json"))
TITLE = 30  # pixels of a node's title, above its position


def number(script: str, name: str) -> int:
    """A constant of a script of the page."""
    found = re.search(rf"const {name} = (\d+);", (ROOT / "web/js" / script).read_text("utf-8"))
    assert found
    return int(found[1])


BAR = number("view.js", "BAR")
OPENED = {  # by how much an open view makes its node taller
    "SelfGuidanceKSampler": number("live/view.js", "LEAST") - BAR,
    "SelfGuidanceAttentionPreview": number("attention/view.js", "LEAST") - BAR,
}


def area(node: dict[str, Any]) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of a node with its view open, in pixels of the graph."""
    (x, y), (width, height) = node["pos"], node["size"]
    return x, y - TITLE, x + width, y + height + OPENED.get(node["type"], 0)


def covers(one: dict[str, Any], other: dict[str, Any]) -> bool:
    (a, b, c, d), (e, f, g, h) = area(one), area(other)
    return a < g and e < c and b < h and f < d


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_open_views_cover_no_other_node(file: Path) -> None:
    nodes = json.loads(file.read_text("utf-8"))["nodes"]
    pairs = [(a["id"], b["id"]) for a, b in combinations(nodes, 2) if covers(a, b)]
    assert not pairs, f"nodes that lie over each other: {pairs}"


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_a_workflow_opens_with_its_first_node_clear_of_the_pages_bars(file: Path) -> None:
    graph = json.loads(file.read_text("utf-8"))
    corners = [area(node)[:2] for node in graph["nodes"]]
    corners += [tuple(group["bounding"][:2]) for group in graph["groups"]]
    view = graph["extra"]["ds"]
    for axis, bar in enumerate((60, 100)):  # pixels of the side bar, and of the bars at the top
        least = min(corner[axis] for corner in corners)
        assert (least + view["offset"][axis]) * view["scale"] > bar
