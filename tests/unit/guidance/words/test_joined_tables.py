"""Token tables of several prompts: side by side, or in one another's places."""

import pytest
from selfguidance.guidance.words.table import TokenTable
from selfguidance.tests.unit.guidance.toys import table


def test_the_same_prompt_in_several_conditionings_counts_its_places_once() -> None:
    both = TokenTable.joined([table("a cat and a cat"), table("a cat and a cat"), table("a cat")])
    assert both.find("second cat") == (4, 9)
    assert both.find("third cat") == (11,)


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


@pytest.mark.parametrize(
    ("first", "second", "objects"),
    [
        (("dog",), (), ("dog", "red circle", "blue square")),
        ((), ("blue square",), ("cat", "dog", "blue square")),
    ],
)
def test_a_prompt_without_named_objects_keeps_all_of_its_phrases_when_joined(
    first: tuple[str, ...], second: tuple[str, ...], objects: tuple[str, ...]
) -> None:
    tables = table("a cat and a dog", first), table("a red circle and a blue square", second)
    assert TokenTable.joined(tables).objects == objects


def test_a_joined_table_with_named_objects_can_be_joined_again() -> None:
    inner = TokenTable.joined([table("a cat and a mat", ("cat",)), table("a dog")])
    both = TokenTable.joined([table("a star"), inner])
    assert both.objects == ("star", "cat", "dog")


def test_names_for_one_of_two_overlaid_encoders_are_those_of_the_text() -> None:
    tables = table("a cat on a mat", ("cat",)), table("a cat on a mat")
    assert TokenTable.overlaid(tables).objects == ("cat",)


def test_an_object_ends_where_its_prompt_ends() -> None:
    both = TokenTable.joined([table("red circle"), table("blue square")])
    assert both.objects == ("red circle", "blue square")
    with pytest.raises(ValueError, match="is not in the prompt"):
        both.find("circle blue")


def test_borders_stay_where_joined_tables_are_joined_again() -> None:
    inner = TokenTable.joined([table("red circle"), table("blue square")])
    both = TokenTable.joined([table("green star"), inner])
    assert both.objects == ("green star", "red circle", "blue square")
    assert both.borders == (2, 4) and both.length == 231
    assert not both.has("circle blue")


def test_overlaid_tables_share_their_places() -> None:
    both = TokenTable.overlaid([table("a cat"), table("one black cat")])
    assert both.length == 77 and both.borders == (2,)
    assert both.positions == ((1,), (2,), (1,), (2,), (3,))
    assert both.find("cat") == (1, 4) and both.objects == ("cat", "one black cat")


@pytest.mark.parametrize("tables", [("", "a cat"), ("a cat", ""), ("", "")])
def test_an_empty_prompt_beside_another_adds_no_word(tables: tuple[str, str]) -> None:
    both = TokenTable.joined([table(prompt) for prompt in tables])
    assert both.borders == () and both.length == 154
    assert both.has("cat") == ("a cat" in tables)


def test_a_word_that_the_encoder_leaves_out_is_told_from_one_that_is_not_there() -> None:
    cut = TokenTable("a cat, a dog", ("a", "cat"), ((0,), (1,)), 2, lost=("a", "dog"))
    for phrase in ("dog", "a dog"):
        with pytest.raises(ValueError, match=r"leaves .*'dog' out.*too long for it; write another"):
            cut.find(phrase)
    with pytest.raises(ValueError, match="its words are: a, cat"):
        cut.find("fox")
    assert TokenTable.joined([cut, table("a fox")]).lost == ("a", "dog")
    assert not cut.has("dog") and cut.find("a") == (0,)
