"""Names of the textual-inversion embeddings of a prompt, as tokens hold only their vectors."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import comfy.sd
import torch
from comfy.sd1_clip import escape_important, token_weights, unescape_important
from torch import Tensor

UNNAMED = "embedding"


def embeddings(clip: comfy.sd.CLIP, text: str, key: str) -> dict[str, list[Tensor]]:
    """Vectors of every embedding that a prompt names and ComfyUI finds, by name.

    Args:
        clip: whose tokenizer loads them.
        text: the prompt as typed.
        key: name of the text encoder.
    """
    found = {}
    for part, _ in token_weights(escape_important(text), 1.0):
        for name in re.findall(r"(?:^|[ \n])embedding:(\S+)", unescape_important(part)):
            escaped = name.replace("(", "\\(").replace(")", "\\)")
            chunks = clip.tokenize(f"embedding:{escaped}")[key]
            vectors = [entry[0] for chunk in chunks for entry in chunk if torch.is_tensor(entry[0])]
            if vectors:
                found[name.strip(",")] = vectors
    return found


def embedding_at(entries: Sequence[Any], known: Mapping[str, Sequence[Tensor]]) -> tuple[str, int]:
    """Name and number of vectors of the embedding at the start of entries of a tokenized prompt."""
    for name, vectors in known.items():
        first = entries[: len(vectors)]
        if len(first) == len(vectors) and all(map(_same, first, vectors)):
            return name, len(vectors)
    return UNNAMED, 1


def width(clip: comfy.sd.CLIP, key: str) -> int | None:
    """Width of the embeddings of a text encoder; None if its tokenizer does not tell."""
    tokenizer = getattr(clip.tokenizer, f"clip_{key}", None)
    return getattr(tokenizer, "embedding_size", None)


def _same(entry: Any, vector: Tensor) -> bool:
    return torch.is_tensor(entry) and torch.equal(entry, vector)
