"""Runs whose latent, prompt or object does not fit are refused by name before the first step."""

import json
import re
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import torch


@pytest.fixture(scope="module")
def model(lab: ModuleType) -> Any:
    return lab.unet("shapes")


@pytest.fixture(scope="module")
def record(lab: ModuleType, model: Any) -> Any:
    return lab.guided(model, steps=2)[1]


def refused(action: Callable[[], Any], *named: str) -> None:
    """The action raises a ValueError that contains every text."""
    with pytest.raises(ValueError) as info:
        action()
    assert all(text in str(info.value) for text in named), info.value


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ((1, 16, 8, 8), r"must be \[batch, 4, height, width\] .* \[1, 16, 8, 8\]: its 16 channels"),
        ((1, 4, 1, 8, 8), r"must be \[batch, 4, height, width\] .*: its 5 axes .* VAE of this"),
        ((4, 8, 8), r"must be \[batch, 4, height, width\] .*: its 3 axes"),
        ((0, 4, 8, 8), r"is empty, got \[0, 4, 8, 8\]; wire"),
        ((1, 4, 0, 8), r"is empty, got \[1, 4, 0, 8\]; wire"),
    ],
    ids=str,
)
def test_a_latent_of_another_kind_of_model(
    lab: ModuleType, model: Any, shape: tuple[int, ...], reason: str
) -> None:
    from selfguidance.tools.quality.studio import call

    latent = {"samples": torch.ones(shape)}
    picture = {"model": model, "positive": lab.embedded(), "latent_image": latent}
    for action in (
        lambda: lab.guided(model, latent_image=latent),
        lambda: lab.guided(model, [lab.position()], latent_image=latent),
        lambda: lab.plain(lab.applied(model, [lab.position()]), latent_image=latent),
        lambda: call("SelfGuidanceRecordImage", **picture),
    ):
        with pytest.raises(ValueError, match=r"latent_image (is empty|must be)") as info:
            action()
    assert re.search(reason, str(info.value)) or "nothing to record" in str(info.value)
    with pytest.raises(ValueError, match=f"latent_image {reason}"):
        lab.guided(model, [lab.position()], latent_image=latent)


def test_an_empty_latent_for_another_model_still_gets_the_channels(
    lab: ModuleType, model: Any
) -> None:
    latent = {"samples": torch.zeros(1, 16, 8, 8)}
    assert lab.guided(model, [lab.position()], latent_image=latent)[0].shape == (1, 4, 8, 8)


@pytest.mark.parametrize("node", ["MoveObject", "ResizeObject", "Layout"])
def test_an_object_to_keep_that_the_prompt_has_lost(
    lab: ModuleType, model: Any, record: Any, node: str
) -> None:
    from selfguidance.tools.quality.studio import call

    prompt = {"positive": lab.embedded(words=["a", "red", "circle"]), "negative": lab.empty()}
    moved = {"phrase": "red circle", "kind": "move", "start": None, "x": 0.5, "y": 0.5}
    layout = {"version": 1, "objects": [{**moved, "scale": 1.2, "rotation": 0}]}
    asked = {"layout": json.dumps(layout)} if node == "Layout" else {"object": "red circle"}
    terms = call(f"SelfGuidance{node}", reference=record, **asked)
    refused(
        lambda: lab.guided(model, terms, **prompt),
        "object 'blue square' is not in the prompt 'a red circle'",
        "reference names it, with the prompt 'a red circle and a blue square'",
        "keep every object of their reference",
        "objects input",
    )


@pytest.mark.parametrize(
    "node", ["MoveObject", "RemoveObject", "CopyObject", "Presence", "Feature"]
)
@pytest.mark.parametrize("word", ["and", "a"])
def test_a_word_that_names_nothing(
    lab: ModuleType, model: Any, record: Any, node: str, word: str
) -> None:
    from selfguidance.tools.quality.studio import call

    wires = {"record": record} if node == "Feature" else {"reference": record}
    wires = {} if node == "Presence" else wires
    refused(
        lambda: lab.guided(model, call(f"SelfGuidance{node}", object=word, **wires)),
        f"object {word!r} names nothing",
        "such as 'red circle'",
    )
