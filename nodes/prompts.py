"""Nodes that put a token table into a CONDITIONING: Prompt and Add Words."""

from typing import Any

import comfy.sd
from comfy_api.latest import io

from .text.key import TABLE_KEY
from .text.places import Texts
from .text.table import Finder, words_of_prompt, words_of_texts
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
        t5_text: str = "",
    ) -> io.NodeOutput:
        """Add the table."""
        check_clip(clip)
        finder = words_of_texts(clip, Texts(text, second_text, t5_text), objects)
        return io.NodeOutput(_described(conditioning, finder))


def _described(conditioning: Conditioning, finder: Finder) -> Conditioning:
    """The conditioning with tables in its entries without one, or in all if all have one."""
    without = [TABLE_KEY not in options for _, options in conditioning]
    return [
        [tokens, {**options, **finder(tokens, options)} if chosen or not any(without) else options]
        for (tokens, options), chosen in zip(conditioning, without, strict=True)
    ]


def check_clip(clip: comfy.sd.CLIP | None) -> None:
    """Raise a ValueError for the missing CLIP of a checkpoint without text encoder."""
    if clip is None:
        raise ValueError(
            "clip is empty: the checkpoint holds no text encoder; load one with a CLIP Loader"
        )


def objects_input() -> io.Input:
    """Input for the objects of a prompt."""
    return io.String.Input(
        "objects",
        default="",
        optional=True,
        tooltip="The prompt's objects, separated by commas, such as 'astronaut, white horse'. "
        "Recipes keep all objects that they do not change. Empty: every phrase between words like "
        "'a', 'and', 'on'.",
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
            tooltip="For CLIP Text Encode SDXL and SD3: text_l or clip_l, where it differs.",
        ),
        io.String.Input(
            "t5_text",
            default="",
            multiline=True,
            optional=True,
            tooltip="For CLIP Text Encode SD3, Flux and HiDream: t5xxl, where it differs.",
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
        finder = words_of_prompt(clip, text, tokens, objects)
        return io.NodeOutput(_described(clip.encode_from_tokens_scheduled(tokens), finder))
