"""Encode a prompt and remember which tokens are which words."""

import comfy.sd
from comfy_api.latest import io

from .engine.attach import KEY
from .text.table import check_clip, objects_input, token_table
from .ui.schema import schema
from .ui.types import CATEGORY


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
        return io.NodeOutput(clip.encode_from_tokens_scheduled(tokens, add_dict={KEY: table}))
