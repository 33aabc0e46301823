"""Token table: which tokens of a conditioning stand for which word of the prompt."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise

import torch
from torch import Tensor

from .phrases import (
    JOINING,
    LAST,
    closest,
    folded,
    letters,
    matches,
    numbered,
    without_article,
)
from .typed import typed
from .written import listed, unweighted, written

SCENERY = frozenset(("background", "backdrop", "scene"))
# Typed in capitals it splits a prompt in other front ends; for ComfyUI's tokenizer it is a word.
BREAK = "BREAK"


@dataclass(frozen=True)
class TokenTable:
    """The words of a prompt and where their tokens stand in the conditioning.

    Attributes:
        prompt: the text as typed.
        words: the words in order, lower case, without weights and brackets; an embedding is one
            word, its name.
        positions: for each word its token positions, 0-based along the conditioning's token axis.
        length: number of tokens of the conditioning, padding included.
        named: objects that the user listed; if empty, they are found in the prompt.
        borders: indices into `words` at which another prompt begins, in joined tables.
        lost: words of the prompt that have no token, since the text encoder leaves them out.
    """

    prompt: str
    words: tuple[str, ...]
    positions: tuple[tuple[int, ...], ...]
    length: int
    named: tuple[str, ...] = ()
    borders: tuple[int, ...] = ()
    lost: tuple[str, ...] = field(default=(), compare=False)  # explains an error, no more
    # caches: terms look up the same phrases many times a step, and every step the same matrix
    _found: dict[str, tuple[int, ...]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    _averaging: dict[int, Tensor] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @cached_property
    def objects(self) -> tuple[str, ...]:
        """Phrases of the prompt that name an object, in order, each once.

        A text typed as one word, such as "red_circle", is never split, even if the tokenizer makes
        several words of it.
        """
        if self.named:
            return self.named
        phrases: dict[str, None] = {}
        run: list[str] = []
        last, index, whole = "", 0, self._whole()
        while index <= len(self.words):
            word = self.words[index] if index < len(self.words) else "and"
            end, text = whole.get(index, (index + 1, word))
            joining = text in JOINING or text == BREAK or not letters(text)
            if joining or index in self.borders:
                if run and last not in SCENERY:
                    phrases[" ".join(run)] = None
                run = []
            if not joining:
                run.append(text)
                last = self.words[end - 1]
            index = end
        return tuple(phrases)

    def _whole(self) -> dict[int, tuple[int, str]]:
        """Typed words that the tokenizer has split: (end index, exclusive; text) by start index."""
        known = set(self.words)
        parted = [text for text in written(self.prompt) if text not in known]
        whole = {}
        for begin, end in pairwise((0, *self.borders, len(self.words))):
            part = self.words[begin:end]
            for text in parted:
                for start, place in enumerate(matches(part, letters(text))):
                    spelled = "".join(part[start : place[-1] + 1]) if place else ""
                    if len(place) > 1 and folded(text).startswith(folded(spelled)):
                        whole[begin + start] = (begin + place[-1] + 1, text)
        return whole

    def naming(self, objects: str) -> "TokenTable":
        """The same table with the objects that a user lists, see `written.listed`.

        Raises:
            ValueError: a listed object is not in the prompt.
        """
        named = listed(objects)
        for name in named:
            self.find(name)
        return replace(self, named=tuple(map(_plain, named)))

    def find(self, phrase: str) -> tuple[int, ...]:
        """Indices into `words` of every occurrence of a phrase, or of the one that it picks.

        Only letters and digits are compared, from the start of a word to the end of a word, so
        case, punctuation and the way the tokenizer splits words do not matter. The prompt may lack
        the article at the start of the phrase, and the weight of "(circle:1.3)". If the phrase
        itself is not in the prompt, "second circle", "2nd circle", "circle 2" and "last circle"
        pick one of several circles.

        Raises:
            ValueError: the prompt does not contain the phrase, or not as often.
        """
        found = self._search(phrase)
        if not found:
            raise ValueError(self._missing(phrase))
        return found

    def find_object(self, phrase: str) -> tuple[int, ...]:
        """`find` for a phrase that must name an object.

        Joining words alone, such as "and", name none: they occur everywhere in a prompt, and
        guidance by their maps disturbs the picture. In other languages they may be nouns, so an
        object that the user has listed is always accepted.

        Raises:
            ValueError: see `find`; or the phrase holds joining words alone.
        """
        found = self.find(phrase)
        same = letters(_plain(phrase))
        if any(self.words[i] not in JOINING for i in found) or same in map(letters, self.named):
            return found
        example = f", such as {self.objects[0]!r}" if self.objects else ""
        raise ValueError(
            f"object {phrase!r} names nothing in the prompt {self.prompt!r}: words like this join "
            f"others; name a thing of the prompt{example}. If it does name one, list it in the "
            "objects of the node that encoded the prompt"
        )

    def has(self, phrase: str) -> bool:
        """Whether `find` would find the phrase."""
        return bool(self._search(phrase))

    def _search(self, phrase: str) -> tuple[int, ...]:
        """The result of `find`, or () where it raises; cached."""
        if phrase not in self._found:
            self._found[phrase] = self._written(phrase) or self._picked(phrase)
        return self._found[phrase]

    def _written(self, phrase: str) -> tuple[int, ...]:
        """Word indices of every occurrence of the phrase itself; () if there is none."""
        phrase = phrase.replace("embedding:", "")
        plain = _plain(phrase)
        for text in (phrase, without_article(phrase), plain, without_article(plain)):
            places = self._places(text)
            if places:
                return tuple(dict.fromkeys(i for place in places for i in place))
        return ()

    def _picked(self, phrase: str) -> tuple[int, ...]:
        """Word indices of the occurrence that a phrase such as "second circle" picks; else ()."""
        name, number = numbered(_plain(phrase.replace("embedding:", ""))) or ("", LAST)
        places = self._places(name)
        if number > len(places) or not places:
            return ()
        return places[number if number == LAST else number - 1]

    def _places(self, phrase: str) -> list[tuple[int, ...]]:
        """Word indices of each occurrence; equal prompts that are joined count as one prompt."""
        wanted = letters(phrase)
        places: dict[tuple[tuple[str, ...], int], list[int]] = {}
        bounds = (0, *self.borders, len(self.words))
        for begin, end in pairwise(bounds):
            part = self.words[begin:end]
            for start, place in enumerate(matches(part, wanted)):
                if place:
                    places.setdefault((part, start), []).extend(begin + i for i in place)
        return [tuple(place) for place in places.values()]

    def _missing(self, phrase: str) -> str:
        """The message of the error that `find` raises."""
        phrase = phrase.replace("embedding:", "")
        several = listed(phrase)
        if len(several) > 1 and all(map(self.has, several)):
            return (
                f"object {phrase!r} is not in the prompt {self.prompt!r} as one phrase: it lists "
                f"{len(several)} objects, but this is the place of one; write one of "
                f"{', '.join(map(repr, several))}, and give each of the others a node of its own"
            )
        name, _ = numbered(_plain(phrase)) or ("", LAST)
        count = len(self._places(name))
        if count:
            often = "once" if count == 1 else f"{count} times"
            return (
                f"object {phrase!r} is not in the prompt {self.prompt!r}: {name!r} stands there "
                f"only {often}; count from 1, or write {name!r} for all of them"
            )
        asked = {letters(word.text) for word in typed(phrase).words()}
        gone = [word for word in dict.fromkeys(self.lost) if letters(word) in asked]
        if gone:
            return (
                f"object {phrase!r} stands in the prompt {self.prompt!r}, but the text encoder "
                f"leaves {', '.join(map(repr, gone))} out, because its vocabulary lacks the "
                "letters or the prompt is too long for it; write another word or a shorter prompt"
            )
        words = tuple(dict.fromkeys(w for w in self.words if letters(w)))
        close = closest(phrase, self.words)
        hint = f"Did you mean {close!r}? " if close else ""
        return (
            f"object {phrase!r} is not in the prompt {self.prompt!r}; its words are: "
            f"{', '.join(words) or '(none)'}. {hint}Write the object exactly as the prompt does"
        )

    def apart(self, name: str, other: str) -> bool:
        """Whether two phrases share no word of the prompt; raises like `find`."""
        return not set(self.find(name)) & set(self.find(other))

    def others(self, name: str) -> tuple[str, ...]:
        """The prompt's objects that share no word with a phrase; raises like `find`."""
        return tuple(o for o in self.objects if self.apart(o, name))

    @classmethod
    def joined(cls, tables: Sequence["TokenTable"]) -> "TokenTable":
        """One table for conditionings in one call; a word stands for its tokens in all of them."""
        starts = [sum(t.length for t in tables[:i]) for i in range(len(tables))]
        # a prompt without listed objects contributes its phrases, also next to one that lists some
        listed = any(t.named for t in tables)
        objects = [name for t in tables for name in t.objects] if listed else []
        return cls._merged(tables, starts, sum(t.length for t in tables), objects)

    @classmethod
    def overlaid(cls, tables: Sequence["TokenTable"]) -> "TokenTable":
        """One table for texts at the same token positions, such as those of SDXL's two encoders."""
        named = [name for t in tables for name in t.named]
        return cls._merged(tables, [0] * len(tables), max(t.length for t in tables), named)

    @classmethod
    def _merged(
        cls,
        tables: Sequence["TokenTable"],
        starts: Sequence[int],
        length: int,
        named: Sequence[str],
    ) -> "TokenTable":
        if len(tables) == 1:
            return tables[0]
        counts = [len(table.words) for table in tables]
        borders = {
            sum(counts[:i]) + border
            for i, table in enumerate(tables)
            for border in (0, *table.borders)
        } - {0, sum(counts)}
        positions = tuple(
            tuple(start + p for p in word)
            for start, table in zip(starts, tables, strict=True)
            for word in table.positions
        )
        words = tuple(word for table in tables for word in table.words)
        prompt = " | ".join(table.prompt for table in tables)
        objects = tuple(dict.fromkeys(named))
        lost = tuple(word for table in tables for word in table.lost)
        return cls(prompt, words, positions, length, objects, tuple(sorted(borders)), lost)

    def averaging(self, length: int | None = None) -> Tensor:
        """[length, words] matrix whose column t is 1/n at the n tokens of word t.

        Args:
            length: number of tokens of the conditioning; `length` of the table if None. Nodes may
                have added tokens at its end, whose rows are 0.
        """
        length = length or self.length
        if length not in self._averaging:
            with torch.inference_mode(False):  # an inference tensor cannot be part of a graph
                self._averaging[length] = self._made_averaging(length)
        return self._averaging[length]

    def _made_averaging(self, length: int) -> Tensor:
        matrix = torch.zeros(length, len(self.words))
        for column, tokens in enumerate(self.positions):
            matrix[list(tokens), column] = 1 / max(1, len(tokens))
        return matrix


def _plain(phrase: str) -> str:
    """A phrase without weights such as "(red:1.3)"; a phrase without a colon is unchanged."""
    return unweighted(phrase) if ":" in phrase else phrase
