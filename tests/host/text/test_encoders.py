"""Words in what every text encoder makes: which token stands where is read from its output."""

from collections.abc import Iterator
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
    assert table.length == len(options.get("t5xxl_ids", tokens[0]))
    # a token may belong to two words, such as ":30"
    places = sorted({place for word in table.find(phrase) for place in table.positions[word]})
    return encoders.spelled(made[1], encoders.held(*made, tokens, options, places))


def test_the_encoding_is_comfyuis_own(made: tuple[str, Any]) -> None:
    import nodes

    with torch.inference_mode():
        ((theirs, known),) = nodes.CLIPTextEncode().encode(made[1], TWO)[0]
    ours, options = prompted(made[1], TWO)
    assert torch.equal(ours, theirs)
    ours_alone = {"self_guidance", "self_guidance_llama3"}
    assert options.keys() - ours_alone == known.keys()


@pytest.mark.compat("Conditionings", "Phrases by the text encoder of {made}")
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


@pytest.mark.compat("Conditionings", "Chinese, Japanese and pictographs, {made}")
@pytest.mark.parametrize("case", FOREIGN)
def test_letters_that_share_tokens_or_are_unknown_are_found(
    made: tuple[str, Any], case: str
) -> None:
    """T5 has one token for all letters that it does not know; others share the bytes of one."""
    text, phrase = FOREIGN[case]
    for key, spelled in found(made, text, phrase).items():
        if key == "t5xxl":
            assert spelled.strip() == "<unk>"
        else:
            assert letters(phrase) in letters(spelled)
            assert len(letters(spelled)) <= len(phrase) + 1


def test_a_phrase_past_the_end_of_what_the_encoder_takes_is_named(lab: Any) -> None:
    clip = encoders.clip("hidream")
    _, options = prompted(clip, CASES["long"][0])
    with pytest.raises(ValueError, match=r"leaves 'yellow', 'heart' out.* too long for it"):
        options["self_guidance"].find("yellow heart")
    llama = options["self_guidance_llama3"]
    assert llama.find("yellow heart")


def test_both_of_hidreams_encoders_have_a_table(lab: Any) -> None:
    clip = encoders.clip("hidream")
    _, options = prompted(clip, TWO)
    table, tokens = options["self_guidance_llama3"], options["conditioning_llama3"]
    assert table.length == tokens.shape[-2] and options["self_guidance"].length == 128
    held = encoders.shown(clip.cond_stage_model.llama, tokens[0, 0])
    for word, places in zip(table.words, table.positions, strict=True):
        spelled = encoders.decoded(clip, "llama", [held[place] for place in places])
        # a Llama that is newer than its ComfyUI loses the spaces, and joins words
        assert letters(word) in letters(spelled)


@pytest.mark.parametrize("missing", ["t5", "clip_l", "clip_g", "both"])
def test_encoders_that_sd3_lacks_have_no_place(lab: Any, missing: str) -> None:
    gone = ("clip_l", "clip_g") if missing == "both" else (missing,)
    clip = encoders.clip("sd3", **dict.fromkeys(gone, False))
    tokens, options = prompted(clip, TWO)
    table = options["self_guidance"]
    assert table.length == tokens.shape[1] == (77 if missing in ("t5", "both") else 154)
    (circle,) = table.find("circle")
    counts = {"t5": 1, "both": 1}.get(missing, 2)
    assert len(table.positions[circle]) == counts


def test_a_clip_without_the_encoder_whose_tokens_count_is_refused(lab: Any) -> None:
    with pytest.raises(ValueError, match=r"holds no model for t5xxl, .*load that text encoder"):
        prompted(encoders.clip("hidream", t5=False), TWO)


def test_unknown_company_of_text_encoders_is_refused(lab: Any) -> None:
    from selfguidance.nodes.text.places import Texts, encoding

    with pytest.raises(ValueError, match="text encoders byt5, qwen25_7b, and it is not known"):
        encoding(encoders.clip("qwen"), ["byt5", "qwen25_7b"], Texts(TWO))


def test_a_tokenizer_that_spells_another_text_is_refused(
    lab: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = encoders.clip("qwen")
    known = clip.tokenizer.tokenize_with_weights

    def improved(text: str, *more: Any, **rest: Any) -> Any:
        return known(text.replace("circle", "sphere"), *more, **rest)

    monkeypatch.setattr(clip.tokenizer, "tokenize_with_weights", improved)
    with pytest.raises(ValueError, match=r"'qwen25_7b' spell .*red sphere.*a red circle and"):
        prompted(clip, TWO)


def test_the_weight_of_a_literal_bracket_is_no_object(lab: Any) -> None:
    _, options = prompted(encoders.clip("qwen"), "a (red circle:1.2) and a (square)")
    table = options["self_guidance"]
    assert table.objects == ("red circle", "square")
    assert table.words == ("a", "red", "circle", "and", "a", "square")
    assert table.find("(red circle:1.2)") == table.find("red circle") == (1, 2)


def test_what_stands_before_luminas_start_is_no_prompt(lab: Any) -> None:
    text = f"You are an assistant for a red circle. <Prompt Start> {TWO}"
    _, options = prompted(encoders.clip("lumina2"), text)
    table = options["self_guidance"]
    assert table.prompt == TWO and table.objects == ("red circle", "blue square")
    assert min(table.positions[0]) > 10


def test_a_prompt_may_be_a_chat_template_itself(lab: Any) -> None:
    text = f"<|im_start|>system\nDraw.<|im_end|>\n<|im_start|>user\n{TWO}<|im_end|>\n"
    made = "qwen", encoders.clip("qwen")
    spelled = found(made, text, "red circle")
    assert letters(spelled["qwen25_7b"]) == "redcircle"
    table = prompted(made[1], text)[1]["self_guidance"]
    assert not table.has("im_start") and not table.has("system")
