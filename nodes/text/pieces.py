"""What the tokens of a vocabulary spell, whichever way it writes its pieces."""

import codecs
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import torch

from ...guidance.words.aligned import Spelled
from ...guidance.words.typed import EMBEDDING

WORD_END = "</w>"
SPACE = "\u2581"  # of SentencePiece
UNKNOWN = "<unk>"
BROKEN = "\N{REPLACEMENT CHARACTER}"
# Tokens that belong to chat templates, or that a prompt holds by chance: no words.
_SPECIAL = re.compile(
    r"<\|[^|]*\|>|</?s>|<pad>|<[be]os>|<extra_id_\d+>|\[/?[A-Z_]+\]|<(start|end)_of_turn>"
)
_BYTE = re.compile(r"<0x([0-9A-F]{2})>")


class Entry(NamedTuple):
    """What stands at one place of a text encoder's input.

    Attributes:
        token: number of a token, or the vector of an embedding.
        word: ComfyUI's number of the stretch of text that it comes from; 0 for start, end, padding.
        position: its place, from 0 on.
    """

    token: Any
    word: int
    position: int


def spelled(tokenizer: Any, entries: Iterable[Entry]) -> Iterator[Spelled]:
    """The letters that the entries spell, each with the positions of its tokens.

    Special tokens spell their names, but stand for no word, so that these letters have no position.

    Args:
        tokenizer: ComfyUI's `SDTokenizer`.
        entries: in order.
    """
    kind = _kind(tokenizer)
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    owners: list[int] = []
    vectors: list[int] = []
    before = 0
    for token, word, position in entries:
        if vectors and (not torch.is_tensor(token) or word != before):
            yield Spelled(EMBEDDING, tuple(vectors))
            vectors = []
        before = word
        if torch.is_tensor(token):
            vectors.append(position)
            continue
        piece = tokenizer.inv_vocab.get(token) if word else " "
        if piece is None or piece == UNKNOWN:
            yield Spelled(None, (position,))
            continue
        counts = word and not (isinstance(piece, str) and _SPECIAL.fullmatch(piece))
        for byte in _bytes(piece, kind):
            owners += [position] * bool(counts and position not in owners)
            for letter in decoder.decode(bytes([byte])):
                # bytes of no letter: their tokens stand for one that nobody can know
                yield Spelled(None if letter == BROKEN else letter, tuple(owners))
            if not decoder.getstate()[0]:
                owners = []
    if vectors:
        yield Spelled(EMBEDDING, tuple(vectors))


def _bytes(piece: str | bytes, kind: str) -> bytes:
    """The bytes that a piece of a vocabulary stands for."""
    if isinstance(piece, bytes):
        return piece
    if kind == SPACE:
        byte = _BYTE.fullmatch(piece)
        return bytes([int(byte[1], 16)]) if byte else piece.replace(SPACE, " ").encode()
    text = piece.removesuffix(WORD_END) if kind == WORD_END else piece
    if all(letter in BYTES for letter in text):
        data = bytes(BYTES[letter] for letter in text)
    else:
        data = text.encode()
    return data + b" " if text != piece else data


def _kind(tokenizer: Any) -> str:
    """How a vocabulary writes spaces, by which its way of writing is known."""
    pieces = tokenizer.inv_vocab.values()
    return next((mark for mark in (SPACE, f"a{WORD_END}") if mark in pieces), "").removeprefix("a")


def _byte_letters() -> dict[str, int]:
    """The letters by which vocabularies like those of GPT-2, CLIP and Qwen write bytes.

    Printable bytes of Latin-1 stand for themselves, the others in order from U+0100 on.
    """
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    rest = [byte for byte in range(256) if byte not in plain]
    return {chr(b): b for b in plain} | {chr(256 + i): b for i, b in enumerate(rest)}


BYTES = _byte_letters()
