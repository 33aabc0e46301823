"""A prompt as a text encoder is given it: parts without their weights, words with their places."""

import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass

# What stands for an embedding where texts are compared letter by letter.
EMBEDDING = "\N{OBJECT REPLACEMENT CHARACTER}"
# Stand for brackets that a backslash makes plain: one letter each, and none of any text, as half of
# a surrogate pair cannot be encoded.
_OPENED, _CLOSED = "\udc28", "\udc29"
_NAMED = re.compile(r"(?:^|(?<=[ \n]))embedding:(\S+)")
SPACE, ONE = "space", "one"  # kinds of letters: between words, a word each
# Scripts that put no spaces between words: each letter is a word.
_UNSPACED = re.compile(
    "[\u3005-\u3007\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)


@dataclass(frozen=True)
class Word:
    """A word of a prompt.

    Attributes:
        text: as typed; of an embedding its name.
        begin: index of its first letter in `Typed.text`.
        end: index behind its last letter.
    """

    text: str
    begin: int
    end: int


@dataclass(frozen=True)
class Typed:
    """A prompt, with every letter where the encoder reads it.

    Attributes:
        text: the prompt, backslashes before brackets taken away; an embedding is one letter.
        parts: begin and end in `text` of the stretches of equal weight, without the weights.
        names: names of embeddings, by the index of their letter.
    """

    text: str
    parts: tuple[tuple[int, int], ...]
    names: dict[int, str]

    def words(self, start: int = 0) -> Iterator[Word]:
        """The words that begin at an index or behind it.

        Letters, digits, symbols and other signs are words apart, as in CLIP's tokenizer; so is each
        letter of Chinese and Japanese.
        """
        for begin, end in self.parts:
            for first, last in _words(self.text, max(begin, start), end):
                name = self.names.get(first)
                yield Word(self.text[first:last] if name is None else name, first, last)


def typed(prompt: str, embeddings: Collection[str] | None = None) -> Typed:
    """Read a prompt as ComfyUI's tokenizers do.

    Args:
        prompt: as typed.
        embeddings: names of those that ComfyUI finds; it drops others from the text. None: the
            encoder knows no embeddings, so that "embedding:x" is text.
    """
    marked = prompt.replace("\\)", _CLOSED).replace("\\(", _OPENED)
    names: dict[int, str] = {}
    if embeddings is not None:
        marked = _named(marked, embeddings, names)
    parts = tuple(_parts(marked, 0, len(marked)))
    return Typed(marked.replace(_OPENED, "(").replace(_CLOSED, ")"), parts, names)


def _named(marked: str, known: Collection[str], names: dict[int, str]) -> str:
    """The text with one letter for each known embedding, and without the unknown ones."""
    result, done = "", 0
    for begin, end in list(_parts(marked, 0, len(marked))):
        for found in _NAMED.finditer(marked[begin:end]):
            plain = found[1].replace(_OPENED, "(").replace(_CLOSED, ")")
            stripped = plain.strip(",")
            result += marked[done : begin + found.start()]
            done = begin + found.end()
            if plain in known or stripped in known:
                names[len(result)] = stripped
                result += EMBEDDING + "," * (len(plain) - len(plain.rstrip(",")))
    return result + marked[done:]


def _parts(text: str, begin: int, end: int) -> Iterator[tuple[int, int]]:
    """What `comfy.sd1_clip.token_weights` cuts a text into, as stretches of it."""
    for first, last in _bracketed(text, begin, end):
        if last - first < 2 or text[first] != "(" or text[last - 1] != ")":
            yield first, last
            continue
        first, last = first + 1, last - 1
        colon = text.rfind(":", first, last)
        if colon > first and _is_number(text[colon + 1 : last]):
            last = colon
        yield from _parts(text, first, last)


def _bracketed(text: str, begin: int, end: int) -> Iterator[tuple[int, int]]:
    """A text cut before each outermost bracket that opens, and behind each that closes."""
    level = 0
    for index in range(begin, end):
        if text[index] == "(":
            if level == 0 and index > begin:
                yield begin, index
                begin = index
            level += 1
        elif text[index] == ")":
            level -= 1
            if level == 0:
                yield begin, index + 1
                begin = index + 1
    if begin < end:
        yield begin, end


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _words(text: str, begin: int, end: int) -> Iterator[tuple[int, int]]:
    """Begin and end of each word of a stretch."""
    first, kind = begin, ""
    for index in range(begin, end):
        now = _kind(text[index])
        if unicodedata.category(text[index])[0] == "M" and kind not in ("", SPACE):
            now = kind  # a mark belongs to what it stands on
        elif now != kind or now == ONE:
            if kind not in ("", SPACE):
                yield first, index
            first, kind = index, now
    if kind not in ("", SPACE):
        yield first, end


def _kind(letter: str) -> str:
    category = unicodedata.category(letter)
    if letter.isspace() or category == "Cc":
        return SPACE
    if category == "So" or _UNSPACED.match(letter):
        return ONE
    return {"L": "letter", "M": "letter", "N": "digit"}.get(category[0], "sign")
