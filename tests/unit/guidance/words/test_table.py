"""Token tables: where phrases stand, which objects a prompt has."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from selfguidance.guidance.words import table as tokens
from selfguidance.guidance.words.phrases import letters
from selfguidance.guidance.words.table import TokenTable
from selfguidance.tests.unit.guidance.toys import table


@pytest.mark.parametrize(
    ("prompt", "phrase", "found"),
    [
        ("a red circle", "red circle", (1, 2)),
        ("a red circle", "circle", (2,)),
        ("a Red Circle", "RED circle", (1, 2)),
        ("a t - shirt , blue", "T-shirt", (1, 3)),  # as a tokenizer splits it
        ("a t-shirt", "t shirt", (1,)),
        ("one dog , two dogs , one dog", "one dog", (0, 1, 6, 7)),
        ("red red circle", "red circle", (1, 2)),
        ("a café", "Café", (1,)),
        ("一只 猫", "猫", (1,)),
        ("a cafe\u0301", "caf\u00e9", (1,)),  # the accent as a letter of its own
        ("straße", "STRASSE", (0,)),
        ("a 🐱 , a dog", "🐱", (1,)),
        ("a dog 's bone", "dog's bone", (1, 2, 3)),
        ("a red circle", "the red circle", (1, 2)),
        ("the the", "the", (0, 1)),
        ("a red circle", "(red circle:1.3)", (1, 2)),
        ("a red circle", "(the (red:1.2) circle:.8)", (1, 2)),
        ("a red circle", "(red:1.2) circle", (1, 2)),
        ("a circle : 3", "circle:3", (1, 3)),
        ("a circle , a circle", "second (circle:1.1)", (4,)),
    ],
)
def test_a_phrase_is_found(prompt: str, phrase: str, found: tuple[int, ...]) -> None:
    assert table(prompt).find(phrase) == found


@pytest.mark.parametrize(
    ("prompt", "phrase"),
    [
        ("a bored cat", "red"),  # end of a word
        ("a redder cat", "red"),  # start of a word
        ("a red big circle", "red circle"),  # apart
        ("circle red", "red circle"),  # other order
        ("a red", "red circle"),  # cut short
        ("a cat", ""),
        ("a cat , dog", ","),
    ],
)
def test_what_is_no_phrase_of_the_prompt_is_refused(prompt: str, phrase: str) -> None:
    with pytest.raises(ValueError, match="is not in the prompt"):
        table(prompt).find(phrase)


def test_the_error_names_object_prompt_and_every_word_once() -> None:
    with pytest.raises(ValueError) as raised:
        table("a dog , a cat").find("red ball")
    assert str(raised.value) == (
        "object 'red ball' is not in the prompt 'a dog , a cat'; its words are: a, dog, cat. "
        "Write the object exactly as the prompt does"
    )


@pytest.mark.parametrize(
    ("phrase", "close"),
    [
        ("red circles", "red circle"),
        ("cirlce", "circle"),
        ("blue sqare", "blue square"),
        ("squares", "square"),
        ("cafe", "café"),
    ],
)
def test_the_error_names_what_comes_close(phrase: str, close: str) -> None:
    with pytest.raises(ValueError, match=f"Did you mean {close!r}\\?"):
        table("a red circle and a blue square , café").find(phrase)


TWO = "a red circle and a blue square"


@pytest.mark.parametrize("phrase", ["red circle, blue square", "circle;blue square"])
def test_a_list_where_one_object_belongs_is_told_apart(phrase: str) -> None:
    with pytest.raises(ValueError, match="lists 2 objects, but this is the place of one; write"):
        table(TWO).find(phrase)


def test_a_suggestion_begins_and_ends_with_a_word_that_names_something() -> None:
    with pytest.raises(ValueError, match="is not in the prompt") as raised:
        table(TWO).find("red circle, green square")
    assert "'and a blue square'" not in str(raised.value)


@pytest.mark.parametrize("separator", [", ", ";", "\n", "\uff0c", "\u3001", "\uff1b"])
def test_objects_may_be_listed_with_any_separator_and_weight(separator: str) -> None:
    named = table(TWO).naming(separator.join(["(red circle:1.3)", "blue square", ""]))
    assert named.objects == ("red circle", "blue square")


@pytest.mark.parametrize("phrase", ["and", "A", "the a", "and a", "second a"])
def test_joining_words_alone_are_words_but_no_object(phrase: str) -> None:
    assert table(TWO).find(phrase)
    with pytest.raises(ValueError, match=f"object '{phrase}' names nothing.*such as 'red circle'"):
        table(TWO).find_object(phrase)


@pytest.mark.parametrize(
    ("prompt", "phrase", "found"),
    [
        ("the letter a on a cube", "letter a", (1, 2)),
        ("x and y", "x", (0,)),
        ("una casa a la playa", "la playa", (3, 4)),
        ("a white background", "background", (2,)),
    ],
)
def test_a_phrase_with_any_other_word_is_an_object(
    prompt: str, phrase: str, found: tuple[int, ...]
) -> None:
    assert table(prompt).find_object(phrase) == found


def test_a_joining_word_that_the_user_lists_is_an_object() -> None:
    danish = table("en and i en dam").naming("and, dam")  # a duck on a pond
    assert danish.find_object("and") == (1,) and danish.find_object("And") == (1,)
    assert TokenTable.joined([danish, table("and")]).find_object("and")
    with pytest.raises(ValueError, match="'a' is not in the prompt"):
        danish.find_object("a")


CIRCLES = "a circle , a red circle and a circle"


@pytest.mark.parametrize(
    ("phrase", "found"),
    [
        ("circle", (1, 5, 8)),
        ("first circle", (1,)),
        ("the second circle", (5,)),
        ("2nd circle", (5,)),
        ("Circle 3", (8,)),
        ("circle #3", (8,)),
        ("last circle", (8,)),
        ("first red circle", (4, 5)),
        ("last a", (7,)),
    ],
)
def test_a_number_picks_one_of_several(phrase: str, found: tuple[int, ...]) -> None:
    assert table(CIRCLES).find(phrase) == found


@pytest.mark.parametrize("phrase", ["fourth circle", "circle 4", "red circle 2", "99th circle"])
def test_a_number_past_the_last_place_is_refused(phrase: str) -> None:
    with pytest.raises(ValueError, match=r"circle' stands there only (3 times|once); count from 1"):
        table(CIRCLES).find(phrase)


@pytest.mark.parametrize("phrase", ["circle 0", "zeroth circle", "second", "circle -1", "second 2"])
def test_what_is_no_number_of_a_place_is_refused(phrase: str) -> None:
    with pytest.raises(ValueError, match="is not in the prompt"):
        table(CIRCLES).find(phrase)


def test_a_number_that_the_prompt_itself_has_is_no_choice() -> None:
    assert table("first prize , prize , area 2 , area").find("first prize") == (0, 1)
    assert table("first prize , prize , area 2 , area").find("area 2") == (5, 6)


def test_a_table_knows_what_it_has() -> None:
    words = table(CIRCLES)
    assert words.has("red circle") and words.has("circle 3")
    assert not words.has("square") and not words.has("circle 4")


@pytest.mark.parametrize("phrase", ["square", "circle 4"])
def test_whether_a_phrase_is_there_is_searched_once_and_without_a_message(
    phrase: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched: list[str] = []
    places = TokenTable._places

    def counted(self: TokenTable, name: str) -> list[tuple[int, ...]]:
        searched.append(name)
        return places(self, name)

    monkeypatch.setattr(TokenTable, "_places", counted)
    monkeypatch.setattr(tokens, "closest", lambda *_: pytest.fail("a message was made"))
    words = table(CIRCLES)
    assert not words.has(phrase)
    first = len(searched)
    assert not words.has(phrase) and not words.has(phrase)
    assert len(searched) == first > 0


def test_a_phrase_that_was_asked_for_and_missed_is_still_refused_with_its_message() -> None:
    words = table("a circle , a cat")
    assert not words.has("cirlce") and not words.has("cat 2")
    with pytest.raises(ValueError, match="Did you mean 'circle'"):
        words.find("cirlce")
    with pytest.raises(ValueError, match="'cat' stands there only once"):
        words.find("cat 2")


def test_break_ends_an_object() -> None:
    assert table("red circle BREAK blue square").objects == ("red circle", "blue square")


def test_the_error_of_an_empty_prompt_says_so() -> None:
    with pytest.raises(ValueError, match=r"its words are: \(none\)"):
        table("").find("cat")


@pytest.mark.parametrize(
    ("prompt", "objects"),
    [
        ("a red circle and a blue square", ("red circle", "blue square")),
        ("red circle , blue square", ("red circle", "blue square")),
        ("a cat on the mat", ("cat", "mat")),
        ("a cat and a cat", ("cat",)),
        ("a cat on a white background", ("cat",)),
        ("", ()),
    ],
)
def test_objects_are_what_stands_between_joining_words(
    prompt: str, objects: tuple[str, ...]
) -> None:
    assert table(prompt).objects == objects


def test_objects_that_the_user_names_replace_the_found_ones() -> None:
    assert table("a cat on a mat", named=("mat",)).objects == ("mat",)


def test_tokens_that_nodes_added_belong_to_no_word() -> None:
    words = TokenTable("a cat", ("a", "cat"), ((1,), (2,)), 4)
    longer = words.averaging(6)
    assert longer.shape == (6, 2) and not longer[4:].any()
    assert torch.equal(longer[:4], words.averaging())


text = st.text(max_size=30) | st.sampled_from(["circle 2", "the", "second", "#1", "last last", "é"])
prompts = st.lists(st.text(min_size=1, max_size=8), max_size=12)


@given(st.lists(prompts, min_size=1, max_size=3), text)
def test_any_phrase_is_found_or_refused_with_the_words(
    several: list[list[str]], phrase: str
) -> None:
    tables = [
        TokenTable(" ".join(words), tuple(words), tuple((i + 1,) for i in range(len(words))), 77)
        for words in several
    ]
    both = TokenTable.joined(tables)
    assert all(both.has(name) for name in both.objects)
    assert all(p < both.length for word in both.positions for p in word)
    try:
        found = both.find(phrase)
    except ValueError as error:
        assert repr(phrase) in str(error) and repr(both.prompt) in str(error)
        assert not both.has(phrase)
    else:
        assert found and all(0 <= i < len(both.words) for i in found)
        assert len(set(found)) == len(found)


@given(prompts.filter(lambda words: any(map(letters, words))), st.data())
def test_words_in_a_row_are_always_found_where_they_stand(
    words: list[str], data: st.DataObject
) -> None:
    whole = TokenTable(
        " ".join(words), tuple(words), tuple((i + 1,) for i in range(len(words))), 77
    )
    start = data.draw(st.sampled_from([i for i, word in enumerate(words) if letters(word)]))
    end = data.draw(st.integers(start + 1, len(words)))
    wanted = {i for i in range(start, end) if letters(words[i])}
    assert wanted <= set(whole.find(" ".join(words[start:end])))


def test_averaging_spreads_one_over_the_tokens_of_each_word() -> None:
    split = TokenTable("a t-shirt", ("a", "tshirt"), ((1,), (2, 4)), 6)
    expected = torch.tensor([[0, 0], [1, 0], [0, 0.5], [0, 0], [0, 0.5], [0, 0]])
    torch.testing.assert_close(split.averaging(), expected)


def test_averaging_asked_for_in_inference_mode_serves_gradients_later() -> None:
    split = table("a circle")
    with torch.inference_mode():
        split.averaging()
    weights = torch.rand(2, split.length, requires_grad=True)
    (weights @ split.averaging()).sum().backward()
    torch.testing.assert_close(weights.grad, split.averaging().sum(1).expand(2, -1))
