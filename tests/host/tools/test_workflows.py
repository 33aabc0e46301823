"""The example workflows as files, and those that look at, move or resize one object of a run."""

import re
from typing import Any

import numpy as np
import pytest
from selfguidance.guidance.layout.canvas import Layout
from selfguidance.tests.host.gallery import NEAR, distance, node, overlap, read, things
from selfguidance.tools.workflows import variants, workflows

NAMES = sorted(workflows.THUMBNAILS)
ALL = sorted([*NAMES, *variants.names()])


def test_every_workflow_has_a_thumbnail() -> None:
    files = workflows.saved()
    assert {workflows.name_of(file) for file in files} == {*NAMES, *variants.names()}
    assert all(file.with_suffix(".jpg").exists() for file in files)
    assert len(list(workflows.FOLDER.glob("*.jpg"))) == len(files)


def test_start_here_comes_first_and_numbers_give_the_order() -> None:
    stems = [file.stem for file in workflows.saved()]
    assert workflows.name_of(workflows.saved()[0]) == "start_here"
    numbers = [int(stem.partition("_")[0]) for stem in stems]
    assert numbers == sorted(set(numbers))
    assert all(re.match(r"\d\d_[a-z]", stem) for stem in stems)  # so that names sort as numbers do


@pytest.mark.parametrize("name", ALL)
def test_the_api_form_is_what_the_page_would_send(known: dict[str, Any], name: str) -> None:
    saved = read("api", f"{name}.json")
    sent = workflows.api_form(read(f"{name}.json"), known)
    for form in (saved, sent):  # titles of ComfyUI's own nodes differ from version to version
        for entry in form.values():
            if not entry["class_type"].startswith("SelfGuidance"):
                del entry["_meta"]
    assert saved == sent


@pytest.mark.parametrize("name", ALL)
def test_nodes_do_not_overlap(name: str) -> None:
    title = 30  # pixels above a node's position
    boxes = [(*n["pos"], *n["size"]) for n in read(f"{name}.json")["nodes"]]
    for i, (x, y, width, height) in enumerate(boxes):
        for other_x, other_y, other_width, other_height in boxes[i + 1 :]:
            beside = x + width < other_x or other_x + other_width < x
            above = y + height < other_y - title or other_y + other_height < y - title
            assert beside or above


@pytest.mark.parametrize("name", ALL)
def test_a_note_says_what_happens(name: str) -> None:
    notes = [n for n in read(f"{name}.json")["nodes"] if n["type"] == "MarkdownNote"]
    assert notes
    assert all(len(note["widgets_values"][0]) > 100 for note in notes)


@pytest.mark.compat("Front ends", "Every example workflow in a real server")
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
    asked = node("move_an_object", "SelfGuidanceMoveObject")
    pictures = shown("move_an_object")
    before, after = things(pictures["Before"]), things(pictures["After"])
    assert sorted(before) == sorted(after)
    was, now = before.pop(asked["object"]), after.pop(asked["object"])
    assert distance(now, was.x + asked["dx"], was.y + asked["dy"]) < NEAR
    assert all(overlap(before[name].mask, after[name].mask) > 0.7 for name in before)


def test_the_resized_object_has_the_asked_area_and_stays(shown: Any) -> None:
    asked = node("resize_an_object", "SelfGuidanceResizeObject")
    pictures = shown("resize_an_object")
    before, after = things(pictures["Before"]), things(pictures["After"])
    assert sorted(before) == sorted(after)
    was, now = before.pop(asked["object"]), after.pop(asked["object"])
    assert now.area / was.area == pytest.approx(asked["scale"], rel=0.2)
    assert distance(now, was.x, was.y) < NEAR
    assert all(overlap(before[name].mask, after[name].mask) > 0.7 for name in before)


@pytest.mark.parametrize("name", ["start_here", "drag_an_object"])
def test_dragged_objects_stand_where_the_canvas_has_them(shown: Any, name: str) -> None:
    asked = Layout.parse(node(name, "SelfGuidanceLayout")["layout"])
    pictures = shown(name)
    before, after = things(pictures["Before"]), things(pictures["After"])
    assert sorted(before) == sorted(after) == sorted(o.phrase for o in asked.objects)
    assert any(placed.shifted for placed in asked.objects)
    for placed in asked.objects:
        was, now = before[placed.phrase], after[placed.phrase]
        assert now.area / was.area == pytest.approx(placed.scale**2, abs=0.2)
        if placed.shifted:
            assert distance(now, placed.x, placed.y) < NEAR < distance(was, placed.x, placed.y)
        else:
            assert overlap(was.mask, now.mask) > 0.7


def test_a_record_from_a_file_edits_as_the_run_itself(shown: Any) -> None:
    from_file, from_run = shown("save_and_load_record"), shown("move_an_object")
    assert np.array_equal(from_file["Before"], from_run["Before"])
    assert np.array_equal(from_file["After"], from_run["After"])
