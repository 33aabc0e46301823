"""The example workflows in a real server: they match their API form and do what they say."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from selfguidance.demo import serve, workflows

NAMES = ("look_at_attention", "move_an_object", "resize_an_object")
Picture = np.ndarray


def read(*parts: str) -> dict[str, Any]:
    return json.loads(Path(workflows.FOLDER, *parts).read_text("utf-8"))


@pytest.fixture(scope="module")
def known(server: serve.Server) -> dict[str, Any]:
    """What the server tells about every node."""
    return server.json("/object_info")


@pytest.fixture(scope="module")
def shown(server: serve.Server) -> Any:
    """Run a workflow, once; its pictures as [H, W, 3] in 0..1, by the title of their node."""
    done: dict[str, dict[str, Picture]] = {}

    def run(name: str) -> dict[str, Picture]:
        if name not in done:
            pictures = workflows.run(server, read("api", f"{name}.json"))
            done[name] = {title: np.asarray(p[0]) / 255 for title, p in pictures.items()}
        return done[name]

    return run


def node(graph: dict[str, Any], kind: str) -> dict[str, Any]:
    """Inputs of the one node of a kind, with the values of the primitive nodes wired to it."""
    (found,) = [n["inputs"] for n in graph.values() if n["class_type"] == kind]
    sources = {k: graph[v[0]]["inputs"] for k, v in found.items() if isinstance(v, list)}
    return {**found, **{k: source["value"] for k, source in sources.items() if "value" in source}}


def things(picture: Picture) -> dict[str, Any]:
    """What stands in a picture, by name."""
    from selfguidance.demo.measure import find_objects

    return {f"{found.colour} {found.shape}": found for found in find_objects(picture)}


def overlap(a: Any, b: Any) -> float:
    return float((a.mask & b.mask).sum() / (a.mask | b.mask).sum())


def test_every_workflow_is_tested() -> None:
    assert (
        sorted(NAMES) == [file.stem for file in workflows.saved()] == sorted(workflows.THUMBNAILS)
    )


@pytest.mark.parametrize("name", NAMES)
def test_the_api_form_is_what_the_page_would_send(known: dict[str, Any], name: str) -> None:
    assert read("api", f"{name}.json") == workflows.api_form(read(f"{name}.json"), known)


@pytest.mark.parametrize("name", NAMES)
def test_nodes_do_not_overlap(name: str) -> None:
    title = 30  # pixels above a node's position
    boxes = [(*n["pos"], *n["size"]) for n in read(f"{name}.json")["nodes"]]
    for i, (x, y, width, height) in enumerate(boxes):
        for other_x, other_y, other_width, other_height in boxes[i + 1 :]:
            beside = x + width < other_x or other_x + other_width < x
            above = y + height < other_y - title or other_y + other_height < y - title
            assert beside or above


@pytest.mark.parametrize("name", NAMES)
def test_every_node_that_shows_a_picture_shows_something(shown: Any, name: str) -> None:
    pictures = shown(name)
    assert set(workflows.THUMBNAILS[name]) <= set(pictures)
    assert [title for title, picture in pictures.items() if picture.std() < 0.02] == []


def test_attention_lies_on_the_object(shown: Any) -> None:
    graph = read("api", "look_at_attention.json")
    (name,) = {n["inputs"]["object"] for n in graph.values() if n["inputs"].get("object")}
    pictures = shown("look_at_attention")
    found = things(pictures["Picture"])[name]
    mask = pictures["The object as a mask"][..., 0]
    assert mask[found.mask].mean() > 4 * mask[~found.mask].mean()


def test_the_moved_object_stands_where_it_was_asked_to_and_the_other_stayed(shown: Any) -> None:
    asked = node(read("api", "move_an_object.json"), "SelfGuidanceMoveObject")
    pictures = shown("move_an_object")
    before, after = things(pictures["Before"]), things(pictures["After"])
    assert sorted(before) == sorted(after)
    was, now = before.pop(asked["object"]), after.pop(asked["object"])
    assert np.hypot(now.x - was.x - asked["dx"], now.y - was.y - asked["dy"]) < 0.06
    assert all(overlap(before[name], after[name]) > 0.7 for name in before)


def test_the_resized_object_has_the_asked_area_and_stays(shown: Any) -> None:
    asked = node(read("api", "resize_an_object.json"), "SelfGuidanceResizeObject")
    pictures = shown("resize_an_object")
    before, after = things(pictures["Before"]), things(pictures["After"])
    assert sorted(before) == sorted(after)
    was, now = before.pop(asked["object"]), after.pop(asked["object"])
    assert now.area / was.area == pytest.approx(asked["scale"], rel=0.2)
    assert np.hypot(now.x - was.x, now.y - was.y) < 0.06
    assert all(overlap(before[name], after[name]) > 0.7 for name in before)
