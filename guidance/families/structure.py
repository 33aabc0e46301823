"""How the transformers of a family are built, and where picture and text stand in them."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Blocks:
    """One list of a transformer's blocks.

    Attributes:
        name: of the list in the network.
        depth: number of blocks in it.
        output: which of the tensors that a block returns holds the picture; None where it returns a
            single one, which holds the text as well where text and picture are one sequence.
    """

    name: str
    depth: int
    output: int | None = None


@dataclass(frozen=True)
class Structure:
    """What an architecture must know of the transformers of a family.

    Attributes:
        class_name: of the network in ComfyUI.
        blocks: its lists of blocks, in the order in which they run.
        patch: side of the square of latent cells that one token of the picture shows.
        attributes: of the network, name and value, by which it is told from others of its class.
        before: lists of blocks that the picture passes before those.
        text_last: whether the text stands behind the picture in a common sequence.
        multiple: the network pads text and picture, each behind its end, to a multiple of so many
            tokens.
        padded_left: whether ComfyUI pads a short text in front of its first token.
        adds_in_place: whether residuals are added in place, also to what norms have read.
        references_first: whether reference pictures and their texts stand in front of the picture
            and of the text, rather than behind.
    """

    class_name: str
    blocks: tuple[Blocks, ...]
    patch: int = 2
    attributes: tuple[tuple[str, Any], ...] = ()
    before: tuple[str, ...] = ()
    text_last: bool = False
    multiple: int = 1
    padded_left: bool = False
    adds_in_place: bool = False
    references_first: bool = False

    def padded(self, tokens: int) -> int:
        """How many tokens so many of the text or of the picture are in the network."""
        return -(-tokens // self.multiple) * self.multiple
