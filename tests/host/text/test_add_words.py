"""Words added to conditionings that other nodes encoded."""

from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

TEXT = "a red circle and a blue square"


def encoded(shapes: tuple[Any, Any, Any], text: str) -> list[Any]:
    """What ComfyUI's own CLIP Text Encode gives."""
    import nodes

    with torch.inference_mode():
        return nodes.CLIPTextEncode().encode(shapes[1], text)[0]


def added(clip: Any, conditioning: list[Any], text: str, **more: str) -> list[Any]:
    from selfguidance.nodes.prompts import AddWords

    with torch.inference_mode():
        return AddWords.execute(conditioning, clip, text, **more).args[0]


def table_of(conditioning: list[Any]) -> Any:
    from selfguidance.nodes.text.key import TABLE_KEY

    return conditioning[0][1][TABLE_KEY]


def blank(tokens: int, **extra: Any) -> list[Any]:
    return [[torch.ones(1, tokens, 8), extra]]


@pytest.mark.parametrize("text", [TEXT, "a (red:1.3) café, " * 20, ""], ids=["plain", "long", "no"])
def test_the_table_is_that_of_the_prompt_node(shapes: tuple[Any, Any, Any], text: str) -> None:
    from selfguidance.nodes.prompts import Prompt

    with torch.inference_mode():
        expected = table_of(Prompt.execute(shapes[1], text).args[0])
    assert table_of(added(shapes[1], encoded(shapes, text), text)) == expected


def test_the_conditioning_stays_as_it_is(shapes: tuple[Any, Any, Any]) -> None:
    before = encoded(shapes, TEXT)
    before[0][1]["unclip_conditioning"] = [mark := object()]
    keys = set(before[0][1])
    after = added(shapes[1], before, TEXT)
    assert after[0][0] is before[0][0] and set(before[0][1]) == keys
    assert set(after[0][1]) == {*keys, "self_guidance"}
    assert after[0][1]["unclip_conditioning"] == [mark]


@pytest.mark.compat("Conditionings", "A conditioning of another node, with Add Words")
def test_a_run_is_bit_equal_to_that_of_the_prompt_node(
    lab: ModuleType, shapes: tuple[Any, Any, Any]
) -> None:
    from selfguidance.nodes.prompts import Prompt

    with torch.inference_mode():
        ours = Prompt.execute(shapes[1], TEXT).args[0]
    pair = [ours, added(shapes[1], encoded(shapes, TEXT), TEXT)]
    inputs = {"negative": encoded(shapes, ""), "steps": 3}
    results = [lab.guided(shapes[0], [lab.position()], positive=p, **inputs)[0] for p in pair]
    assert torch.equal(*results)


def test_objects_may_be_listed(shapes: tuple[Any, Any, Any]) -> None:
    given = added(shapes[1], encoded(shapes, TEXT), TEXT, objects="circle, blue square")
    assert table_of(given).objects == ("circle", "blue square")
    with pytest.raises(ValueError, match="object 'star' is not in the prompt"):
        added(shapes[1], encoded(shapes, TEXT), TEXT, objects="star")


@pytest.mark.compat("Conditionings", "Texts joined by Concat, with Add Words")
def test_texts_of_joined_conditionings_are_parted_by_break(shapes: tuple[Any, Any, Any]) -> None:
    import nodes

    parts = "a red circle, " * 20, "a blue square"
    first, second = (encoded(shapes, part) for part in parts)
    joined = nodes.ConditioningConcat().concat(first, second)[0]
    table = table_of(added(shapes[1], joined, f"{parts[0]} BREAK {parts[1]}"))
    assert table.length == joined[0][0].shape[1] == 231
    places = [table.positions[word] for word in table.find("blue square")]
    assert places == [(156,), (157,)]
    assert table.objects == ("red circle", "blue square")
    assert not table.has("circle a blue")


@pytest.mark.compat("Conditionings", "Add Words: a text of another length", refuses=True)
@pytest.mark.parametrize(
    ("tokens", "text"),
    [(77, "red circle, " * 30), (154, TEXT), (154, "a BREAK b BREAK c"), (231, "a BREAK b")],
)
def test_a_text_of_another_length_is_refused_with_both_lengths(
    shapes: tuple[Any, Any, Any], tokens: int, text: str
) -> None:
    with pytest.raises(ValueError, match=rf"text is \d+ tokens long.* holds {tokens}; .* BREAK"):
        added(shapes[1], blank(tokens), text)


