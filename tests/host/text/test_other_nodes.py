"""Words added to what ComfyUI's own nodes encoded, for the text encoders of transformers."""

import importlib
from typing import Any

import pytest
import torch
from selfguidance.guidance.words.phrases import letters
from selfguidance.tests.host.text import encoders
from selfguidance.tests.host.theirs import ran

TWO = "a red circle and a blue square"
LONG = "a green star near a purple heart, " * 40


@pytest.fixture(scope="module")
def clips(lab: Any) -> Any:
    """CLIPs by kind, each made once."""
    known: dict[str, Any] = {}

    def clip(name: str) -> Any:
        if not encoders.there(name):
            pytest.skip(f"this ComfyUI has no text encoder for {name}")
        known[name] = known.get(name) or encoders.clip(name)
        return known[name]

    return clip


def their(node: str, **inputs: Any) -> list[Any]:
    """The CONDITIONING of a node of ComfyUI, `module:class`."""
    module, name = node.split(":")
    with torch.inference_mode():
        conditioning: list[Any] = ran(getattr(importlib.import_module(module), name), **inputs)[0]
    return conditioning


def added(clip: Any, conditioning: list[Any], text: str, **more: str) -> list[Any]:
    from selfguidance.nodes.prompts import AddWords

    with torch.inference_mode():
        result: list[Any] = AddWords.execute(conditioning, clip, text, **more).args[0]
    assert all(ours[0] is theirs[0] for ours, theirs in zip(result, conditioning, strict=True))
    return result


def found(name: str, clip: Any, conditioning: list[Any], phrase: str) -> dict[str, str]:
    """What stands at a phrase's positions, by text encoder, in letters."""
    ((tokens, options),) = conditioning
    table = options["self_guidance"]
    assert table.length == tokens.shape[1]
    places = sorted({place for word in table.find(phrase) for place in table.positions[word]})
    spelled = encoders.spelled(clip, encoders.held(name, clip, tokens, options, places))
    return {key: letters(text) for key, text in spelled.items()}


def picture(height: int = 96, width: int = 160) -> torch.Tensor:
    return torch.rand(1, height, width, 3, generator=torch.Generator().manual_seed(0))


@pytest.mark.compat("Conditionings", "CLIP Text Encode of a transformer, with Add Words")
@pytest.mark.parametrize("name", encoders.KINDS)
def test_the_table_is_that_of_the_prompt_node(clips: Any, name: str) -> None:
    from selfguidance.nodes.prompts import Prompt

    clip = clips(name)
    text = "a (red circle:1.2), and a blue square"
    with torch.inference_mode():
        ours = Prompt.execute(clip, text).args[0]
    theirs = added(clip, their("nodes:CLIPTextEncode", clip=clip, text=text), text)
    keys = ("self_guidance", "self_guidance_llama3")
    assert [theirs[0][1].get(key) for key in keys] == [ours[0][1].get(key) for key in keys]


QWEN = "comfy_extras.nodes_qwen:TextEncodeQwenImageEdit"


@pytest.mark.compat("Conditionings", "Text Encode Qwen Image Edit, with Add Words")
@pytest.mark.parametrize("shape", [(96, 160), (64, 64), (300, 100)])
def test_words_stand_behind_the_tokens_of_a_picture(clips: Any, shape: tuple[int, int]) -> None:
    clip = clips("qwen")
    theirs = their(QWEN, clip=clip, prompt=TWO, image=picture(*shape))
    assert theirs[0][0].shape[1] > 1200
    ours = added(clip, theirs, TWO)
    assert found("qwen", clip, ours, "red circle") == {"qwen25_7b": "redcircle"}
    assert found("qwen", clip, ours, "blue square") == {"qwen25_7b": "bluesquare"}
    alone = added(clip, their(QWEN, clip=clip, prompt=TWO), TWO)
    assert found("qwen", clip, alone, "red circle") == {"qwen25_7b": "redcircle"}


@pytest.mark.compat("Conditionings", "Text Encode Qwen Image Edit Plus, with Add Words")
@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_words_stand_behind_the_tokens_of_several_pictures(clips: Any, count: int) -> None:
    clip = clips("qwen")
    pictures = {f"image{i + 1}": picture(96 + 32 * i, 96) for i in range(count)}
    text = "a (red circle:1.2) at 12:30,\n一只猫"
    theirs = their(f"{QWEN}Plus", clip=clip, prompt=text, **pictures)
    ours = added(clip, theirs, text)
    assert found("qwen", clip, ours, "red circle") == {"qwen25_7b": "redcircle"}
    assert found("qwen", clip, ours, "猫") == {"qwen25_7b": "猫"}


