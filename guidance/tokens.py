"""Token table: which tokens of a conditioning stand for which word of the prompt."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

# Words that end an object's phrase; what is left between them are the objects of a prompt.
JOINING = frozenset(
    "a an the and or but of in on at by with without to from into onto "
    "over under near beside besides behind above below between against across along around "
    "through inside outside next is are has have his her its their this that these those some "
    "wearing holding".split()
)
SCENERY = frozenset(("background", "backdrop", "scene"))


@dataclass(frozen=True)
class TokenTable:
    """The words of a prompt and where their tokens stand in the conditioning.

    Attributes:
        prompt: the text as typed.
        words: the words in order, lower case, without weights and brackets.
        positions: for each word its token positions, 0-based along the conditioning's token axis.
        length: number of tokens of the conditioning, a multiple of 77 for CLIP.
        named: objects that the user listed; found in the prompt where empty.
        borders: indices into `words` at which another prompt begins, in joined tables.
    """

    prompt: str
    words: tuple[str, ...]
    positions: tuple[tuple[int, ...], ...]
    length: int
    named: tuple[str, ...] = ()
    borders: tuple[int, ...] = ()

    @property
    def objects(self) -> tuple[str, ...]:
        """Phrases of the prompt that name an object, in order, each once."""
        if self.named:
            return self.named
        phrases: dict[str, None] = {}
        run: list[str] = []
        for index, word in enumerate((*self.words, "and")):
            joining = word in JOINING or not _letters(word)
            if joining or index in self.borders:
                if run and run[-1] not in SCENERY:
                    phrases[" ".join(run)] = None
                run = []
            if not joining:
                run.append(word)
        return tuple(phrases)

    def find(self, phrase: str) -> tuple[int, ...]:
        """Indices into `words` of every place where the phrase stands.

        Compared by letters and digits alone, from the start of a word to the end of a word, so that
        case, punctuation and the tokenizer's way of splitting do not matter.

        Raises:
            ValueError: the prompt does not contain the phrase.
        """
        wanted = _letters(phrase)
        found: list[int] = []
        for start in range(len(self.words) if wanted else 0):
            text = ""
            for end in range(start, len(self.words)):
                if end in self.borders and end > start:
                    break
                text += _letters(self.words[end])
                if text == wanted:
                    found += [i for i in range(start, end + 1) if _letters(self.words[i])]
                if not wanted.startswith(text) or text == wanted:
                    break
        if not found:
            known = ", ".join(dict.fromkeys(w for w in self.words if _letters(w))) or "(none)"
            raise ValueError(
                f"object {phrase!r} is not in the prompt {self.prompt!r}; its words are: {known}. "
                "Write the object exactly as the prompt does"
            )
        return tuple(dict.fromkeys(found))

    def apart(self, name: str, other: str) -> bool:
        """Whether two phrases share no word of the prompt; raises like `find`."""
        return not set(self.find(name)) & set(self.find(other))

    def others(self, name: str) -> tuple[str, ...]:
        """The prompt's objects that share no word with a phrase; raises like `find`."""
        return tuple(o for o in self.objects if self.apart(o, name))

    @classmethod
    def joined(cls, tables: Sequence["TokenTable"]) -> "TokenTable":
        """One table for conditionings that act side by side; a word counts in each of them."""
        if len(tables) == 1:
            return tables[0]
        starts = [sum(t.length for t in tables[:i]) for i in range(len(tables))]
        borders = tuple(sum(len(t.words) for t in tables[:i]) for i in range(1, len(tables)))
        positions = tuple(
            tuple(start + p for p in word)
            for start, table in zip(starts, tables, strict=True)
            for word in table.positions
        )
        words = tuple(word for table in tables for word in table.words)
        named = tuple(dict.fromkeys(name for table in tables for name in table.named))
        prompt = " | ".join(table.prompt for table in tables)
        length = sum(t.length for t in tables)
        return cls(prompt, words, positions, length, named, borders)

    def averaging(self) -> Tensor:
        """[length, words] matrix whose column t is 1/n at the n tokens of word t."""
        matrix = torch.zeros(self.length, len(self.words))
        for column, positions in enumerate(self.positions):
            matrix[list(positions), column] = 1.0 / len(positions)
        return matrix


def _letters(text: str) -> str:
    return re.sub(r"[\W_]+", "", text.lower())
