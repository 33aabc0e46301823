"""The words of a prompt where CLIP alone encodes it: SD 1.x, SD 2.x, SDXL."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from typing import Any

import comfy.sd
import torch
from torch import Tensor

from ...guidance.words.table import BREAK, TokenTable
from .embeddings import embedding_at, embeddings, width
from .pieces import BYTES, WORD_END

CLIP_ENCODERS = ("l", "g", "h")
CHUNK = 77
Word = tuple[str, tuple[int, ...]]


def token_table(clip: comfy.sd.CLIP, text: str, tokens: dict[str, Any]) -> TokenTable:
    """The table of a prompt.

    With several text encoders, ComfyUI puts their tokens at the same positions. They differ only if
    an embedding has another number of vectors for one of them; a word then has its positions of
    both. Chunks that not all of them have are cut off by ComfyUI.

    Args:
        clip: whose tokenizer turns tokens into text.
        text: the prompt as typed.
        tokens: what `clip.tokenize(text)` returned.
    """
    known = [key for key in tokens if key in CLIP_ENCODERS] or [next(iter(tokens))]
    words: list[Word] = []
    for key in known:
        words = _agreed(words, list(_words(clip, key, tokens[key], embeddings(clip, text, key))))
    length = min(sum(map(len, tokens[key])) for key in known)
    kept = [(word, tuple(p for p in places if p < length)) for word, places in words]
    kept = [(word, places) for word, places in kept if places]
    if re.search(rf"\b{BREAK}\b", text):
        kept = [(BREAK if word == BREAK.lower() else word, places) for word, places in kept]
    return TokenTable(
        text, tuple(word for word, _ in kept), tuple(places for _, places in kept), length
    )


def parted_table(clip: comfy.sd.CLIP, text: str) -> TokenTable:
    """The table of texts separated by BREAK, each encoded in chunks of its own."""
    parts = re.split(rf"\b{BREAK}\b", text)
    tables = [token_table(clip, part, clip.tokenize(part)) for part in parts]
    return replace(TokenTable.joined(tables), prompt=text)


def _words(
    clip: comfy.sd.CLIP, key: str, chunks: Sequence[Any], names: Mapping[str, Sequence[Tensor]]
) -> Iterator[Word]:
    """Words of one text encoder with their positions; a word may span two chunks."""
    entries = list(_entries(clip, key, chunks))
    text: str = ""
    places: list[int] = []
    skipped = 0
    for index, (entry, position) in enumerate(entries):
        if index < skipped:
            continue
        if isinstance(entry, str):
            text += entry.removesuffix(WORD_END)
            places.append(position)
            if not entry.endswith(WORD_END):
                continue
        if text:
            yield _decoded(text), tuple(places)
            text, places = "", []
        if not isinstance(entry, str):
            name, count = embedding_at([e for e, _ in entries[index:]], names)
            skipped = index + count
            yield name, tuple(p for _, p in entries[index:skipped])
    if text:
        yield _decoded(text), tuple(places)


def _entries(
    clip: comfy.sd.CLIP, key: str, chunks: Sequence[Any]
) -> Iterator[tuple[str | Any, int]]:
    """Tokens as text, and vectors unchanged, with positions; without start, end and padding.

    ComfyUI drops vectors of another width and pads the chunk by as many tokens at its end.
    """
    wanted, start = width(clip, key), 0
    for chunk in chunks:
        tokens = [entry[0] for entry in chunk]
        kept = [t for t in tokens if not (torch.is_tensor(t) and wanted and t.shape[-1] != wanted)]
        texts = [clip.tokenizer.untokenize([(t,)])[0][1] if isinstance(t, int) else t for t in kept]
        for position, text in enumerate(texts[: _end(texts)], start):
            if not isinstance(text, str) or not text.startswith(("<|start", "<|end")):
                yield text, position
        start += len(chunk)


def _end(texts: Sequence[Any]) -> int:
    """Number of entries of a chunk before its end token and padding.

    A prompt may contain the end token itself: that of the chunk is the last before the padding.
    """
    ends = [isinstance(text, str) and text.startswith("<|end") for text in texts]
    last = len(ends) - ends[::-1].index(True) if any(ends) else len(ends)
    while last and ends[last - 1]:
        last -= 1
    return last


def _agreed(known: list[Word], more: list[Word]) -> list[Word]:
    """Words of several encoders as one list, each with its positions in all of them."""
    if not known or known == more:
        return more
    texts = [[word for word, _ in words] for words in (known, more)]
    result: list[Word] = []
    for kind, a, b, c, d in SequenceMatcher(None, texts[0], texts[1], autojunk=False).get_opcodes():
        if kind == "equal":
            pairs = zip(known[a:b], more[c:d], strict=True)
            result += [(w, tuple(sorted({*one, *other}))) for (w, one), (_, other) in pairs]
        else:
            result += [*known[a:b], *more[c:d]]
    return result


def _decoded(text: str) -> str:
    """A word as it was typed, from the letters of the vocabulary."""
    if any(letter not in BYTES for letter in text):
        return text
    return bytes(BYTES[letter] for letter in text).decode("utf-8", "replace")