@pytest.mark.compat("Conditionings", "Add Words: a text that was not encoded", refuses=True)
@pytest.mark.parametrize("name", ["qwen", "zimage", "pixart", "lumina2"])
@pytest.mark.parametrize("text", [f"{TWO}, today", "a red circle", f"{TWO} BREAK a dog"])
def test_a_text_of_another_length_is_refused_by_encoder_and_lengths(
    clips: Any, name: str, text: str
) -> None:
    clip = clips(name)
    theirs = their("nodes:CLIPTextEncode", clip=clip, text=TWO)
    key, length = encoders.KINDS[name].main, theirs[0][0].shape[1]
    match = rf"tokens long for the text encoder {key}.* conditioning holds {length}; give the text"
    with pytest.raises(ValueError, match=match):
        added(clip, theirs, text)


@pytest.mark.compat("Conditionings", "CLIP Text Encode Flux, with Add Words")
def test_of_flux_the_text_of_t5_counts(clips: Any) -> None:
    clip = clips("flux")
    node = "comfy_extras.nodes_flux:CLIPTextEncodeFlux"
    theirs = their(node, clip=clip, clip_l="red, blue", t5xxl=TWO, guidance=3.0)
    for given in ({"text": TWO}, {"text": "red, blue", "t5_text": TWO}):
        ours = added(clip, theirs, **given)
        assert found("flux", clip, ours, "blue square") == {"t5xxl": "bluesquare"}
        assert ours[0][1]["guidance"] == 3.0
        assert ours[0][1]["self_guidance"].objects == ("red circle", "blue square")


@pytest.mark.compat("Conditionings", "Flux Guidance and Conditioning Zero Out behind Add Words")
def test_nodes_behind_keep_the_words_and_zeros_are_refused(clips: Any) -> None:
    from selfguidance.nodes.engine.check_conditioning import readable

    clip = clips("flux")
    ours = added(clip, their("nodes:CLIPTextEncode", clip=clip, text=TWO), TWO)
    guided = their("comfy_extras.nodes_flux:FluxGuidance", conditioning=ours, guidance=2.0)
    assert found("flux", clip, guided, "red circle") == {"t5xxl": "redcircle"}
    zeroed = their("nodes:ConditioningZeroOut", conditioning=guided)
    entries = [{**options, "cross_attn": tokens} for tokens, options in guided]
    assert readable(entries).objects == ("red circle", "blue square")
    with pytest.raises(ValueError, match="zero everywhere, as Conditioning Zero Out makes it"):
        readable([{**options, "cross_attn": tokens} for tokens, options in zeroed])
    again = added(clip, their("nodes:ConditioningZeroOut", conditioning=ours), TWO)
    assert again[0][1]["self_guidance"] == ours[0][1]["self_guidance"]


def test_padding_that_the_user_sets_is_known(clips: Any) -> None:
    (clip,) = ran(
        importlib.import_module("comfy_extras.nodes_cond").T5TokenizerOptions,
        clip=clips("flux"),
        min_padding=3,
        min_length=300,
    )
    theirs = their("nodes:CLIPTextEncode", clip=clip, text=TWO)
    assert theirs[0][0].shape[1] == 300
    ours = added(clip, theirs, TWO)
    assert found("flux", clip, ours, "blue square") == {"t5xxl": "bluesquare"}
    with pytest.raises(ValueError, match=r"text is 256 tokens long .* holds 300"):
        added(clips("flux"), theirs, TWO)


SD3 = "comfy_extras.nodes_sd3:CLIPTextEncodeSD3"


@pytest.mark.compat("Conditionings", "CLIP Text Encode SD3, with Add Words")
@pytest.mark.parametrize("padding", ["none", "empty_prompt"])
def test_words_of_sd3_stand_at_both_places(clips: Any, padding: str) -> None:
    clip = clips("sd3")
    texts = dict.fromkeys(("clip_l", "clip_g", "t5xxl"), TWO)
    ours = added(clip, their(SD3, clip=clip, empty_padding=padding, **texts), TWO)
    spelled = found("sd3", clip, ours, "blue square")
    assert spelled == {"l": "bluesquare", "t5xxl": "bluesquare"}


@pytest.mark.parametrize(
    ("texts", "given", "spelled"),
    [
        ((TWO, TWO, LONG), {"text": TWO, "t5_text": LONG}, {"l"}),
        ((LONG, LONG, TWO), {"text": LONG, "t5_text": TWO}, {"t5xxl"}),
        ((TWO, LONG, LONG), {"text": LONG, "second_text": TWO}, {"l"}),
        (("", "", TWO), {"text": " ", "t5_text": TWO}, {"t5xxl"}),
    ],
    ids=["t5 long", "clip long", "clip_g long", "t5 alone"],
)
@pytest.mark.parametrize("padding", ["none", "empty_prompt"])
def test_each_encoder_of_sd3_may_have_a_text_of_its_own(
    clips: Any,
    texts: tuple[str, str, str],
    given: dict[str, str],
    spelled: set[str],
    padding: str,
) -> None:
    clip = clips("sd3")
    named = dict(zip(("clip_l", "clip_g", "t5xxl"), texts, strict=True))
    ours = added(clip, their(SD3, clip=clip, empty_padding=padding, **named), **given)
    places = found("sd3", clip, ours, "blue square")
    assert places == dict.fromkeys(spelled, "bluesquare")


