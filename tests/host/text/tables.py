"""Token tables of texts, for the tests of words."""

from typing import Any

STYLE, LARGE, PAIR = 3, 12, 2  # numbers of vectors of the embeddings


def table_of(clip: Any, text: str) -> Any:
    from selfguidance.nodes.text.table import token_table

    return token_table(clip, text, clip.tokenize(text))


def entries(clip: Any, text: str) -> list[Any]:
    """The tokens or embeddings at every position, for the first encoder."""
    chunks = next(iter(clip.tokenize(text).values()))
    return [entry[0] for chunk in chunks for entry in chunk]


def spelled(clip: Any, text: str, phrase: str) -> str:
    """The text of a phrase's tokens, decoded by the tokenizer."""
    table = table_of(clip, text)
    tokens = entries(clip, text)
    places = [p for word in table.find(phrase) for p in table.positions[word]]
    pieces = [clip.tokenizer.untokenize([(tokens[p],)])[0][1] for p in places]
    return "".join(pieces).replace("</w>", " ").strip()
