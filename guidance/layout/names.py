"""Which object of a layout or of its reference a name, such as a detector's label, means."""

from collections.abc import Sequence

from ..words.phrases import letters, without_article
from ..words.table import TokenTable
from ..words.written import unweighted
from .canvas import Layout, brief


def known(layout: Layout, table: TokenTable | None) -> list[str]:
    """Phrases of the layout's objects, then of those of the prompt that share no word with them."""
    return [placed.phrase for placed in layout.objects] + unlisted(layout, table)


def unlisted(layout: Layout, table: TokenTable | None) -> list[str]:
    """Phrases of the prompt's objects that share no word with those of the layout."""
    listed = [placed.phrase for placed in layout.objects]
    prompted = () if table is None else table.objects
    return [name for name in prompted if not any(_overlap(name, other, table) for other in listed)]


def matching(name: str, phrases: Sequence[str], table: TokenTable | None) -> str:
    """The phrase of the object that a name means; the name itself if it means none.

    The first of these rules that exactly one phrase meets: the same text; the same letters and
    digits without an article; the same words of the prompt; one of the two has words of the other,
    at all of their occurrences there. So "circle" means the red circle of a prompt without other
    circles, but "first dog" does not mean all dogs.

    Args:
        name: a name for an object.
        phrases: those of the objects.
        table: of the reference's prompt, if there is one.

    Raises:
        ValueError: a name that shares words with several objects.
    """
    for means in (_typed, _spelled, _equal, _nested):
        found = [phrase for phrase in phrases if means(name, phrase, table)]
        if len(found) == 1:
            return found[0]
    touched = [phrase for phrase in phrases if _overlap(name, phrase, table)]
    if len(touched) > 1:
        raise ValueError(
            f"a box is for {brief(name)}, which shares words with {brief(touched[0])} and "
            f"{brief(touched[1])}; name one of the objects for it in box_objects"
        )
    return name


def _typed(one: str, other: str, _: TokenTable | None) -> bool:
    return one.strip().lower() == other.strip().lower()


def _spelled(one: str, other: str, _: TokenTable | None) -> bool:
    """Compared by letters and digits, without weights and articles."""
    same, wanted = (letters(without_article(unweighted(name))) for name in (one, other))
    return bool(same) and same == wanted


def _equal(one: str, other: str, table: TokenTable | None) -> bool:
    return bool(_words(one, table)) and _words(one, table) == _words(other, table)


def _nested(one: str, other: str, table: TokenTable | None) -> bool:
    few, many = sorted((_words(one, table), _words(other, table)), key=len)
    if not few or table is None:
        return False
    texts = {table.words[i] for i in few}
    return few == {i for i in many if table.words[i] in texts}


def _overlap(one: str, other: str, table: TokenTable | None) -> bool:
    return _spelled(one, other, table) or bool(_words(one, table) & _words(other, table))


def _words(phrase: str, table: TokenTable | None) -> set[int]:
    """Indices of its words in the prompt; empty if the prompt lacks it."""
    return set(table.find(phrase)) if table is not None and table.has(phrase) else set()