def test_an_empty_text_of_t5_leaves_clips_words(clips: Any) -> None:
    clip = clips("sd3")
    theirs = their(SD3, clip=clip, clip_l=TWO, clip_g=TWO, t5xxl="", empty_padding="empty_prompt")
    assert found("sd3", clip, added(clip, theirs, TWO), "blue square")["l"] == "bluesquare"


@pytest.mark.compat("Conditionings", "CLIP Text Encode HiDream, with Add Words")
def test_both_texts_of_hidream_can_be_named(clips: Any) -> None:
    clip = clips("hidream")
    texts = {"clip_l": "", "clip_g": "", "t5xxl": "a green star", "llama": TWO}
    theirs = their("comfy_extras.nodes_hidream:CLIPTextEncodeHiDream", clip=clip, **texts)
    ours = added(clip, theirs, TWO, t5_text="a green star")
    assert found("hidream", clip, ours, "green star") == {"t5xxl": "greenstar"}
    assert ours[0][1]["self_guidance_llama3"].objects == ("red circle", "blue square")


@pytest.mark.compat("Conditionings", "CLIP Text Encode Lumina2, with Add Words")
@pytest.mark.parametrize("system", ["superior", "alignment"])
def test_luminas_system_prompts_stand_before_the_text(clips: Any, system: str) -> None:
    clip = clips("lumina2")
    node = "comfy_extras.nodes_lumina2:CLIPTextEncodeLumina2"
    theirs = their(node, clip=clip, system_prompt=system, user_prompt=TWO)
    ours = added(clip, theirs, TWO)
    assert found("lumina2", clip, ours, "red circle") == {"gemma2_2b": "redcircle"}
    assert ours[0][1]["self_guidance"].words[0] == "a"


@pytest.mark.compat("Conditionings", "Texts of a transformer joined by Concat, with Add Words")
@pytest.mark.parametrize("gap", [" ", "\n"])
@pytest.mark.parametrize("name", ["flux", "sd3", "qwen", "zimage", "wan"])
def test_texts_of_joined_conditionings_are_parted_by_break(clips: Any, name: str, gap: str) -> None:
    clip = clips(name)
    first, second = (
        their("nodes:CLIPTextEncode", clip=clip, text=text) for text in (TWO, "a green star")
    )
    joined = their("nodes:ConditioningConcat", conditioning_to=first, conditioning_from=second)
    ours = added(clip, joined, f"{TWO}{gap}BREAK{gap}a green star")
    ((_, options),) = ours
    table = options["self_guidance"]
    assert table.objects == ("red circle", "blue square", "green star")
    length = first[0][0].shape[1]
    assert all(min(table.positions[word]) >= length for word in table.find("green star"))
    for phrase, start, part in (("red circle", 0, first), ("green star", length, second)):
        places = [p - start for word in table.find(phrase) for p in table.positions[word]]
        spelled = encoders.spelled(clip, encoders.held(name, clip, part[0][0], options, places))
        assert {letters(text) for text in spelled.values()} == {letters(phrase)}


@pytest.mark.compat("Conditionings", "Apply Style Model before Add Words", refuses=True)
def test_tokens_that_a_node_added_are_refused_with_the_remedy(clips: Any) -> None:
    clip = clips("flux")
    ((tokens, options),) = their("nodes:CLIPTextEncode", clip=clip, text=TWO)
    longer = [[torch.cat([tokens, tokens.new_ones(1, 729, tokens.shape[2])], 1), options]]
    with pytest.raises(ValueError, match="Apply Style Model, put Self-Guidance Add Words before"):
        added(clip, longer, TWO)


@pytest.mark.parametrize(
    ("name", "input_name"), [("qwen", "second_text"), ("qwen", "t5_text"), ("wan", "t5_text")]
)
def test_a_text_for_an_encoder_that_is_not_there_is_refused(
    clips: Any, name: str, input_name: str
) -> None:
    clip = clips(name)
    theirs = their("nodes:CLIPTextEncode", clip=clip, text=TWO)
    with pytest.raises(ValueError, match=rf"{input_name} is for .* leave {input_name} empty"):
        added(clip, theirs, TWO, **{input_name: "a dog"})


def test_a_table_may_be_longer_than_animas_own_tokens(clips: Any) -> None:
    from selfguidance.nodes.engine.check_conditioning import readable

    clip = clips("anima")
    ((tokens, options),) = added(clip, their("nodes:CLIPTextEncode", clip=clip, text=TWO), TWO)
    table = options["self_guidance"]
    assert table.length == len(options["t5xxl_ids"]) > tokens.shape[1]
    assert readable([{**options, "cross_attn": tokens}]) == table
