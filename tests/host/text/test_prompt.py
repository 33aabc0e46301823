"""The prompt node: ComfyUI's own encoding, and a table of where each word stands."""

from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

PROMPTS = (
    "a red circle and a blue square",
    "a (red:1.3) circle, and a ((blue)) square!",
    "",
    "red circle " * 60,
)


def encoded(shapes: tuple[Any, Any, Any], text: str, objects: str = "") -> Any:
    from selfguidance.nodes.prompts import Prompt

    with torch.inference_mode():
        return Prompt.execute(shapes[1], text, objects).args[0]


def table_of(shapes: tuple[Any, Any, Any], text: str, objects: str = "") -> Any:
    from selfguidance.nodes.text.key import TABLE_KEY

    ((_, extra),) = encoded(shapes, text, objects)
    return extra[TABLE_KEY]


def pieces(clip: Any, text: str) -> list[str]:
    """What stands at every position of the conditioning, by the tokenizer itself."""
    chunks = next(iter(clip.tokenize(text).values()))
    return [clip.tokenizer.untokenize([entry])[0][1] for chunk in chunks for entry in chunk]


@pytest.mark.compat("Conditionings", "Prompt encodes as ComfyUI's own node does")
@pytest.mark.parametrize("text", PROMPTS, ids=["plain", "weights", "empty", "long"])
def test_the_encoding_is_comfyuis_own(
    lab: ModuleType, shapes: tuple[Any, Any, Any], text: str
) -> None:
    import nodes

    with torch.inference_mode():
        ((theirs, known),) = nodes.CLIPTextEncode().encode(shapes[1], text)[0]
    ((ours, extra),) = encoded(shapes, text)
    assert torch.equal(ours, theirs)
    assert extra.keys() - {"self_guidance"} == known.keys()
    for key, value in known.items():
        assert torch.equal(extra[key], value) if torch.is_tensor(value) else extra[key] == value


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a red circle", "a red circle"),
        ("A Red CIRCLE", "a red circle"),
        ("a (red:1.3) circle", "a red circle"),
        ("((red)) (circle:0.5), blue", "red circle , blue"),
        ("red, circle. square!", "red , circle . square !"),
        ("extraordinarily purplish hexagons", "extraordinarily purplish hexagons"),
    ],
)
def test_the_table_names_the_words(shapes: tuple[Any, Any, Any], text: str, words: str) -> None:
    assert table_of(shapes, text).words == tuple(words.split())


@pytest.mark.parametrize(
    "text",
    [*PROMPTS, "extraordinarily purplish hexagons, (tiny:1.2) wineglasses; " * 8],
    ids=["plain", "weights", "empty", "long", "pieces"],
)
def test_the_positions_are_those_of_the_words(shapes: tuple[Any, Any, Any], text: str) -> None:
    table = table_of(shapes, text)
    ((cond, _),) = encoded(shapes, text)
    tokens = pieces(shapes[1], text)
    assert table.length == cond.shape[1] == len(tokens)
    assert table.length % 77 == 0
    for word, positions in zip(table.words, table.positions, strict=True):
        assert "".join(tokens[p].removesuffix("</w>") for p in positions) == word
    used = [p for positions in table.positions for p in positions]
    assert used == sorted(set(used))
    rest = {tokens[p] for p in range(len(tokens)) if p not in used}
    assert all(token.startswith(("<|start", "<|end")) for token in rest)


@pytest.mark.compat("Conditionings", "Prompts over 77 tokens, the phrase in a later chunk")
def test_a_phrase_of_a_later_chunk_is_found_there(shapes: tuple[Any, Any, Any]) -> None:
    table = table_of(shapes, "word, " * 45 + "a yellow heart")
    found = [p for word in table.find("yellow heart") for p in table.positions[word]]
    assert table.length == 154 and len(found) == 2 and min(found) > 77


@pytest.mark.parametrize(
    "phrase", ["red circle", "Red Circle", "red-circle", "circle", "blue square"]
)
def test_a_phrase_is_found_however_it_is_written(shapes: tuple[Any, Any, Any], phrase: str) -> None:
    assert table_of(shapes, "A (red:1.3) CIRCLE, and a blue   square.").find(phrase)


def test_objects_are_found_or_as_listed(shapes: tuple[Any, Any, Any]) -> None:
    text = "a red circle and a blue square"
    assert table_of(shapes, text).objects == ("red circle", "blue square")
    assert table_of(shapes, text, "circle, blue square").objects == ("circle", "blue square")
    with pytest.raises(ValueError, match="green star"):
        table_of(shapes, text, "circle, green star")


def test_two_tokenizers_agree_on_the_positions(lab: ModuleType) -> None:
    """SDXL's token dictionary holds the two encoders' tokens, padded differently."""
    import comfy.sdxl_clip
    from selfguidance.nodes.text.table import token_table

    tokenizer = comfy.sdxl_clip.SDXLTokenizer()
    clip = SimpleNamespace(tokenizer=tokenizer)
    text = "a (red:1.3) circle and a blue square, " * 10 + "a yellow heart"
    tokens = tokenizer.tokenize_with_weights(text)
    assert set(tokens) == {"g", "l"} and len(tokens["g"]) == 2
    ours = token_table(clip, text, tokens)
    for key in ("g", "l"):
        single = token_table(clip, text, {key: tokens[key]})
        assert (single.words, single.positions) == (ours.words, ours.positions)
    assert ours.words[:3] == ("a", "red", "circle") and ours.words[-1] == "heart"
    assert ours.length == 154
    found = [p for word in ours.find("yellow heart") for p in ours.positions[word]]
    assert found and min(found) > 77


@pytest.mark.compat(
    "Conditionings", "Combine, average, concat and other conditioning nodes keep the words"
)
def test_a_table_survives_comfyuis_own_conditioning_nodes(
    lab: ModuleType, shapes: tuple[Any, Any, Any]
) -> None:
    import nodes

    first, second = encoded(shapes, "a red circle"), encoded(shapes, "a green star")
    (both,) = nodes.ConditioningCombine().combine(first, second)
    inputs = {"positive": both, "negative": encoded(shapes, ""), "steps": 1}
    _, record = lab.guided(shapes[0], [lab.position("green star")], **inputs)
    assert record.table.objects == ("red circle", "green star")
