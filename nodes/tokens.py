"""Build the token table of a prompt from ComfyUI's own tokenizer."""

from collections.abc import Iterator, Sequence
from typing import Any

import comfy.sd

from ..guidance.tokens import TokenTable

WORD_END = "</w>"


def token_table(
    clip: comfy.sd.CLIP, text: str, tokens: dict[str, Any], objects: str = ""
) -> TokenTable:
    """The table of a prompt.

    Args:
        clip: its tokenizer names the tokens.
        text: the prompt as typed.
        tokens: what `clip.tokenize(text)` returned; with several text encoders the first one's
            chunks count, since ComfyUI lays their tokens side by side at the same positions.
        objects: phrases separated by commas; found in the prompt where empty.

    Raises:
        ValueError: a listed object is not in the prompt.
    """
    chunks = next(iter(tokens.values()))
    words: list[str] = []
    positions: list[tuple[int, ...]] = []
    start = 0
    for chunk in chunks:
        for word, indices in _words(clip, chunk):
            words.append(word)
            positions.append(tuple(start + i for i in indices))
        start += len(chunk)
    named = tuple(part.strip() for part in objects.split(",") if part.strip())
    table = TokenTable(text, tuple(words), tuple(positions), start, named)
    for name in named:
        table.find(name)
    return table


def _words(clip: comfy.sd.CLIP, chunk: Sequence[Any]) -> Iterator[tuple[str, list[int]]]:
    """Words of one chunk with their indices in it, without start, end and padding."""
    text, indices = "", []
    for index, (entry, piece) in enumerate(_pieces(clip, chunk)):
        if piece.startswith("<|end"):
            break
        if piece.startswith("<|start"):
            continue
        text += piece.removesuffix(WORD_END)
        indices.append(index)
        if piece.endswith(WORD_END) or not isinstance(entry[0], int):
            yield text, indices
            text, indices = "", []
    if indices:
        yield text, indices


def _pieces(clip: comfy.sd.CLIP, chunk: Sequence[Any]) -> Iterator[tuple[Any, str]]:
    """Tokens with their text; an embedding, a vector instead of a number, is its own word."""
    for entry in chunk:
        if isinstance(entry[0], int):
            yield entry, clip.tokenizer.untokenize([entry])[0][1]
        else:
            yield entry, "embedding"
