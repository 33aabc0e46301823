"""The token table, by ComfyUI's own tokenizers of CLIP-L, CLIP-G, both of them and CLIP-H."""

from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

KINDS = ("l", "g", "both", "h")
each_kind = pytest.mark.parametrize("kind", KINDS)
STYLE, LARGE, PAIR = 3, 12, 2  # vectors of the embeddings


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Embeddings for CLIP-L alone, and one for both encoders of SDXL."""
    folder = tmp_path_factory.mktemp("embeddings")
    generator = torch.Generator().manual_seed(0)

    def vectors(count: int, width: int = 768) -> torch.Tensor:
        return torch.randn(count, width, generator=generator)

    save_file({"emb_params": vectors(STYLE)}, folder / "style.safetensors")
    save_file({"emb_params": vectors(LARGE)}, folder / "large.safetensors")
    save_file({"emb_params": vectors(1)}, folder / "cat(v2).safetensors")
    pair = {"clip_l": vectors(PAIR), "clip_g": vectors(PAIR, 1280)}
    save_file(pair, folder / "pair.safetensors")
    return str(folder)


@pytest.fixture(scope="module")
def clips(lab: ModuleType, folder: str) -> dict[str, Any]:
    """What the table needs of a CLIP, by kind."""
    import comfy.sdxl_clip
    from comfy import sd1_clip
    from comfy.text_encoders import sd2_clip

    class SDXLRefiner(sd1_clip.SD1Tokenizer):
        def __init__(self, folder: str) -> None:
            super().__init__(folder, clip_name="g", tokenizer=comfy.sdxl_clip.SDXLClipGTokenizer)

    made = {
        "l": sd1_clip.SD1Tokenizer(folder),
        "g": SDXLRefiner(folder),
        "both": comfy.sdxl_clip.SDXLTokenizer(folder),
        "h": sd2_clip.SD2Tokenizer(folder),
    }
    return {
        kind: SimpleNamespace(tokenizer=tokenizer, tokenize=tokenizer.tokenize_with_weights)
        for kind, tokenizer in made.items()
    }


def table_of(clip: Any, text: str) -> Any:
    from selfguidance.nodes.text.table import token_table

    return token_table(clip, text, clip.tokenize(text))


def entries(clip: Any, text: str) -> list[Any]:
    """What stands at every position, in the first of the encoders."""
    chunks = next(iter(clip.tokenize(text).values()))
    return [entry[0] for chunk in chunks for entry in chunk]


def spelled(clip: Any, text: str, phrase: str) -> str:
    """What the tokens of a phrase spell, by the tokenizer itself."""
    table = table_of(clip, text)
    tokens = entries(clip, text)
    places = [p for word in table.find(phrase) for p in table.positions[word]]
    pieces = [clip.tokenizer.untokenize([(tokens[p],)])[0][1] for p in places]
    return "".join(pieces).replace("</w>", " ").strip()


CASES = [
    ("A RED circle", "red Circle", "red circle"),
    ("red, circle; (square)", "red circle", "red circle"),
    ("a (red:1.3) circle", "red circle", "red circle"),
    ("a ((red:1.3) tiny:0.7) circle", "red tiny circle", "red tiny circle"),
    ("((((wide)))) cat", "wide cat", "wide cat"),
    (r"a cat \(animal\) sits", "cat (animal)", "cat animal"),
    (r"a cat \(animal\) sits", "animal", "animal"),
    ("an old-fashioned t-shirt", "old-fashioned", "old fashioned"),
    ("an old-fashioned t-shirt", "tshirt", "t shirt"),
    ("a dog's bone", "dog's", "dog 's"),
    ("extraordinarily purplish hexagons", "extraordinarily", "extraordinarily"),
    ("the year 2025", "2025", "2 0 2 5"),
    ("un(happy:1.2) man", "unhappy man", "un happy man"),
    ("red circle, " * 30 + "blue square", "blue square", "blue square"),
    ("a circle, a red circle", "second circle", "circle"),
    ("{red|blue} circle", "blue circle", "blue circle"),
    ("red_circle, blue_square", "red_circle", "red circle"),
    ("red_circle, blue_square", "blue square", "blue square"),
    ("a 3.5 inch disk", "3.5 inch disk", "3 5 inch disk"),
    ("a clock at 12:30", "12:30", "1 2 3 0"),
    ("a (red circle:1.3) and a square", "(red circle:1.3)", "red circle"),
]


@pytest.mark.compat(
    "Conditionings", "Phrases: case, punctuation, weights, repeated words, embeddings"
)
@pytest.mark.compat("Conditionings", "Phrases by the tokenizer {kind}")
@each_kind
@pytest.mark.parametrize(("text", "phrase", "tokens"), CASES, ids=[c[1] for c in CASES])
def test_a_phrase_is_found_at_its_tokens(
    clips: dict[str, Any], kind: str, text: str, phrase: str, tokens: str
) -> None:
    assert spelled(clips[kind], text, phrase) == tokens


@each_kind
@pytest.mark.parametrize(
    "word", ["café", "naïve", "ÅNGSTRÖM", "猫", "straße", "муха", "🐱", "ﬁre", "हिन्दी"]
)
def test_words_of_any_script_are_found_as_typed(
    clips: dict[str, Any], kind: str, word: str
) -> None:
    from selfguidance.guidance.words.phrases import letters

    table = table_of(clips[kind], f"a {word} and a dog")
    found = table.find(word)
    assert found[0] == 1 and table.words[found[-1] + 1] == "and"
    assert letters(table.objects[0]) == letters(word)


@pytest.mark.compat("Conditionings", "Phrases: the second of several, {kind}")
@each_kind
def test_the_second_of_several_is_another_place(clips: dict[str, Any], kind: str) -> None:
    table = table_of(clips[kind], "a circle and a red circle")
    places = [table.positions[table.find(f"circle {n}")[0]] for n in (1, 2)]
    assert places == [(2,), (6,)]
    assert table.words[table.find("circle 2")[0] - 1] == "red"


@pytest.mark.compat("Conditionings", "Prompts over 77 tokens, a phrase over the border of chunks")
@each_kind
def test_a_phrase_across_a_border_of_chunks_is_found_on_both_sides(
    clips: dict[str, Any], kind: str
) -> None:
    text = "circle " * 74 + "dark elephant " + "circle " * 3
    table = table_of(clips[kind], text)
    places = [table.positions[word] for word in table.find("dark elephant")]
    assert places == [(75,), (78,)]
    assert table.length == 154


WRITTEN = [
    ("red_circle, blue_square", ["red_circle", "blue_square"]),
    ("a red-haired woman in a t-shirt", ["red-haired woman", "t-shirt"]),
    ("a 3.5 inch disk, 12:30 on a clock", ["3.5 inch disk", "12:30", "clock"]),
    (
        r"1girl, hatsune_miku_\(vocaloid\), blue_eyes",
        ["1girl", "hatsune_miku_(vocaloid)", "blue_eyes"],
    ),
    ("un(happy:1.2) man, (looking_at_viewer:1.1)", ["unhappy man", "looking_at_viewer"]),
    ("a dog's bone, R&B singer", ["dog's bone", "r&b singer"]),
    ("red_circle " * 40 + "and t-shirt", [" ".join(["red_circle"] * 40), "t-shirt"]),
]


@each_kind
@pytest.mark.parametrize(("text", "objects"), WRITTEN, ids=[c[0][:16] for c in WRITTEN])
def test_a_written_word_is_never_parted(
    clips: dict[str, Any], kind: str, text: str, objects: list[str]
) -> None:
    table = table_of(clips[kind], text)
    assert list(table.objects) == objects
    assert all(table.find(name) for name in objects)


@each_kind
def test_a_word_across_a_border_of_chunks_is_one_word(clips: dict[str, Any], kind: str) -> None:
    text = "circle " * 73 + "supercalifragilistic cat"
    assert spelled(clips[kind], text, "supercalifragilistic") == "supercalifragilistic"
    table = table_of(clips[kind], text)
    (word,) = table.find("supercalifragilistic")
    assert min(table.positions[word]) < 76 and max(table.positions[word]) > 77


@each_kind
def test_an_empty_prompt_has_a_table_of_its_length(clips: dict[str, Any], kind: str) -> None:
    table = table_of(clips[kind], "")
    assert table.words == () and table.length == 77 and table.objects == ()


def test_words_are_listed_and_a_close_one_is_named(clips: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"words are: a, red, circle\. Did you mean 'circle'\?"):
        table_of(clips["l"], "a (red:1.3) circle").find("circles")


@pytest.mark.compat("Conditionings", "Phrases: an embedding by its name")
@pytest.mark.parametrize(
    ("text", "name", "count", "first"),
    [
        ("embedding:style, a cat", "style", STYLE, 1),
        ("a (embedding:style:1.2) cat", "embedding:style", STYLE, 2),
        ("embedding:large a cat", "large", LARGE, 1),
        (r"a embedding:cat\(v2\), dog", "cat(v2)", 1, 2),
        ("a dog\nembedding:pair", "pair", PAIR, 3),
        ("embedding:missing embedding:style cat", "style", STYLE, 1),
    ],
)
def test_an_embedding_is_found_by_its_name(
    clips: dict[str, Any], text: str, name: str, count: int, first: int
) -> None:
    table = table_of(clips["l"], text)
    (word,) = table.find(name)
    assert table.words[word] == name.removeprefix("embedding:")
    assert table.positions[word] == tuple(range(first, first + count))
    tokens = entries(clips["l"], text)
    vectors = [p for p, token in enumerate(tokens) if torch.is_tensor(token)]
    assert vectors == [*table.positions[word]]


def test_an_embedding_named_twice_stands_at_two_places(clips: dict[str, Any]) -> None:
    table = table_of(clips["l"], "embedding:style embedding:style cat")
    assert [table.positions[w] for w in table.find("style")] == [(1, 2, 3), (4, 5, 6)]
    assert table.positions[table.find("style 2")[0]] == (4, 5, 6)
    with pytest.raises(ValueError, match="words are: style, cat"):
        table.find("embedding:pair")


def test_an_embedding_across_a_border_of_chunks_is_one_word(clips: dict[str, Any]) -> None:
    table = table_of(clips["l"], "circle " * 70 + " embedding:large cat")
    (word,) = table.find("large")
    assert table.positions[word] == (*range(71, 76), *range(78, 85))


def test_an_embedding_of_both_encoders_has_one_place(clips: dict[str, Any]) -> None:
    table = table_of(clips["both"], "a embedding:pair and a cat")
    assert table.positions == ((1,), (2, 3), (4,), (5,), (6,))


def test_words_behind_an_embedding_of_one_encoder_stand_at_both_places(
    clips: dict[str, Any],
) -> None:
    """CLIP-G drops the vectors of CLIP-L's width, so that what follows moves up."""
    table = table_of(clips["both"], "a embedding:style cat")
    assert table.words == ("a", "style", "cat")
    assert table.positions == ((1,), (2, 3, 4), (2, 5))


