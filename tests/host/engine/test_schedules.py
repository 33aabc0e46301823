"""Several prompts in one run: such that come and go, some without words, and two at once."""

from types import ModuleType
from typing import Any

import pytest
import torch
from selfguidance.guidance.record.feature import Feature
from selfguidance.guidance.terms.hold import HoldMask
from selfguidance.guidance.terms.reference import Position

STEPS = 10
LEFT = torch.cat([torch.ones(1, 16, 8), torch.zeros(1, 16, 8)], -1)


def timed(conditioning: list[Any], start: float, end: float) -> list[Any]:
    import nodes

    return nodes.ConditioningSetTimestepRange().set_range(conditioning, start, end)[0]


@pytest.fixture(scope="module")
def pair(lab: ModuleType, pair: dict[str, Any]) -> dict[str, Any]:
    """The pair's prompts with the size of the model's own pictures."""
    return {**pair, "latent_image": lab.latent(1, 16, 16)}


@pytest.fixture(scope="module")
def early_words(shapes: tuple[Any, Any, Any], pair: dict[str, Any]) -> list[Any]:
    """The pair's prompt with its words for the first steps, from CLIP Text Encode thereafter."""
    import nodes

    with torch.inference_mode():
        plain = nodes.CLIPTextEncode().encode(shapes[1], "a green star")[0]
    return timed(pair["positive"], 0.0, 0.3) + timed(plain, 0.3, 1.0)


def test_a_region_is_preserved_where_the_later_prompt_has_no_words(
    lab: ModuleType, shapes: tuple[Any, Any, Any], pair: dict[str, Any], early_words: list[Any]
) -> None:
    inputs = {**pair, "steps": STEPS}
    then, reference = lab.guided(shapes[0], **inputs)
    mask = HoldMask(mask=LEFT, reference=reference)
    held, _ = lab.guided(shapes[0], [mask], **{**inputs, "positive": early_words, "seed": 9})
    change = (held - then).abs().mean((0, 1, 2))
    assert change[:8].max() < 0.01 < 0.1 < change[8:].min()


def test_a_record_of_some_steps_alone_says_so(
    lab: ModuleType,
    shapes: tuple[Any, Any, Any],
    pair: dict[str, Any],
    early_words: list[Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    _, whole = lab.guided(shapes[0], **{**pair, "steps": STEPS})
    assert len(whole.steps) == STEPS and not caplog.text
    _, part = lab.guided(shapes[0], **{**pair, "steps": STEPS, "positive": early_words})
    told = f"the record shows {len(part.steps)} of {STEPS} steps"
    assert told in caplog.text and "no positive prompt came from" in caplog.text
    assert "skipped the model" not in caplog.text


def test_a_reference_serves_for_what_its_prompt_names_later_only(
    lab: ModuleType, shapes: tuple[Any, Any, Any], pair: dict[str, Any]
) -> None:
    from selfguidance.nodes.prompts import Prompt

    with torch.inference_mode():
        (circle,) = Prompt.execute(shapes[1], "a red circle").args
    grown = timed(circle, 0.0, 0.4) + timed(pair["positive"], 0.4, 1.0)
    _, then = lab.guided(shapes[0], **{**pair, "steps": STEPS, "positive": grown})
    assert not then.steps[0].properties.table.has("blue square")
    term = Position(object="blue square", x=0.1, y=0.0, reference=then)
    lab.guided(shapes[0], [term], **{**pair, "steps": STEPS})
    assert len(Feature.of(then, "blue square").sigmas) < STEPS


def test_the_look_of_a_word_is_that_of_its_own_prompts_pass(
    lab: ModuleType, shapes: tuple[Any, Any, Any], pair: dict[str, Any]
) -> None:
    import nodes
    from selfguidance.nodes.prompts import Prompt

    with torch.inference_mode():
        texts = ("a red circle", "a blue square")
        circle, square = (Prompt.execute(shapes[1], text).args[0] for text in texts)
    both = nodes.ConditioningCombine().combine(circle, square)[0]
    (joined, alone) = (
        lab.guided(shapes[0], **{**pair, "positive": positive})[1].steps[0].properties
        for positive in (both, circle)
    )
    torch.testing.assert_close(
        joined.appearance("red circle"), alone.appearance("red circle"), rtol=0.01, atol=0.01
    )
