"""Which tokens stand for which letters of a text, found by comparing it with what they spell.

Tokenizers change a text before they cut it: case, accents, spaces and signs. Letters and digits
stay, in order; so these decide, and everything else is paired where it can be.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple


class Spelled(NamedTuple):
    """A letter that tokens spell.

    Attributes:
        letter: the letter; None where the vocabulary has a token for "unknown" alone, which stands
            for one letter or several.
        tokens: indices of the tokens; several where they share the bytes of the letter.
    """

    letter: str | None
    tokens: tuple[int, ...]


AHEAD = 20  # signs in a row that are looked through
END = ""  # in the place of a letter behind the last one


class _Letter(NamedTuple):
    """A letter in the form in which texts are compared, with what it comes from."""

    letter: str | None
    origin: tuple[int, ...]


def aligned(
    text: Iterable[tuple[str, int | None]], spelled: Iterable[Spelled], cut: bool = False
) -> dict[int, set[int]] | None:
    """The tokens of each letter of a text; None where the tokens spell another text.

    Args:
        text: letters, each with its index, or None where nobody asks for it.
        spelled: what the tokens spell.
        cut: whether the tokens may end before the text does.

    Returns:
        indices of tokens by the index of the letter. Letters that the vocabulary lacks altogether,
        so that its tokenizer drops them, have none.
    """
    ours = [
        one for letter, index in text for one in _letters(letter, () if index is None else (index,))
    ]
    theirs = [
        one
        for letter, tokens in spelled
        for one in ([_Letter(None, tokens)] if letter is None else _letters(letter, tokens))
    ]
    return _Comparison(ours, theirs).result(cut)


class _Comparison:
    """Two texts, read side by side from their beginnings."""

    def __init__(self, ours: Sequence[_Letter], theirs: Sequence[_Letter]) -> None:
        self.ours, self.theirs = ours, theirs
        self.here = self.there = 0
        self.known = {one.letter for one in theirs}
        self.found: dict[int, set[int]] = {}

    def result(self, cut: bool) -> dict[int, set[int]] | None:
        while self.there < len(self.theirs):
            if not self._step():
                return None
        rest = {one.letter for one in self.ours[self.here :] if _counts(one.letter)}
        return None if rest & self.known and not cut else self.found

    def _step(self) -> bool:
        """Read on; whether the texts still are the same."""
        ours = self.ours[self.here].letter if self.here < len(self.ours) else END
        theirs = self.theirs[self.there].letter
        if theirs == " ":
            self.there += 1
        elif ours == " ":
            self.here += 1
        elif theirs is None:
            return self._unknown()
        elif ours == theirs:
            self._pair({*self.theirs[self.there].origin})
            self.there += 1
        elif ours != END and not _counts(ours):
            self._pass_signs(theirs)
        elif not _counts(theirs):
            self.there += 1
        elif ours != END and ours not in self.known:
            self.here += 1
        else:
            return False
        return True

    def _pair(self, tokens: set[int]) -> None:
        for index in self.ours[self.here].origin:
            self.found.setdefault(index, set()).update(tokens)
        self.here += 1

    def _pass_signs(self, wanted: str) -> None:
        """Pair a sign where it is among those before our next letter; else one text has it alone.

        Args:
            wanted: what stands in the other text.
        """
        if _counts(wanted):
            self.here += 1
            return
        for at in range(self.here, min(self.here + AHEAD, len(self.ours))):
            letter = self.ours[at].letter
            if _counts(letter):
                break
            if letter == wanted:
                self.here = at
                return
        self.there += 1

    def _unknown(self) -> bool:
        """Give tokens of unknown letters the letters up to a space or to the next known one."""
        tokens: set[int] = set()
        while self.there < len(self.theirs) and self.theirs[self.there].letter is None:
            tokens.update(self.theirs[self.there].origin)
            self.there += 1
        behind = self.theirs[self.there].letter if self.there < len(self.theirs) else END
        while self.here < len(self.ours) and _parts(self.ours[self.here].letter):
            self.here += 1
        begin = self.here
        while self.here < len(self.ours):
            letter = self.ours[self.here].letter
            space = _parts(letter) if behind in (" ", END) else letter == " "
            if space or (letter == behind and self.here > begin):
                break
            self._pair(tokens)
        return self.here > begin


def _letters(letter: str, origin: tuple[int, ...]) -> Iterator[_Letter]:
    """A letter, decomposed and in one case, as accents and capitals may be lost."""
    folded = unicodedata.normalize("NFKD", letter.casefold()).casefold()
    for one in folded:
        space = one.isspace() or unicodedata.category(one) == "Cc"
        yield _Letter(" " if space else one, origin)


def _counts(letter: str | None) -> bool:
    """Whether a letter must stand in both texts."""
    kind = unicodedata.category(letter) if letter else "Zs"
    return kind[0] in "LN" or kind == "So"


def _parts(letter: str | None) -> bool:
    """Whether a letter is a space, or one without width, of which T5 makes a space."""
    return letter == " " or bool(letter and unicodedata.category(letter) == "Cf")
