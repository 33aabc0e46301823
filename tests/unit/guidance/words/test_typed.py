"""A prompt as text encoders read it: stretches of one weight, embeddings, words."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from selfguidance.guidance.words.typed import EMBEDDING, typed


def parts(prompt: str) -> list[str]:
    known = typed(prompt)
    return [known.text[begin:end] for begin, end in known.parts]


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("a red circle", ["a red circle"]),
        ("a (red:1.3) circle", ["a ", "red", " circle"]),
        ("a ((red:1.3) tiny:0.7) circle", ["a ", "red", " tiny", " circle"]),
        ("(a clock: 12:30 high)", ["a clock: 12:30 high"]),
        ("(a: 1e-1 )", ["a"]),
        (r"a cat \(animal:2\)", ["a cat (animal:2)"]),
        ("(open", ["(open"]),
        ("shut) (a)", ["shut) (a)"]),
        ("()(:1)", [":1"]),
        ("", []),
    ],
)
def test_brackets_part_a_prompt_by_weight(prompt: str, expected: list[str]) -> None:
    assert parts(prompt) == expected


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("A Red circle, 12:30", ["A", "Red", "circle", ",", "12", ":", "30"]),
        ("un(happy:1.2) t-shirt", ["un", "happy", "t", "-", "shirt"]),
        ("dog's 1girl", ["dog", "'", "s", "1", "girl"]),
        ("一只红猫 カ", ["一", "只", "红", "猫", "カ"]),
        ("한국어 हिन्दी e\u0301t", ["한국어", "हिन्दी", "e\u0301t"]),
        ("🐱🐶❤\ufe0f.", ["🐱", "🐶", "❤\ufe0f", "."]),
        ("a\u3000b\n\tc", ["a", "b", "c"]),
    ],
)
def test_words_are_runs_of_letters_digits_or_signs(prompt: str, words: list[str]) -> None:
    known = typed(prompt)
    assert [word.text for word in known.words()] == words
    assert all(known.text[word.begin : word.end] == word.text for word in known.words())


def test_words_may_begin_later() -> None:
    known = typed("system. <Prompt Start> a cat")
    start = known.text.index(">") + 1
    assert [word.text for word in known.words(start)] == ["a", "cat"]


@pytest.mark.parametrize(
    ("prompt", "text", "names"),
    [
        ("embedding:x, a cat", f"{EMBEDDING}, a cat", {0: "x"}),
        ("a (embedding:x:1.2) cat", f"a ({EMBEDDING}:1.2) cat", {3: "x"}),
        (r"a embedding:y\(1\)", f"a {EMBEDDING}", {2: "y(1)"}),
        ("a embedding:gone cat", "a  cat", {}),
        ("a, embedding:gone, embedding:x", f"a,  {EMBEDDING}", {4: "x"}),
        ("myembedding:x", "myembedding:x", {}),
    ],
)
def test_an_embedding_is_one_word_of_its_name(
    prompt: str, text: str, names: dict[int, str]
) -> None:
    known = typed(prompt, ("x", "y(1)"))
    assert (known.text, known.names) == (text, names)
    assert {word.begin: word.text for word in known.words() if word.begin in names} == names


def test_without_embeddings_their_names_are_text() -> None:
    known = typed("embedding:x")
    assert known.text == "embedding:x" and not known.names


@given(st.text(alphabet="ab():1.2\\ é🐱猫", max_size=40))
def test_any_prompt_has_words_in_order_inside_its_parts(prompt: str) -> None:
    known = typed(prompt)
    words = list(known.words())
    assert all(a.end <= b.begin for a, b in pairwise(words))
    assert all(any(b <= w.begin and w.end <= e for b, e in known.parts) for w in words)
    held = {i for w in words for i in range(w.begin, w.end)}
    inside = {i for b, e in known.parts for i in range(b, e) if not known.text[i].isspace()}
    assert held == inside
