"""The Shapes domain: what is drawn is what was asked, and is recognised as such."""

from random import Random

import numpy as np
import pytest

pytest.importorskip("scipy")
from selfguidance.demo import scenes
from selfguidance.tools.shapes import measure

FORMATS = ((128, 128), (256, 128), (128, 256))


@pytest.mark.parametrize("shape", scenes.SHAPES)
def test_a_thing_covers_the_circle_of_its_radius_about_its_centre(shape):
    layer = scenes.coverage(scenes.Thing("red", shape, 0.43, 0.55, 20.0), 128, 128)
    rows, columns = np.mgrid[:128, :128] + 0.5
    assert layer.sum() == pytest.approx(np.pi * 400, rel=0.03)
    assert (layer * columns).sum() / layer.sum() / 128 == pytest.approx(0.43, abs=2e-3)
    assert (layer * rows).sum() / layer.sum() / 128 == pytest.approx(0.55, abs=2e-3)


def test_things_keep_their_distance_and_stay_inside():
    rng = Random(1)
    for k in range(150):
        scene = scenes.random_scene(rng, 1 + k % 3, *FORMATS[k % len(FORMATS)])
        layers = scenes.masks(scene)
        assert layers.sum(0).max() <= 1
        assert not layers[:, [0, -1]].any()
        assert not layers[:, :, [0, -1]].any()


def test_captions_name_things_in_order():
    things = (
        scenes.Thing("red", "circle", 0.2, 0.5, 12),
        scenes.Thing("orange", "star", 0.7, 0.5, 12),
    )
    scene = scenes.Scene(things, (0.96, 0.96, 0.95))
    assert scenes.caption(scene) == "a red circle and an orange star"
    assert scenes.caption(scene, background=True).endswith("orange star on a white background")


@pytest.mark.parametrize("noise", [0.0, 0.03])
def test_rendered_scenes_are_recognised(noise):
    rng, dust = Random(2), np.random.default_rng(2)
    for k in range(90):
        width, height = FORMATS[k // 3 % len(FORMATS)]
        scene = scenes.random_scene(rng, 1 + k % 3, width, height)
        picture = scenes.render(scene) / 255 + noise * dust.standard_normal((height, width, 3))
        found = measure.find_objects(picture)
        names = sorted((thing.colour, thing.shape) for thing in found)
        assert names == sorted((thing.colour, thing.shape) for thing in scene.things)
        for thing in scene.things:
            nearest = min(found, key=lambda f: abs(f.x - thing.x) + abs(f.y - thing.y))
            assert nearest.shape == thing.shape
            assert nearest.x == pytest.approx(thing.x, abs=4e-3)
            assert nearest.y == pytest.approx(thing.y, abs=4e-3)
        background = measure.background_colour(picture)
        assert background == pytest.approx(np.array(scene.background), abs=0.02)


def test_touching_things_of_two_colours_are_two():
    left, right = (scenes.Thing(c, "square", x, 0.5, 16) for c, x in (("red", 0.4), ("blue", 0.62)))
    found = measure.find_objects(scenes.render(scenes.Scene((left, right))) / 255)
    assert {(thing.colour, thing.shape) for thing in found} == {
        ("red", "square"),
        ("blue", "square"),
    }


def test_a_wrong_picture_is_refused():
    with pytest.raises(ValueError, match=r"image: expected \[height, width, 3\]"):
        measure.find_objects(np.zeros((3, 8, 8)))


def test_a_text_is_drawn_as_it_says() -> None:
    things = scenes.named("A red circle, an orange star and a blue square!")
    assert things == [("red", "circle"), ("orange", "star"), ("blue", "square")]
    scene = scenes.random_scene(Random(3), 3, names=things)
    assert [(thing.colour, thing.shape) for thing in scene.things] == things


@pytest.mark.parametrize("text", ["", "a red ball", "a circle", "a red circle " * 4])
def test_a_text_that_cannot_be_drawn_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="text must name one to 3 things"):
        scenes.named(text)