def test_positions_are_those_at_which_comfyui_encodes(
    lab: ModuleType, clips: dict[str, Any], folder: str
) -> None:
    """With vectors that ComfyUI drops because they are of another width."""
    from comfy import sd1_clip

    config = {
        "hidden_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "hidden_act": "quick_gelu",
        "eos_token_id": 49407,
        "vocab_size": 49408,
        "max_position_embeddings": 77,
        "projection_dim": 32,
    }
    encoder = sd1_clip.SDClipModel(textmodel_json_config=config)
    weights = encoder.transformer.get_input_embeddings().weight
    torch.nn.init.normal_(weights, generator=torch.Generator().manual_seed(1))
    save_file({"emb_params": torch.ones(2, 32)}, Path(folder) / "small.safetensors")
    tokenizer = sd1_clip.SD1Tokenizer(folder)
    tokenizer.clip_l.embedding_size = 32
    clip = SimpleNamespace(tokenizer=tokenizer, tokenize=tokenizer.tokenize_with_weights)
    text = "a embedding:style red embedding:small circle"
    table = table_of(clip, text)
    chunks = [[entry[0] for entry in chunk] for chunk in clip.tokenize(text)["l"]]
    embedded = encoder.process_tokens(chunks, torch.device("cpu"))[0][0]
    assert table.words == ("a", "red", "small", "circle") and len(embedded) == table.length
    assert (embedded[list(table.positions[2])] == 1).all()
    for word in (0, 1, 3):
        token = next(iter(tokenizer.clip_l.tokenizer(table.words[word])["input_ids"][1:]))
        (place,) = table.positions[word]
        assert torch.equal(embedded[place], weights[token])


