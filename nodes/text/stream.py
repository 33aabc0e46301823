"""What one text encoder is given of a prompt: its tokens, and which of them spell which word."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import comfy.sd
import torch

from ...guidance.words.aligned import aligned
from ...guidance.words.phrases import letters
from ...guidance.words.typed import Typed, Word, typed
from .embeddings import embeddings
from .pieces import Entry, spelled

MARK = "zqxjkv"  # spelled alike by every vocabulary, and in no chat template
GEMMA = ("gemma2_2b", "gemma3_4b")
# What parts a system prompt from the prompt in the texts that these are given.
START = "<Prompt Start>"
TURN, USER, NEWLINE = 151644, 872, 198  # Qwen's "<|im_start|>", "user", "\n"

Letters = list[tuple[str, int | None]]


@dataclass(frozen=True)
class Stream:
    """The tokens that one text encoder is given of a text.

    Attributes:
        key: ComfyUI's name of the text encoder.
        text: the prompt, as it was typed.
        typed: the prompt as the encoder reads it.
        words: its words with the places of their tokens among all of the encoder's tokens.
        lost: words that have no tokens, since the encoder drops them.
        length: number of tokens: start, end, padding and chat template included.
        first: place of the first token of the prompt.
        cut: number of tokens at the beginning that the encoder takes away behind the encoding.
    """

    key: str
    text: str
    typed: Typed
    words: tuple[tuple[Word, tuple[int, ...]], ...]
    lost: tuple[str, ...]
    length: int
    first: int
    cut: int


def read(clip: comfy.sd.CLIP, key: str, text: str) -> Stream:
    """Read what a text encoder is given of a text.

    Args:
        clip: its tokenizer.
        key: ComfyUI's name of the text encoder.
        text: as typed.

    Raises:
        ValueError: the tokens do not spell the text, so that no word can be told from another.
    """
    tokenizer = _tokenizer(clip, key)
    entries, length = _entries(tokenizer, _chunks(clip, key, text))
    prompt = typed(text, _names(clip, tokenizer, key, text))
    found = _found(clip, tokenizer, key, prompt, entries)
    start = prompt.text.find(START) if key in GEMMA else -1
    start = 0 if start < 0 else start + len(START)
    words, lost = [], []
    for word in prompt.words(start):
        spread = [found.get(index) for index in range(word.begin, word.end)]
        places = tuple(sorted({place for some in spread for place in some or ()}))
        if places:
            words.append((word, places))
        elif letters(word.text) and not any(some is not None for some in spread):
            lost.append(word.text)
    first = min((place for some in found.values() for place in some), default=length)
    shown = prompt.text[start:].strip() if start else text
    cut = _cut(key, entries)
    return Stream(key, shown, prompt, tuple(words), tuple(lost), length, first, cut)


def _tokenizer(clip: comfy.sd.CLIP, key: str) -> Any:
    """ComfyUI's `SDTokenizer` of a text encoder."""
    for name in (key, f"clip_{key}"):
        tokenizer = getattr(clip.tokenizer, name, None)
        if hasattr(tokenizer, "inv_vocab"):
            return tokenizer
    raise ValueError(
        f"the vocabulary of the text encoder {key!r} was not found in "
        f"{type(clip.tokenizer).__name__}, so its tokens cannot be told apart: load the text "
        "encoder with ComfyUI's own CLIP loaders"
    )


def _chunks(clip: comfy.sd.CLIP, key: str, text: str) -> Sequence[Any]:
    return clip.tokenize(text, return_word_ids=True)[key]


def _entries(tokenizer: Any, chunks: Sequence[Any]) -> tuple[list[Entry], int]:
    """Entries with their places, and the number of places.

    ComfyUI drops vectors of another width and pads the chunk by as many tokens at its end.
    """
    entries, start = [], 0
    width = getattr(tokenizer, "embedding_size", None)
    for chunk in chunks:
        kept = [e for e in chunk if not (torch.is_tensor(e[0]) and e[0].shape[-1] != width)]
        entries += [Entry(e[0], e[2], start + place) for place, e in enumerate(kept)]
        start += len(chunk)
    return entries, start


def _names(clip: comfy.sd.CLIP, tokenizer: Any, key: str, text: str) -> list[str] | None:
    """Names of the embeddings of a text that the encoder takes; None if it knows none."""
    if getattr(tokenizer, "embedding_directory", None) is None:
        return None
    if "embedding:" not in text:
        return []
    width = getattr(tokenizer, "embedding_size", None)
    known = embeddings(clip, text, key)
    return [name for name, vectors in known.items() if vectors[0].shape[-1] == width]


def _found(
    clip: comfy.sd.CLIP, tokenizer: Any, key: str, prompt: Typed, entries: Iterable[Entry]
) -> dict[int, set[int]]:
    """Places of the tokens of each letter of the prompt.

    Some encoders take weights in brackets away, others read them as text; some put the prompt into
    a chat template, unless it is one. What the tokens spell tells which.
    """
    tokens = list(spelled(tokenizer, entries))
    # the end of a text too long is cut off
    cut = len(list(entries)) >= getattr(tokenizer, "max_length", len(tokens) + 1)
    before, behind = _template(tokenizer, _chunks(clip, key, MARK), key)
    for head, tail in ((before, behind), ([], [])):
        for body in (_weighted(prompt), _literal(prompt)):
            found = aligned([*head, *body, *tail], tokens, cut)
            if found is not None:
                return found
    shown = "".join(letter.letter or "?" for letter in tokens).strip()
    raise ValueError(
        f"the tokens of the text encoder {key!r} spell {shown[:200]!r}, where the prompt "
        f"{prompt.text[:200]!r} was expected, so its words cannot be told apart. Write the prompt "
        "without the letters that differ, or load the text encoder with ComfyUI's own CLIP loaders"
    )


def _template(tokenizer: Any, chunks: Sequence[Any], key: str) -> tuple[Letters, Letters]:
    """The letters that stand before and behind every prompt."""
    text = "".join(s.letter or " " for s in spelled(tokenizer, _entries(tokenizer, chunks)[0]))
    if text.lower().count(MARK) != 1:
        raise ValueError(
            f"the tokens of the text encoder {key!r} spell {text.strip()[:200]!r}, where {MARK!r} "
            "was expected, so the words of a prompt cannot be told apart: its tokenizer is not one "
            "that the pack can read"
        )
    at = text.lower().index(MARK)
    return [(c, None) for c in text[:at]], [(c, None) for c in text[at + len(MARK) :]]


def _weighted(prompt: Typed) -> Iterator[tuple[str, int | None]]:
    """The prompt without its weights; what has another weight begins like another word."""
    for begin, end in prompt.parts:
        yield from ((prompt.text[index], index) for index in range(begin, end))
        yield " ", None


def _literal(prompt: Typed) -> Iterator[tuple[str, int | None]]:
    """The prompt with its weights as text."""
    return ((letter, index) for index, letter in enumerate(prompt.text))


def _cut(key: str, entries: Sequence[Entry]) -> int:
    """How many tokens at the beginning a text encoder takes away.

    As in `comfy.text_encoders`, qwen_image.py and krea2.py: the template up to the user's turn.
    """
    if key not in ("qwen25_7b", "qwen3vl_4b"):
        return 0
    tokens = [entry.token for entry in entries]
    turns = [place for place, token in enumerate(tokens) if token == TURN][:2]
    if not turns:
        return len(tokens) - 1
    end = turns[-1]
    return end + 3 if tokens[end + 1 : end + 3] == [USER, NEWLINE] else end
