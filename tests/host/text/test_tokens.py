"""The token table, by ComfyUI's own tokenizers of CLIP-L, CLIP-G, both of them and CLIP-H."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from selfguidance.tests.host.text.tables import entries, spelled, table_of

KINDS = ("l", "g", "both", "h")
each_kind = pytest.mark.parametrize("kind", KINDS)


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


@settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(st.text(alphabet="ab():1.2\\- \1\2", max_size=40) | texts)
def test_weights_are_taken_away_as_comfyui_does(clips: dict[str, Any], text: str) -> None:
    from comfy.sd1_clip import escape_important, token_weights, unescape_important
    from selfguidance.guidance.words.typed import typed

    theirs = [unescape_important(part) for part, _ in token_weights(escape_important(text), 1.0)]
    known = typed(text)
    assert [known.text[begin:end] for begin, end in known.parts] == theirs