@pytest.mark.compat("Conditionings", "BREAK parts objects")
def test_the_word_break_in_capitals_parts_objects(clips: dict[str, Any]) -> None:
    table = table_of(clips["l"], "a red circle BREAK blue square")
    assert table.objects == ("red circle", "blue square")
    assert table_of(clips["l"], "a lunch break").objects == ("lunch break",)


weighted = st.tuples(
    st.text(max_size=20), st.sampled_from(["{}", "({}:1.2)", "(({}))", "\\({}\\)"])
)
texts = st.lists(
    weighted.map(lambda pair: pair[1].format(pair[0]))
    | st.sampled_from(["embedding:style", "red circle " * 20, "BREAK", "café", "embedding:x", "("]),
    max_size=6,
).map(" ".join)


@settings(deadline=None, database=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(texts, st.text(max_size=12), st.sampled_from(KINDS))
def test_any_text_has_a_table_in_which_any_phrase_is_found_or_refused(
    clips: dict[str, Any], text: str, phrase: str, kind: str
) -> None:
    table = table_of(clips[kind], text)
    assert table.length == len(entries(clips[kind], text))
    assert len(table.words) == len(table.positions)
    assert all(places and max(places) < table.length for places in table.positions)
    assert all(table.find(name) for name in table.objects)
    for wanted in (phrase, *table.words):
        try:
            assert set(table.find(wanted)) <= set(range(len(table.words)))
        except ValueError as error:
            assert "is not in the prompt" in str(error)


@each_kind
@pytest.mark.parametrize("mark", ["<|endoftext|>", "<|startoftext|>"])
def test_words_behind_a_literal_special_token_are_found(
    clips: dict[str, Any], kind: str, mark: str
) -> None:
    table = table_of(clips[kind], f"a red {mark} circle and a blue square")
    assert table.words == ("a", "red", "circle", "and", "a", "blue", "square")
    tokens = entries(clips[kind], f"a red {mark} circle and a blue square")
    plain = entries(clips[kind], "a red circle and a blue square")
    for words, position in zip(table.words, table.positions, strict=True):
        assert tokens[position[0]] in plain, words
    assert table.positions[-1] == (8,)
    assert table_of(clips[kind], f"{mark} {mark}").words == ()
