"""The words of a prompt, and where they stand in what any text encoder made of it."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import comfy.sd
from torch import Tensor

from ...guidance.words.table import BREAK, TokenTable
from .clip import CHUNK, CLIP_ENCODERS, parted_table, token_table
from .key import LLAMA_KEY, TABLE_KEY, count
from .places import LLAMA, T5, Encoding, Texts, encoding, has
from .stream import GEMMA, START

Tables = dict[str, TokenTable]
# Gives the tables of an entry of a CONDITIONING, by the names of options, from tokens and options.
Finder = Callable[[Tensor, Mapping[str, Any]], Tables]


def words_of_prompt(
    clip: comfy.sd.CLIP, text: str, tokens: Mapping[str, Any], objects: str
) -> Finder:
    """Find the words of a prompt in what the clip will make of it.

    Args:
        clip: that will encode it.
        text: as typed.
        tokens: what `clip.tokenize(text)` returned.
        objects: that the user lists.

    Raises:
        ValueError: a listed object is not in the text, or see `places.encoding`.
    """
    if _is_clip(tokens):
        table = token_table(clip, text, dict(tokens)).naming(objects)
        return lambda *_: {TABLE_KEY: table}
    return Encoded.read(clip, tuple(tokens), (Texts(text),), objects).tables


def words_of_texts(clip: comfy.sd.CLIP, texts: Texts, objects: str) -> Finder:
    """Find the words of texts, with BREAK between them, in what other nodes encoded.

    Args:
        clip: that encoded them.
        texts: as typed.
        objects: that the user lists.

    Raises:
        ValueError: a listed object is not in the texts, a text has no encoder, or see
            `places.encoding`.
    """
    keys = tuple(clip.tokenize(""))
    _check_used(texts, keys)
    if not _is_clip(keys):
        parts = [replace(texts, text=part) for part in re.split(rf"\b{BREAK}\b", texts.text)]
        return Encoded.read(clip, keys, parts, objects).tables
    table = parted_table(clip, texts.text)
    if texts.second.strip():
        table = TokenTable.overlaid([table, parted_table(clip, texts.second)])
    return _found_by_clip(table.naming(objects))


@dataclass(frozen=True)
class Encoded:
    """Texts that were encoded, each for itself, and stand one behind the other.

    Attributes:
        text: as typed.
        objects: that the user lists.
        ways: ways in which they may have been encoded.
        beside: what HiDream's Llama is given.
    """

    text: str
    objects: str
    ways: tuple[tuple[Encoding, ...], ...]
    beside: Encoding | None

    @classmethod
    def read(
        cls, clip: comfy.sd.CLIP, keys: Sequence[str], parts: Sequence[Texts], objects: str
    ) -> "Encoded":
        """Read texts as a CLIP with these text encoders is given them."""
        stripped = [replace(part, text=part.text.strip()) for part in parts]
        text = f" {BREAK} ".join(part.text for part in stripped)
        # blanks beside BREAK are seldom meant, but may have been encoded
        spaced = [stripped, parts] if len(parts) > 1 and stripped != list(parts) else [parts]
        ways = tuple(
            tuple(encoding(clip, keys, replace(part, text=lead + part.text)) for part in typed)
            for lead in _leads(keys, text)
            for typed in spaced
        )
        llama = LLAMA in keys and has(clip, LLAMA)
        beside = encoding(clip, [LLAMA], parts[0]) if llama else None
        whole = cls(parts[0].text if len(parts) == 1 else text, objects, ways, beside)
        whole._joined(_fitting(ways[0], _length(ways[0])) or []).naming(objects)
        return whole

    def tables(self, tokens: Tensor, options: Mapping[str, Any]) -> Tables:
        """See `Finder`.

        Raises:
            ValueError: so many tokens cannot stand for the texts.
        """
        length = count(tokens, options)
        fitting = (tables for way in self.ways if (tables := _fitting(way, length)))
        parts = next(fitting, None)
        if parts is None:
            raise ValueError(self._mismatch(self.ways[0], length))
        result = {TABLE_KEY: self._joined(parts).naming(self.objects)}
        if self.beside:
            length = options["conditioning_llama3"].shape[-2]
            table = self.beside.table(length)
            if table is None:
                raise ValueError(self._mismatch([self.beside], length))
            result[LLAMA_KEY] = table
        return result

    def _joined(self, tables: Sequence[TokenTable]) -> TokenTable:
        table = TokenTable.joined(tables)
        return table if len(tables) == 1 else replace(table, prompt=self.text)

    def _mismatch(self, way: Sequence[Encoding], length: int) -> str:
        return (
            f"text is {_length(way)} tokens long for the text encoder {way[0].encoders}, with "
            f"start, end, padding and chat template, but the conditioning holds {length}; give the "
            "text that was encoded, all of it, with BREAK wherever a node such as Conditioning "
            "(Concat) joined two texts, and the clip that encoded it. Where a node adds tokens or "
            "takes some away, such as Apply Style Model, put Self-Guidance Add Words before it"
        )


def _fitting(way: Sequence[Encoding], length: int) -> list[TokenTable] | None:
    """The tables of texts that together have so many tokens; None if they have another number."""
    if len(way) == 1:
        table = way[0].table(length)
        return None if table is None else [table]
    fits = _length(way) == length
    return [table for part in way if (table := part.table())] if fits else None


def _length(way: Sequence[Encoding]) -> int:
    """Number of tokens that the conditioning of texts should have."""
    return sum(part.length for part in way)


def _leads(keys: Sequence[str], text: str) -> Iterator[str]:
    """What a node may have put before a text: nothing, or a system prompt of Lumina 2."""
    yield ""
    if keys[0] in GEMMA and START not in text:
        from comfy_extras.nodes_lumina2 import CLIPTextEncodeLumina2

        for prompt in CLIPTextEncodeLumina2.SYSTEM_PROMPT.values():
            yield f"{prompt} {START} "


def _is_clip(keys: Sequence[str] | Mapping[str, Any]) -> bool:
    return all(key in CLIP_ENCODERS for key in keys)


def _check_used(texts: Texts, keys: Sequence[str]) -> None:
    for name, own, key in (("second_text", texts.second, "l"), ("t5_text", texts.t5, T5)):
        if own.strip() and key not in keys:
            raise ValueError(
                f"{name} is for a node with a text of its own for the text encoder {key!r}, but "
                f"the clip has {', '.join(keys)}: leave {name} empty"
            )


def _found_by_clip(table: TokenTable) -> Finder:
    """The table, for conditionings whose chunks it fills; tokens of no text may stand behind."""

    def found(tokens: Tensor, _: Mapping[str, Any]) -> Tables:
        length = tokens.shape[1]
        if 0 <= length - table.length < CHUNK:
            return {TABLE_KEY: table}
        raise ValueError(
            f"text is {table.length} tokens long, with start, end and padding, but the "
            f"conditioning holds {length}; give the text that was encoded, all of it, with BREAK "
            "wherever a node such as Conditioning (Concat) joined two texts or another pack began "
            "a new chunk, and the clip that encoded it"
        )

    return found
