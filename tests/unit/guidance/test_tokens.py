"""Token tables: where phrases stand, which objects a prompt has."""

import pytest
import torch
from selfguidance.guidance.tokens import TokenTable
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


def test_joined_tables_count_positions_through() -> None:
    both = TokenTable.joined([table("a cat"), table("a dog")])
    assert both.length == 154
    assert both.words == ("a", "cat", "a", "dog")
    assert both.positions == ((1,), (2,), (78,), (79,))
    assert both.prompt == "a cat | a dog"
    assert both.find("a") == (0, 2)


def test_one_table_is_joined_to_itself_alone() -> None:
    one = table("a cat")
    assert TokenTable.joined([one]) is one


def test_joined_tables_share_what_the_user_named() -> None:
    both = TokenTable.joined([table("cat , mat", ("cat",)), table("cat , dog", ("cat", "dog"))])
    assert both.objects == ("cat", "dog")


def test_an_object_ends_where_its_prompt_ends() -> None:
    both = TokenTable.joined([table("red circle"), table("blue square")])
    assert both.objects == ("red circle", "blue square")
    with pytest.raises(ValueError, match="is not in the prompt"):
        both.find("circle blue")


def test_averaging_spreads_one_over_the_tokens_of_each_word() -> None:
    split = TokenTable("a t-shirt", ("a", "tshirt"), ((1,), (2, 4)), 6)
    expected = torch.tensor([[0, 0], [1, 0], [0, 0.5], [0, 0], [0, 0.5], [0, 0]])
    torch.testing.assert_close(split.averaging(), expected)
