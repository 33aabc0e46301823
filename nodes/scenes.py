"""Recipe nodes that build a picture from parts of others."""

from comfy_api.latest import io

from ..guidance.maps.affine import Affine
from ..guidance.recipes.follow import copy_object, remove_object
from ..guidance.recipes.transform import GUIDED
from ..guidance.record.record import Record
from ..guidance.terms.window import Window
from .ui.numbers import finite
from .ui.schema import schema
from .ui.types import (
    CATEGORY,
    WEIGHS_IN_RECIPE,
    Chain,
    RecordIO,
    number,
    object_input,
    term_inputs,
    terms_output,
)


def _copy_inputs() -> list[io.Input]:
    return [
        object_input(),
        number("dx", 0.0, -1.0, 1.0, "Distance to the right as a fraction of the width."),
        number("dy", 0.0, -1.0, 1.0, "Distance downwards as a fraction of the height."),
        number(
            "scale",
            1.0,
            0.05,
            10.0,
            "Factor of the object's area: 2 is twice the area.",
            step=0.05,
        ),
        RecordIO.Input(
            "reference",
            tooltip="A run, or a picture from Self-Guidance Record Image, that shows the object.",
        ),
        *term_inputs(end=GUIDED.end, weighs=WEIGHS_IN_RECIPE),
        io.String.Input(
            "reference_object",
            default="",
            optional=True,
            tooltip="The object's name in the reference. Empty: the same name.",
        ),
        *_share_inputs(),
    ]


def _share_inputs() -> list[io.Input]:
    return [
        number(
            "layout",
            1.0,
            0.0,
            100.0,
            "How much it has the reference's shape, size and place. 0: anywhere, only the "
            "look is copied.",
            step=0.05,
            optional=True,
        ),
        number(
            "appearance",
            1.0,
            0.0,
            100.0,
            "How much it has the reference's look. 0: only the shape is copied.",
            step=0.05,
            optional=True,
        ),
    ]


class CopyObject(io.ComfyNode):
    """Draw an object of a reference in a new picture."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return schema(
            node_id="SelfGuidanceCopyObject",
            display_name="Self-Guidance Copy Object",
            category=CATEGORY,
            description="Draws an object of another picture, or of a photo, in this one: at its "
            "place there, or moved and resized. Chain several to compose a picture from parts of "
            "others.",
            inputs=_copy_inputs(),
            outputs=[terms_output()],
        )

    @classmethod
    @finite
    def execute(
        cls,
        object: str,
        dx: float,
        dy: float,
        scale: float,
        reference: Record,
        weight: float,
        start_percent: float,
        end_percent: float,
        terms: Chain = (),
        reference_object: str = "",
        layout: float = 1.0,
        appearance: float = 1.0,
    ) -> io.NodeOutput:
        """Add the recipe's terms."""
        if scale <= 0:
            raise ValueError(f"scale must be above 0, got {scale}")
        added = copy_object(
            object,
            reference_object or object,
            reference,
            Affine(dx, dy, scale**0.5, scale**0.5),
            weight * layout,
            weight * appearance,
            Window(start_percent, end_percent),
        )
        return io.NodeOutput((*terms, *added))


class RemoveObject(io.ComfyNode):
    """Take an object out of a picture, keep the rest."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return schema(
            node_id="SelfGuidanceRemoveObject",
            display_name="Self-Guidance Remove Object",
            category=CATEGORY,
            description="Takes an object out of a picture and keeps everything else: sample with "
            "a prompt that no longer names it, and wire the record of the picture here.",
            inputs=[
                object_input("The object to remove, in the words of the reference's prompt."),
                RecordIO.Input(
                    "reference",
                    tooltip="The run, or the picture from Self-Guidance Record Image, that shows "
                    "the object.",
                ),
                *term_inputs(end=GUIDED.end, weighs=WEIGHS_IN_RECIPE),
            ],
            outputs=[terms_output()],
        )

    @classmethod
    @finite
    def execute(
        cls,
        object: str,
        reference: Record,
        weight: float,
        start_percent: float,
        end_percent: float,
        terms: Chain = (),
    ) -> io.NodeOutput:
        """Add the recipe's terms."""
        window = Window(start_percent, end_percent)
        return io.NodeOutput((*terms, *remove_object(object, reference, weight, window)))