@pytest.mark.parametrize("extra", [0, 4, 16, 76])
def test_tokens_of_pictures_may_stand_behind_the_text(
    shapes: tuple[Any, Any, Any], extra: int
) -> None:
    assert table_of(added(shapes[1], blank(77 + extra), TEXT)).length == 77


def test_a_missing_clip_is_refused() -> None:
    with pytest.raises(ValueError, match="clip is empty"):
        added(None, blank(77), TEXT)


def test_entries_that_have_words_keep_them_beside_those_that_have_none(
    shapes: tuple[Any, Any, Any],
) -> None:
    first = added(shapes[1], encoded(shapes, "a green star"), "a green star")
    both = added(shapes[1], first + encoded(shapes, TEXT), TEXT)
    assert [table_of([entry]).prompt for entry in both] == ["a green star", TEXT]
    again = added(shapes[1], both, "a yellow heart")
    assert {table_of([entry]).prompt for entry in again} == {"a yellow heart"}


def sdxl(lab: ModuleType) -> Any:
    """A CLIP of SDXL's two tokenizers, with encoders of random vectors."""
    import comfy.sdxl_clip

    tokenizer = comfy.sdxl_clip.SDXLTokenizer()

    def encode(tokens: dict[str, Any], add_dict: dict[str, Any] | None = None) -> list[Any]:
        counts = {key: sum(map(len, chunks)) for key, chunks in tokens.items()}
        generator = torch.Generator().manual_seed(sum(counts.values()))
        cond = torch.randn(1, min(counts.values()), lab.WIDTH, generator=generator)
        pooled = torch.randn(1, 1280, generator=generator)
        return [[cond, {"pooled_output": pooled, **(add_dict or {})}]]

    return SimpleNamespace(
        tokenizer=tokenizer,
        tokenize=tokenizer.tokenize_with_weights,
        encode_from_tokens_scheduled=encode,
    )


@pytest.mark.compat("Conditionings", "CLIP Text Encode SDXL, with Add Words")
def test_both_texts_of_sdxl_can_be_named(lab: ModuleType) -> None:
    from comfy_extras.nodes_clip_sdxl import CLIPTextEncodeSDXL

    clip = sdxl(lab)
    texts = {"text_g": "a red circle, " * 30, "text_l": "a blue square"}
    sizes = dict.fromkeys(("width", "height", "target_width", "target_height"), 1024)
    with torch.inference_mode():
        node = CLIPTextEncodeSDXL.execute if hasattr(CLIPTextEncodeSDXL, "execute") else None
        node = node or CLIPTextEncodeSDXL().encode
        result = node(clip=clip, crop_w=0, crop_h=0, **sizes, **texts)
        conditioning = getattr(result, "args", result)[0]
    more = {"second_text": texts["text_l"], "objects": "red circle, blue square"}
    given = added(clip, conditioning, texts["text_g"], **more)
    table = table_of(given)
    assert table.objects == ("red circle", "blue square")
    assert [table.positions[w] for w in table.find("blue square")] == [(2,), (3,)]
    assert len(table.find("red circle")) == 60
    assert given[0][1]["target_width"] == 1024
    with torch.inference_mode():
        model = lab.unet("sdxl")
    for name in ("red circle", "blue square"):
        inputs = {"positive": given, "negative": lab.empty(), "steps": 2}
        samples, record = lab.guided(model, [lab.position(name)], **inputs)
        assert all(step.guided for step in record) and torch.isfinite(samples).all()


@settings(deadline=None, database=None, max_examples=40, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.text(max_size=12) | st.sampled_from(["BREAK", "red circle, " * 25]), max_size=5),
    st.integers(1, 400),
    st.text(max_size=12),
)
def test_any_text_is_added_or_refused_clearly(
    shapes: tuple[Any, Any, Any], parts: list[str], tokens: int, second: str
) -> None:
    text = " ".join(parts)
    try:
        given = added(shapes[1], blank(tokens), text, second_text=second)
    except ValueError as error:
        assert f"the conditioning holds {tokens}" in str(error)
    else:
        table = table_of(given)
        assert 0 <= tokens - table.length < 77
        assert all(p < table.length for places in table.positions for p in places)
