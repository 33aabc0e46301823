"""Prompts as they are typed: words with punctuation inside, weights, lists."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from selfguidance.guidance.words.table import TokenTable
from selfguidance.guidance.words.written import listed, unweighted, written
from selfguidance.tests.unit.guidance.toys import table


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("red_circle, blue_square", ("red_circle", "blue_square")),
        ("a red-haired woman in a T-shirt", ("a", "red-haired", "woman", "in", "t-shirt")),
        ("3.5 inch disk at 12:30", ("3.5", "inch", "disk", "at", "12:30")),
        ("red circle,blue square.a cat", ("red", "circle", "blue", "square", "a", "cat")),
        ("a cat--a dog -fox- 'cat'", ("a", "cat", "dog", "fox")),
        ("1,000 dogs,1girl,2boys", ("1,000", "dogs", "1girl", "2boys")),
        ("a dog\N{RIGHT SINGLE QUOTATION MARK}s bone", ("a", "dog\u2019s", "bone")),
        (r"hatsune_miku_\(vocaloid\), \(cat\)", ("hatsune_miku_(vocaloid)", "cat")),
        ("un(happy:1.2) man", ("unhappy", "man")),
        ("a U.S. flag, R&B, cat&dog", ("a", "u.s", "flag", "r&b", "cat", "dog")),
        ("हिन्दी-शब्द\uff0c猫、犬", ("हिन्दी-शब्द", "猫", "犬")),
    ],
)
def test_a_word_keeps_the_punctuation_inside_it(prompt: str, words: tuple[str, ...]) -> None:
    assert written(prompt) == words


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("a (red circle:1.3)", "a red circle"),
        ("((red:1.3) tiny:0.7) circle", "red tiny circle"),
        ("((((wide)))) cat", "wide cat"),
        (r"a cat \(animal:2\)", "a cat (animal:2)"),
        ("(a clock: 12:30 high:.5)", "a clock: 12:30 high"),
        ("(open", "(open"),
        ("shut)", "shut)"),
    ],
)
def test_weights_are_no_part_of_the_text(text: str, plain: str) -> None:
    assert unweighted(text) == plain


@pytest.mark.parametrize(
    ("prompt", "words", "objects"),
    [
        ("red_circle, blue_square", "red _ circle , blue _ square", "red_circle, blue_square"),
        (
            "a red-haired woman in a t-shirt",
            "a red - haired woman in a t - shirt",
            "red-haired woman, t-shirt",
        ),
        ("a 3.5 inch disk at 12:30", "a 3 . 5 inch disk at 1 2 : 3 0", "3.5 inch disk, 12:30"),
        ("girl_with_a_pearl", "girl _ with _ a _ pearl", "girl_with_a_pearl"),
        ("white_background, 1girl", "white _ background , 1 girl", "1girl"),
        (r"miku_\(singer\) on a mat", "miku _( singer ) on a mat", "miku_(singer), mat"),
        ("a dog's bone", "a dog 's bone", "dog's bone"),
        ("(red:1.3)_circle", "red _ circle", "red_circle"),
    ],
)
def test_an_object_holds_whole_written_words(prompt: str, words: str, objects: str) -> None:
    parted = replace(table(words), prompt=prompt)
    assert parted.objects == tuple(objects.split(", "))
    assert all(parted.find(name) for name in parted.objects)


def test_tables_of_several_prompts_keep_their_written_words() -> None:
    tables = [replace(table(f"{c} _ circle"), prompt=f"{c}_circle") for c in ("red", "blue")]
    assert TokenTable.joined(tables).objects == ("red_circle", "blue_circle")


def test_what_is_typed_apart_stays_apart() -> None:
    parted = replace(table("a t - shirt and a t , shirt"), prompt="a t-shirt and a t, shirt")
    assert parted.objects == ("t-shirt", "t", "shirt")


@pytest.mark.parametrize(
    "typed", ["a, b", "a; b", "a\nb", "a\r\n b,", "a\uff0cb", "a\u3001b", "a\uff1bb", ";a,,b\n"]
)
def test_one_reader_takes_every_separator_of_a_list(typed: str) -> None:
    assert listed(typed) == ("a", "b")


@pytest.mark.parametrize("blank", ["\x85", "\xa0", "\u1680", "\u2003", "\u2028", "\u3000"])
def test_every_blank_of_unicode_separates_words(blank: str) -> None:
    assert written(f"red{blank}circle{blank}") == ("red", "circle")


@given(st.text(max_size=40))
def test_any_text_has_words_and_a_plain_form(text: str) -> None:
    assert all(word and not word.isspace() for word in written(text))
    assert unweighted(unweighted(text)) or not unweighted(text)
    assert all(part == part.strip() for part in listed(text))
