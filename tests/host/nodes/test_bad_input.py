"""Bad input ends in one ValueError that names the input and says what to do."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from types import ModuleType
from typing import Any

import pytest
import torch

AS_IT_IS = {"dx": 0, "dy": 0, "scale_x": 1, "scale_y": 1, "rotation": 0}


@pytest.fixture(scope="module")
def model(lab: ModuleType) -> Any:
    return lab.unet("shapes")


@pytest.fixture(scope="module")
def record(lab: ModuleType, model: Any) -> Any:
    return lab.guided(model, steps=2)[1]


def window(**changes: Any) -> dict[str, Any]:
    return {"weight": 1.0, "start_percent": 0.0, "end_percent": 1.0, **changes}


def refused(action: Callable[[], Any], *named: str) -> None:
    """The action raises a ValueError that contains every text, as a sentence for a user."""
    with pytest.raises(ValueError) as info:
        action()
    message = str(info.value)
    assert all(text in message for text in named), message
    assert len(message) > 25 and "Traceback" not in message


def test_an_object_that_the_prompt_lacks(lab: ModuleType, model: Any) -> None:
    terms = [lab.position("green star")]
    refused(lambda: lab.guided(model, terms), "green star", "red", "circle", "square")


def test_a_prompt_without_token_table(lab: ModuleType, model: Any) -> None:
    inputs = {"positive": lab.empty(1), "negative": lab.empty()}
    refused(
        lambda: lab.guided(model, [lab.position()], **inputs),
        "positive",
        "Self-Guidance Prompt",
    )
    plain = lab.plain(model, **inputs)
    assert torch.equal(lab.guided(model, **inputs)[0], plain)


@pytest.mark.parametrize("node", ["Position", "Size"])
def test_a_relative_target_without_reference(lab: ModuleType, node: str) -> None:
    from selfguidance.nodes import terms

    target = {"x": 0.1, "y": 0.1} if node == "Position" else {"size": 1.2}
    refused(
        lambda: getattr(terms, node).execute("red circle", **target, relative=True, **window()),
        "reference",
        "red circle",
    )


def test_a_shape_without_reference_and_mask(lab: ModuleType) -> None:
    from selfguidance.nodes.reference_terms import Shape

    refused(lambda: Shape.execute("star", 0, 0, 1, 1, 0, **window()), "reference", "mask", "star")


@pytest.mark.parametrize("value", [0.0, float("nan")], ids=["empty", "nan"])
def test_a_mask_that_shows_nothing(lab: ModuleType, value: float) -> None:
    from selfguidance.nodes.reference_terms import Shape

    mask = torch.full((1, 8, 8), value)
    refused(lambda: Shape.execute("star", 0, 0, 1, 1, 0, **window(), mask=mask), "mask", "star")


@pytest.mark.parametrize("shape", [(0, 8, 8), (1, 0, 8), (1, 1, 8, 0)], ids=str)
def test_a_mask_without_pixels(record: Any, shape: tuple[int, ...]) -> None:
    from selfguidance.tools.quality.studio import call

    for node in ("Mask", "Shape", "Feature", "FitHead"):
        wires = {"record" if node in ("Feature", "FitHead") else "reference": record}
        for mode in [{"mode": "place"}, {"mode": "preserve"}] if node == "Mask" else [{}]:
            inputs = {"mask": torch.ones(shape), **wires, **mode}
            refused(lambda n=node, i=inputs: call(f"SelfGuidance{n}", **i), "mask", "is empty")


@pytest.mark.parametrize("node", ["Position", "Size", "Shape", "Appearance", "Move", "Resize"])
def test_a_reference_without_the_object(lab: ModuleType, record: Any, node: str) -> None:
    from selfguidance.nodes import recipes, reference_terms, terms

    rest = {**window(), "object": "green star", "reference": record}
    actions = {
        "Position": lambda: terms.Position.execute(x=0, y=0, relative=True, **rest),
        "Size": lambda: terms.Size.execute(size=1, relative=True, **rest),
        "Shape": lambda: reference_terms.Shape.execute(**AS_IT_IS, **rest),
        "Appearance": lambda: reference_terms.Appearance.execute(**rest),
        "Move": lambda: recipes.MoveObject.execute(dx=0.1, dy=0, **rest),
        "Resize": lambda: recipes.ResizeObject.execute(scale=1.5, **rest),
    }
    refused(actions[node], "green star", "circle")


@pytest.mark.parametrize("node", ["Position", "Size", "Shape", "Appearance"])
def test_a_reference_without_the_object_to_take(lab: ModuleType, record: Any, node: str) -> None:
    from selfguidance.nodes import reference_terms, terms

    rest = {**window(), "reference": record}
    actions: dict[str, Callable[..., Any]] = {
        "Position": partial(terms.Position.execute, x=0, y=0, relative=True),
        "Size": partial(terms.Size.execute, size=1, relative=True),
        "Shape": partial(reference_terms.Shape.execute, **AS_IT_IS),
        "Appearance": reference_terms.Appearance.execute,
    }
    take = partial(actions[node], **rest)
    (found, *_) = take(object="green star", reference_object="red circle").args[0]
    assert (found.object, found.compared) == ("green star", "red circle")
    refused(lambda: take(object="red circle", reference_object="green star"), "green star")


@pytest.mark.parametrize(
    ("box", "reason"),
    [
        ((0.2, 0.2, 0.0, 0.5), "no area"),
        ((0.8, 0.2, 0.5, 0.5), "outside"),
        ((0.0, 0.0, 1.0, 1.0), "whole picture"),
    ],
)
def test_a_box_that_places_nothing(lab: ModuleType, box: tuple[float, ...], reason: str) -> None:
    from selfguidance.nodes.attention_terms import Box

    refused(
        lambda: Box.execute("red circle", *box, True, **window()),
        reason,
        "red circle",
        "x + width",
        *(f"{value:g}" for value in box),
    )


@pytest.mark.parametrize("node", ["Presence", "Box"])
def test_an_object_of_an_attention_term_that_the_prompt_lacks(
    lab: ModuleType, model: Any, node: str
) -> None:
    from selfguidance.nodes import attention_terms

    box = {"x": 0.1, "y": 0.1, "width": 0.5, "height": 0.5, "corners": True}
    inputs = box if node == "Box" else {}
    terms = getattr(attention_terms, node).execute("green star", **inputs, **window()).args[0]
    refused(lambda: lab.guided(model, terms), "green star", "circle")


def test_a_combine_of_nothing(lab: ModuleType) -> None:
    from selfguidance.nodes.combine import Combine

    refused(lambda: Combine.execute(1.0, "left"), "terms_1", "Combine", "wire")


def test_one_object_changed_relative_to_two_references(
    lab: ModuleType, model: Any, record: Any
) -> None:
    from selfguidance.nodes.recipes import MoveObject, ResizeObject

    other = replace(record)
    terms = MoveObject.execute("red circle", 0.1, 0.0, other, **window()).args[0]
    terms = ResizeObject.execute("red circle", 1.5, record, **window(), terms=terms).args[0]
    refused(lambda: lab.guided(model, terms), "red circle", "two references", "same record")


def test_an_empty_record_as_reference(lab: ModuleType, model: Any) -> None:
    from selfguidance.nodes.recipes import MoveObject

    _, empty = lab.guided(model, positive=lab.empty(1), negative=lab.empty(), steps=1)
    refused(
        lambda: MoveObject.execute("red circle", 0.1, 0.0, empty, **window()),
        "record",
        "Self-Guidance Prompt",
    )


def test_a_start_after_the_end(lab: ModuleType) -> None:
    from selfguidance.nodes.terms import Position

    times = window(start_percent=0.7, end_percent=0.2)
    refused(
        lambda: Position.execute("red circle", 0.5, 0.5, False, **times),
        "start_percent",
        "end_percent",
        "0.7",
    )


@pytest.mark.parametrize("terms", [False, True], ids=["recording", "guided"])
def test_a_model_of_another_family(lab: ModuleType, terms: bool) -> None:
    refused(
        lambda: lab.guided(lab.unet("other"), [lab.position()] * terms),
        "family",
        "Stable Diffusion XL",
        "Shapes",
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_latent_that_is_not_finite(lab: ModuleType, model: Any, value: float) -> None:
    latent = lab.latent()
    latent["samples"][0, 1, 2, 3] = value
    refused(lambda: lab.guided(model, [lab.position()], latent_image=latent), "latent_image")


def test_no_steps(lab: ModuleType, model: Any) -> None:
    refused(lambda: lab.guided(model, [lab.position()], steps=0), "steps", "0")


def test_a_reference_of_another_batch_size(lab: ModuleType, model: Any) -> None:
    from selfguidance.guidance.terms import reference as energies

    _, two = lab.guided(model, steps=1, latent_image=lab.latent(2))
    term = energies.Position(object="red circle", x=0.1, y=0.0, reference=two)
    refused(lambda: lab.guided(model, [term], latent_image=lab.latent(3)), "reference", "2", "3")


def test_a_mask_of_another_batch_size(lab: ModuleType, model: Any) -> None:
    from selfguidance.guidance.terms import reference as energies

    term = energies.Shape(object="red circle", mask=torch.eye(8).repeat(2, 1, 1))
    refused(lambda: lab.guided(model, [term], latent_image=lab.latent(3)), "mask", "2", "3")


def test_a_reference_of_another_family(lab: ModuleType, model: Any, record: Any) -> None:
    from selfguidance.guidance.terms import reference as energies

    other = replace(record, family="sdxl")
    term = energies.Position(object="red circle", x=0.1, y=0.0, reference=other)
    refused(lambda: lab.guided(model, [term]), "reference", "sdxl", "shapes")


def test_a_reference_of_other_attention_sites(lab: ModuleType, model: Any, record: Any) -> None:
    from selfguidance.guidance.terms import reference as energies

    def without_first(step: Any) -> Any:
        _, *rest = step.properties.maps
        maps = {s: step.properties.maps[s] for s in rest} | {("output", 9, 0): torch.ones(1, 7, 4)}
        return replace(step, properties=replace(step.properties, maps=maps))

    other = replace(record, steps=tuple(map(without_first, record)))
    term = energies.Position(object="red circle", x=0.1, y=0.0, reference=other)
    refused(lambda: lab.guided(model, [term]), "reference", "output 9 0", "output 2 0", "record it")


def test_a_reference_of_another_size_for_what_is_kept(lab: ModuleType, model: Any) -> None:
    from selfguidance.nodes.recipes import MoveObject

    _, wide = lab.guided(model, steps=1, latent_image=lab.latent(1, 8, 16))
    terms = MoveObject.execute("red circle", 0.1, 0.0, wide, **window()).args[0]
    refused(lambda: lab.guided(model, terms), "reference", "16", "8")


def test_a_plot_of_a_record_without_energies(lab: ModuleType, record: Any) -> None:
    from selfguidance.nodes.plot import EnergyPlot

    refused(lambda: EnergyPlot.execute(record), "energies", "terms")


def test_a_preview_of_a_step_that_is_not_there(lab: ModuleType, record: Any) -> None:
    from selfguidance.nodes.preview import AttentionPreview

    assert AttentionPreview.execute(record, "red circle", 1).args
    refused(lambda: AttentionPreview.execute(record, "red circle", 2), "step", "2")


def test_a_preview_of_an_object_that_is_not_there(lab: ModuleType, record: Any) -> None:
    from selfguidance.nodes.preview import AttentionPreview

    refused(lambda: AttentionPreview.execute(record, "green star", -1), "green star", "circle")


def test_a_preview_over_pictures_of_another_batch(lab: ModuleType, record: Any) -> None:
    from selfguidance.nodes.preview import AttentionPreview

    image = torch.zeros(2, 64, 64, 3)
    refused(lambda: AttentionPreview.execute(record, "red circle", -1, image), "image", "2")


def test_a_prompt_without_clip(lab: ModuleType) -> None:
    from selfguidance.nodes.prompts import Prompt

    refused(lambda: Prompt.execute(None, "a star"), "clip")
