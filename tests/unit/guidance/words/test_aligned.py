"""Tokens are found for letters, whatever a tokenizer has done to the text before it cut it."""

import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from selfguidance.guidance.words.aligned import Spelled, aligned


def spelled(pieces: str) -> list[Spelled]:
    """Tokens between bars; "?" is one for unknown letters."""
    return [
        Spelled(None if letter == "?" else letter, (index,))
        for index, piece in enumerate(pieces.split("|"))
        for letter in piece
    ]


def tokens(text: str, pieces: str, cut: bool = False) -> list[set[int]] | None:
    """The tokens of each letter of a text that is no space."""
    found = aligned(((letter, i) for i, letter in enumerate(text)), spelled(pieces), cut)
    if found is None:
        return None
    return [found.get(i, set()) for i, letter in enumerate(text) if letter != " "]


@pytest.mark.parametrize(
    ("text", "pieces", "expected"),
    [
        ("a cat", "a| cat", [0, 1, 1, 1]),
        ("A Cat", " a|ca|t", [0, 1, 1, 2]),
        ("a,  cat", "a|,| |cat", [0, 1, 3, 3, 3]),
        ("café", "cafe\u0301", [0, 0, 0, 0]),
        ("cafe\u0301", "caf|é", [0, 0, 0, 1, 1]),
        ("\ufb01re", "fi|re", [0, 1, 1]),
        ("a\u2026b", "a|...|b", [0, 1, 2]),
        ("a\u201c,b", 'a|"|,|b', [0, None, 2, 3]),
        ("\u201ca\u201d", '"|a|"', [None, 1, None]),
        ("a-b", "a|b", [0, None, 1]),
        ("猫 犬", " |?| |?", [1, 3]),
        ("一只猫 a", "?|a", [0, 0, 0, 1]),
        ("猫a狗a", "?|a|?|a", [0, 1, 2, 3]),
        ("na猫ve", "na|?|ve", [0, 0, 1, 2, 2]),
        ("x🐶y", "x|?|y", [0, 1, 2]),
        ("👩\u200d🚀", "?| |?", [0, None, 2]),
        ("a 猫 b", "a|b", [0, None, 1]),
        ("猫\x07犬", "?| |?", [0, None, 2]),  # a control letter parts words
    ],
)
def test_letters_have_the_tokens_that_spell_them(
    text: str, pieces: str, expected: list[int | None]
) -> None:
    found = tokens(text, pieces)
    assert found == [set() if index is None else {index} for index in expected]


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("a cat", "a| dog"),
        ("a cat", "a| cat|s"),
        ("a cat at", "a| cat"),
        ("a red cat", "a|1.2| red| cat"),
        ("cat", "?|cat"),
    ],
)
def test_tokens_of_another_text_are_refused(text: str, pieces: str) -> None:
    assert tokens(text, pieces) is None


def test_tokens_may_end_before_the_text() -> None:
    assert tokens("a cat at", "a| cat", cut=True) == [{0}, {1}, {1}, {1}, set(), set()]
    assert tokens("a cat at", "a| dog", cut=True) is None


def test_letters_share_tokens_and_tokens_letters() -> None:
    both = [Spelled("猫", (0, 1)), Spelled("a", (1,))]
    assert aligned([("猫", 7), ("a", 8)], both) == {7: {0, 1}, 8: {1}}


def test_letters_that_nobody_asks_for_are_compared_all_the_same() -> None:
    template: list[tuple[str, int | None]] = [(letter, None) for letter in "user "]
    assert aligned([*template, ("a", 0)], spelled("user| a")) == {0: {1}}
    assert aligned([*template, ("a", 0)], spelled("turn| a")) is None


@given(st.text(max_size=30), st.lists(st.integers(0, 30), max_size=8))
def test_any_text_is_found_in_its_own_pieces(text: str, cuts: list[int]) -> None:
    marks = sorted({0, len(text), *(min(cut, len(text)) for cut in cuts)})
    pieces = [text[a:b] for a, b in pairwise(marks)]
    theirs = [Spelled(letter, (i,)) for i, piece in enumerate(pieces) for letter in piece]
    owners = [token.tokens[0] for token in theirs]
    found = aligned(((letter, i) for i, letter in enumerate(text)), theirs)
    assert found is not None
    for index, letter in enumerate(text):
        if unicodedata.category(letter)[0] in "LN":
            assert owners[index] in found[index] and len(found[index]) == 1


def test_a_prompt_of_many_signs_is_read_in_a_moment() -> None:
    text = "a" + "," * 20000
    for pieces in ("a", text, text.replace(",", ";"), "a" + ";," * 20000):
        assert tokens(text, pieces) is not None
