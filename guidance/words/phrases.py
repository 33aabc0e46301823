"""Comparing names of objects with the words of a prompt."""

import difflib
import re
import unicodedata
from collections.abc import Sequence

ARTICLES = frozenset(("the", "a", "an"))
ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth".split()
LAST = -1
# Words that separate phrases: what stands between them are the objects of a prompt.
JOINING = frozenset(
    "a an the and or but of in on at by with without to from into onto "
    "over under near beside besides behind above below between against across along around "
    "through inside outside next is are has have his her its their this that these those some "
    "wearing holding".split()
)


def letters(text: str) -> str:
    """A text reduced for comparison: letters, marks, digits and pictographs, in one case.

    In Unicode's decomposed form (NFKD), in which an accented letter has one spelling.
    """
    plain = unicodedata.normalize("NFKD", text.casefold()).casefold()
    kinds = {c: unicodedata.category(c) for c in plain}
    return "".join(c for c in plain if kinds[c][0] in "LMN" or kinds[c] == "So")


def numbered(phrase: str) -> tuple[str, int] | None:
    """The phrase and the number of one that picks one of several occurrences; None for others.

    Numbers start at 1; "last" is `LAST`. "second circle", "the 2nd circle", "circle 2", "circle #2"
    and "last circle" are such phrases.
    """
    words = phrase.split()
    if words and words[0].lower() in ARTICLES:
        words = words[1:]
    if len(words) < 2:
        return None
    first, last = words[0].lower(), words[-1]
    counted = re.fullmatch(r"([1-9][0-9]?)(st|nd|rd|th)", first)
    trailing = re.fullmatch(r"#?([1-9][0-9]?)", last)
    if first == "last":
        return " ".join(words[1:]), LAST
    if first in ORDINALS:
        return " ".join(words[1:]), ORDINALS.index(first) + 1
    if counted:
        return " ".join(words[1:]), int(counted[1])
    if trailing:
        return " ".join(words[:-1]), int(trailing[1])
    return None


def without_article(phrase: str) -> str:
    """The phrase without "the", "a" or "an" at its start, unless it is nothing else."""
    first, _, rest = phrase.strip().partition(" ")
    return rest if rest and first.lower() in ARTICLES else phrase


def closest(phrase: str, words: Sequence[str]) -> str | None:
    """The consecutive words most similar to a phrase, for a hint; None if none is similar."""
    count = max(1, len(phrase.split()))
    rows = {
        " ".join(words[i : i + n]): None
        for n in (count, 1)
        for i in range(len(words) - n + 1)
        if not {words[i], words[i + n - 1]} & JOINING
        if letters(words[i]) and letters(words[i + n - 1])
    }
    found = difflib.get_close_matches(phrase.lower().strip(), list(rows), n=1, cutoff=0.7)
    return found[0] if found else None


def folded(text: str) -> str:
    """The text in one case and normal form, punctuation included."""
    return unicodedata.normalize("NFKD", text.casefold())


def matches(words: Sequence[str], wanted: str) -> list[list[int]]:
    """For each word, the indices of the words from it on that spell the wanted letters, or []."""
    spelled = [letters(word) for word in words]
    found: list[list[int]] = []
    for start, first in enumerate(spelled):
        text, place = "", []
        # starts at a word, so that punctuation before it is not a second occurrence
        for index in range(start, len(words) if first and wanted else start):
            text += spelled[index]
            if spelled[index]:
                place.append(index)
            if not wanted.startswith(text) or text == wanted:
                break
        found.append(place if wanted and text == wanted else [])
    return found
