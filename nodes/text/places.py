"""Where the tokens of one or several text encoders stand in a CONDITIONING."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import comfy.sd

from ...guidance.words.phrases import letters
from ...guidance.words.table import BREAK, TokenTable
from ...guidance.words.typed import Word
from .stream import Stream, read

CLIP, T5, LLAMA = ("g", "l"), "t5xxl", "llama"
# Text encoders whose tokens stand in the conditioning, one behind the other; those in one bracket
# share their places. What is not named gives the model one vector, or stands elsewhere.
PLACES: Mapping[frozenset[str], tuple[tuple[str, ...], ...]] = {
    frozenset(("l", T5)): ((T5,),),  # Flux
    frozenset((*CLIP, T5)): (CLIP, (T5,)),  # SD3
    frozenset((*CLIP, T5, LLAMA)): ((T5,),),  # HiDream
    frozenset(("qwen3_06b", T5)): ((T5,),),  # Anima
}
SEES = ("qwen25_7b", "qwen3vl_4b")  # encoders that may be shown pictures
PICTURE = 64  # tokens of one at least: 224 x 224 pixels


@dataclass(frozen=True)
class Texts:
    """What was encoded.

    Attributes:
        text: for all text encoders but those that have a text of their own.
        second: for CLIP-L, where it has another one than CLIP-G.
        t5: for T5, where it has another one than CLIP.
    """

    text: str
    second: str = ""
    t5: str = ""

    def of(self, key: str) -> str:
        """The text of an encoder."""
        own = {"l": self.second, T5: self.t5}.get(key, "")
        return own if own.strip() else self.text


@dataclass(frozen=True)
class Encoding:
    """Texts that are encoded together.

    Attributes:
        places: what stands in the conditioning, one behind the other.
    """

    places: tuple[tuple[Stream, ...], ...]

    @property
    def length(self) -> int:
        """Number of tokens that the conditioning should have."""
        return sum(sizes[0] for sizes in map(_sizes, self.places))

    @property
    def encoders(self) -> str:
        """The text encoders, for messages."""
        return ", ".join(stream.key for place in self.places for stream in place)

    def table(self, length: int | None = None) -> TokenTable | None:
        """The words with their positions; None where they cannot be in a conditioning so long.

        Args:
            length: number of tokens of the conditioning; None for the one that it should have.
        """
        sizes = self._sizes(self.length if length is None else length)
        if sizes is None:
            return None
        found: dict[str, dict[Word, set[int]]] = {}
        start = 0
        for size, place in zip(sizes, self.places, strict=True):
            for stream in place:
                # CLIP's chunks begin at the left; of others a template may have been cut off there
                shift = start if stream.key in CLIP else start + size - stream.length
                words = found.setdefault(stream.typed.text, {})
                for word, tokens in stream.words:
                    kept = {t + shift for t in tokens if start <= t + shift < start + size}
                    words.setdefault(word, set()).update(kept)
            start += size
        return TokenTable.overlaid([self._table(t, words, start) for t, words in found.items()])

    def _sizes(self, length: int) -> Sequence[int] | None:
        """How many tokens of the conditioning each place has."""
        for sizes in product(*map(_sizes, self.places)):
            if sum(sizes) == length:
                return sizes
        (first, *more), *others = self.places
        shown = first.key in SEES and length >= self.length + PICTURE
        # of an encoder that nobody here knows: it may take its template away
        unknown = first.key not in EXACT and self.length - first.first <= length < self.length
        return (length,) if not more and not others and (shown or unknown) else None

    def _table(self, text: str, words: Mapping[Word, set[int]], length: int) -> TokenTable:
        """The table of a text."""
        streams = [s for place in self.places for s in place if s.typed.text == text]
        kept = sorted((word for word, tokens in words.items() if tokens), key=lambda w: w.begin)
        names = [w.text if w.text == BREAK else w.text.lower() for w in kept]
        cut = [w.text for w, tokens in words.items() if not tokens and letters(w.text)]
        dropped = [w for w in streams[0].lost if all(w in stream.lost for stream in streams)]
        lost = (*cut, *dropped)
        places = tuple(tuple(sorted(words[word])) for word in kept)
        table = TokenTable(streams[0].text, tuple(names), places, length)
        return replace(table, lost=lost)


# Text encoders of which it is known how many tokens they give.
EXACT = (
    *(*CLIP, T5, LLAMA, *SEES, "umt5xxl", "pile_t5xl", "gemma2_2b", "gemma3_4b"),
    *("qwen3_4b", "qwen3_8b", "mistral3_24b"),
)


def encoding(clip: comfy.sd.CLIP, keys: Sequence[str], texts: Texts) -> Encoding:
    """Read texts as a CLIP encodes them.

    Args:
        clip: with its tokenizer, and the models of its text encoders.
        keys: ComfyUI's names of its text encoders.
        texts: as typed.

    Raises:
        ValueError: the text encoders are none that the pack knows together, or see `stream.read`.
    """
    if len(keys) == 1:
        groups: Any = (tuple(keys),)
    elif frozenset(keys) in PLACES:
        groups = PLACES[frozenset(keys)]
    else:
        raise ValueError(
            f"the CLIP has the text encoders {', '.join(keys)}, and it is not known which of their "
            "tokens stand where in the conditioning, so no object can be found in it. Known are "
            f"those of {', '.join(' + '.join(sorted(known)) for known in PLACES)}, and one alone"
        )
    there = [tuple(key for key in group if has(clip, key)) for group in groups]
    if not any(there):
        raise ValueError(
            f"the CLIP holds no model for {' or '.join(k for group in groups for k in group)}, "
            "whose tokens the conditioning consists of: load that text encoder as well"
        )
    streams = (tuple(read(clip, key, texts.of(key)) for key in group) for group in there if group)
    return Encoding(tuple(streams))


def has(clip: comfy.sd.CLIP, key: str) -> bool:
    """Whether a CLIP has the model of a text encoder: SD3's and HiDream's may lack some."""
    model = getattr(clip, "cond_stage_model", None)
    return getattr(model, f"clip_{key}" if key in CLIP else key, model) is not None or model is None


def _sizes(place: Sequence[Stream]) -> list[int]:
    """How many tokens a place may have; the first number is the one that it should have."""
    lengths = sorted({stream.length - stream.cut for stream in place})
    blank = not any(stream.text.strip() for stream in place)
    # CLIP Text Encode SD3 with empty_padding "none"
    empty = {CLIP[0]: 0, CLIP[1]: 0, T5: 1}.get(place[0].key) if blank else None
    return lengths if empty is None else [*lengths, empty]
