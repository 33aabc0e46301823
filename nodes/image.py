"""Image guidance: a picture as the reference for layout, for the look, or for both."""

from typing import Any

from comfy_api.latest import io

from ..guidance.recipes.follow import follow, paired
from ..guidance.recipes.transform import RECIPE_WINDOW
from ..guidance.record.record import Record
from .ui.numbers import finite
from .ui.schema import schema
from .ui.types import (
    CATEGORY,
    WEIGHS_IN_RECIPE,
    RecordIO,
    TermValues,
    number,
    term_inputs,
    terms_output,
)


def _inputs() -> list[io.Input]:
    return [
        RecordIO.Input("reference", tooltip="A run, or a picture from Self-Guidance Record Image."),
        number(
            "layout",
            1.0,
            0.0,
            100.0,
            "How much every object stands where the reference has it, in its shape and "
            "size. 0: not at all.",
            step=0.05,
        ),
        number(
            "appearance",
            1.0,
            0.0,
            100.0,
            "How much every object looks as in the reference. 0: not at all.",
            step=0.05,
        ),
        *term_inputs(end=RECIPE_WINDOW.end, weighs=WEIGHS_IN_RECIPE),
        io.String.Input(
            "objects",
            default="",
            optional=True,
            tooltip="Which object of the prompt follows which of the reference, such as "
            "'green star = red circle, blue heart = blue square'. Empty: every object of "
            "the reference, by its own name.",
        ),
    ]


class Image(io.ComfyNode):
    """Every object stands as, or looks as, in a reference."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return schema(
            node_id="SelfGuidanceImage",
            aliases=["keep layout", "keep look", "style transfer", "reference image"],
            display_name="Self-Guidance Image",
            category=CATEGORY,
            description="Takes the layout of a reference, its look, or both: keep the layout and "
            "change the look, keep the look and change the layout, or take the layout of one "
            "picture and the look of another with two of these nodes.",
            inputs=_inputs(),
            outputs=[terms_output()],
        )

    @classmethod
    @finite
    def execute(
        cls,
        reference: Record,
        layout: float,
        appearance: float,
        objects: str = "",
        **shared: Any,
    ) -> io.NodeOutput:
        """Add the terms."""
        values = TermValues(**shared)
        pairs = paired(objects) or {name: name for name in reference.table.objects}
        added = follow(
            reference, pairs, layout * values.weight, appearance * values.weight, values.window
        )
        return values.chained(*added)
