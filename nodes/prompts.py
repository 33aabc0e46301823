"""Nodes that put a token table into a CONDITIONING: Prompt and Add Words."""

from typing import Any

import comfy.sd
from comfy_api.latest import io

from ..guidance.words.table import TokenTable
from .text.key import TABLE_KEY
from .text.table import CHUNK, check_clip, objects_input, parted_table, token_table
from .ui.schema import schema
from .ui.types import CATEGORY

Conditioning = list[Any]


class AddWords(io.ComfyNode):
    """Add the token table of a text to a CONDITIONING of another node."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return schema(
            node_id="SelfGuidanceAddWords",
            aliases=["token table", "name objects", "words of conditioning", "concat"],
            display_name="Self-Guidance Add Words",
            category=CATEGORY,
            description="Tells self-guidance which words a conditioning stands for that another "
            "node encoded, such as a prompt node of another pack, CLIP Text Encode SDXL or a "
            "Conditioning (Concat). The conditioning itself stays as it is.",
            inputs=_inputs(),
            outputs=[
                io.Conditioning.Output(
                    tooltip="The same conditioning, in which objects can be found by name."
                )
            ],
        )

    @classmethod
    def execute(
        cls,
        conditioning: Conditioning,
        clip: comfy.sd.CLIP,
        text: str,
        objects: str = "",
        second_text: str = "",
    ) -> io.NodeOutput:
        """Add the table."""
        check_clip(clip)
        table = parted_table(clip, text)
        if second_text.strip():
            table = TokenTable.overlaid([table, parted_table(clip, second_text)])
        return io.NodeOutput(_described(conditioning, table.naming(objects)))


def _described(conditioning: Conditioning, table: TokenTable) -> Conditioning:
    """The conditioning with the table in all entries that have none, or in all if none lacks it."""
    without = [TABLE_KEY not in extra for _, extra in conditioning]
    result = []
    for (tokens, extra), chosen in zip(conditioning, without, strict=True):
        if chosen or not any(without):
            _check_length(tokens.shape[1], table.length)
            extra = {**extra, TABLE_KEY: table}
        result.append([tokens, extra])
    return result


def _check_length(length: int, known: int) -> None:
    """Raise a ValueError unless the text has all chunks of the conditioning.

    Less than a chunk of tokens without text may follow, such as those of an image prompt.
    """
    if not 0 <= length - known < CHUNK:
        raise ValueError(
            f"text is {known} tokens long, with start, end and padding, but the conditioning holds "
            f"{length}; give the text that was encoded, all of it, with BREAK wherever a node such "
            "as Conditioning (Concat) joined two texts or another pack began a new chunk, and the "
            "clip that encoded it"
        )


def _inputs() -> list[io.Input]:
    return [
        io.Conditioning.Input(
            "conditioning", tooltip="What another node encoded. It stays as it is."
        ),
        io.Clip.Input("clip", tooltip="The CLIP that encoded it."),
        io.String.Input(
            "text",
            default="a red circle and a blue square",
            multiline=True,
            tooltip="The text that was encoded, letter by letter. BREAK stands wherever a text of "
            "its own begins, as behind Conditioning (Concat).",
        ),
        objects_input(),
        io.String.Input(
            "second_text",
            default="",
            multiline=True,
            optional=True,
            tooltip="For CLIP Text Encode SDXL: text_l, where it differs from text_g.",
        ),
    ]


class Prompt(io.ComfyNode):
    """CLIPTextEncode that adds the token table to the CONDITIONING."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return schema(
            node_id="SelfGuidancePrompt",
            aliases=["clip text encode", "prompt with objects", "text encode", "tokens"],
            display_name="Self-Guidance Prompt",
            category=CATEGORY,
            description="Encodes a prompt like CLIP Text Encode, and remembers where each word "
            "stands, so that self-guidance can find the objects by name.",
            inputs=[
                io.Clip.Input("clip", tooltip="The CLIP of the model."),
                io.String.Input(
                    "text",
                    default="a red circle and a blue square",
                    multiline=True,
                    dynamic_prompts=True,
                    tooltip="The prompt. Weights such as (red:1.2) and embeddings work as usual.",
                ),
                objects_input(),
            ],
            outputs=[
                io.Conditioning.Output(tooltip="Works with every node that takes a CONDITIONING.")
            ],
        )

    @classmethod
    def execute(cls, clip: comfy.sd.CLIP, text: str, objects: str = "") -> io.NodeOutput:
        """Encode the text."""
        check_clip(clip)
        tokens = clip.tokenize(text)
        table = token_table(clip, text, tokens).naming(objects)
        return io.NodeOutput(clip.encode_from_tokens_scheduled(tokens, add_dict={TABLE_KEY: table}))
