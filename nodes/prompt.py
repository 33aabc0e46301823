"""Encode a prompt and remember which tokens are which words."""

import comfy.sd
from comfy_api.latest import io

from .patch import KEY
from .schema import schema
from .tokens import token_table
from .types import CATEGORY


class Prompt(io.ComfyNode):
    """CLIPTextEncode that adds the token table to the CONDITIONING."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return schema(
            node_id="SelfGuidancePrompt",
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
                io.String.Input(
                    "objects",
                    default="",
                    optional=True,
                    tooltip="The prompt's objects, separated by commas, such as 'astronaut, "
                    "white horse'. Recipes keep all objects that they do not change. Empty: "
                    "every phrase between words like 'a', 'and', 'on'.",
                ),
            ],
            outputs=[
                io.Conditioning.Output(tooltip="Works with every node that takes a CONDITIONING.")
            ],
        )

    @classmethod
    def execute(cls, clip: comfy.sd.CLIP, text: str, objects: str = "") -> io.NodeOutput:
        """Encode the text."""
        if clip is None:
            raise ValueError(
                "clip is empty: the checkpoint holds no text encoder; load one with a CLIP Loader"
            )
        tokens = clip.tokenize(text)
        table = token_table(clip, text, tokens, objects)
        return io.NodeOutput(clip.encode_from_tokens_scheduled(tokens, add_dict={KEY: table}))
