"""Words in what every text encoder makes: which token stands where is read from its output."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from selfguidance.guidance.words.phrases import letters
from selfguidance.tests.host.text import encoders

TWO = "a red circle and a blue square"
# text, phrase, and what its tokens spell where that is not the phrase
CASES: dict[str, tuple[str, ...]] = {
    "two": (TWO, "red circle"),
    "second": (TWO, "blue square"),
    "capitals": ("A RED Circle, and a blue square.", "red circle"),
    "repeated": ("a circle and a red circle", "circle 2", "circle"),
    "hyphen": ("an old t-shirt; a dog", "t-shirt"),
    "quotes": ('a sign "NEW LOGO" on a wall', "new logo"),
    "digits": ("a clock at 12:30, a cat", "12:30"),
    "weight": ("a (red circle:1.2) and a square", "red circle"),
    "behind a weight": ("a (red circle:1.2) and a square", "square"),
    "nested": ("a ((red:1.3) tiny:0.7) circle, a square", "red tiny circle"),
    "escaped": (r"a cat \(animal\) and a dog", "animal"),
    "accents": ("a café and a dog", "café"),
    "long": ("word, " * 120 + "a yellow heart", "yellow heart"),
    "template": ("user assistant and a system", "assistant"),
    "lines": ("a dog\n\n  and\ta   cat", "cat"),
}
FOREIGN = {
    "chinese": ("一只红色的猫和一个球", "红色的猫"),
    "japanese": ("雪と 犬, a red circle", "犬"),
    "emoji": ("a 🐱🐶 and a dog", "🐶"),
}


@pytest.fixture(scope="module", params=list(encoders.KINDS))
def made(request: pytest.FixtureRequest, lab: Any) -> Iterator[tuple[str, Any]]:
    """A CLIP of each kind."""
    if not encoders.there(request.param):
        pytest.skip(f"this ComfyUI has no text encoder for {request.param}")
    yield request.param, encoders.clip(request.param)


def prompted(clip: Any, text: str, objects: str = "") -> tuple[torch.Tensor, dict[str, Any]]:
    from selfguidance.nodes.prompts import Prompt

    with torch.inference_mode():
        ((tokens, options),) = Prompt.execute(clip, text, objects).args[0]
    return tokens, options


def found(made: tuple[str, Any], text: str, phrase: str) -> dict[str, str]:
    """What stands at a phrase's positions of the conditioning, by text encoder."""
    tokens, options = prompted(made[1], text)
    table = options["self_guidance"]
    held = encoders.held(*made, tokens, options)
    assert table.length == len(held)
    # a token may belong to two words, such as ":30"
    places = sorted({place for word in table.find(phrase) for place in table.positions[word]})
    return encoders.spelled(made[1], [held[place] for place in places])


def test_the_encoding_is_comfyuis_own(made: tuple[str, Any]) -> None:
    import nodes

    with torch.inference_mode():
        ((theirs, known),) = nodes.CLIPTextEncode().encode(made[1], TWO)[0]
    ours, options = prompted(made[1], TWO)
    assert torch.equal(ours, theirs)
    ours_alone = {"self_guidance", "self_guidance_llama3"}
    assert options.keys() - ours_alone == known.keys()


@pytest.mark.compat("Text encoders", "Phrases by the text encoder of {made}")
@pytest.mark.parametrize("case", CASES)
def test_a_phrase_is_found_where_the_encoder_has_its_tokens(
    made: tuple[str, Any], case: str
) -> None:
    text, phrase, *other = CASES[case]
    if made[0] == "hidream" and case == "long":
        pytest.skip("its T5 ends at 128 tokens")
    spelled = found(made, text, phrase)
    assert set(spelled) == ({"l", "t5xxl"} if made[0] == "sd3" else {encoders.KINDS[made[0]].main})
    for text in spelled.values():
        assert letters(text) == letters((other or [phrase])[0])
