"""Recipe nodes: ready sums of terms."""

from comfy_api.latest import io

from ..guidance.maps.affine import Affine
from ..guidance.recipes.transform import GUIDED, Balance, Recipe
from ..guidance.record.record import Record
from ..guidance.terms.window import Window
from .ui.numbers import finite
from .ui.schema import schema
from .ui.types import (
    CATEGORY,
    Chain,
    number,
    object_input,
    reference_input,
    term_inputs,
    terms_output,
)

WEIGHS = (
    "How much the change counts against the keeping of the rest. 0 changes nothing, but still "
    "keeps the rest."
)


def keep_inputs() -> list[io.Input]:
    """How much of the rest a recipe keeps."""
    return [
        number(
            "keep_others",
            Balance.others,
            0.0,
            10.0,
            "How much the other objects keep their shape, and all objects their look.",
            step=0.05,
            optional=True,
        ),
        number(
            "keep_background",
            Balance.rest,
            0.0,
            1.0,
            "How much of everything outside the object is held as in the reference: 1 "
            "holds it fully, 0 is the paper's recipe, which lets the background change; needed "
            "when other terms shall draw something new there.",
            step=0.05,
            optional=True,
        ),
    ]


class MoveObject(io.ComfyNode):
    """Move one object, keep the rest."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return schema(
            node_id="SelfGuidanceMoveObject",
            display_name="Self-Guidance Move Object",
            category=CATEGORY,
            description="Moves an object of a picture and keeps everything else: sample once "
            "without terms, wire that record here, and sample again with the same seed.",
            inputs=[
                object_input(),
                number("dx", 0.25, -1.0, 1.0, "Distance to the right as a fraction of the width."),
                number("dy", 0.0, -1.0, 1.0, "Distance downwards as a fraction of the height."),
                reference_input(),
                *term_inputs(end=GUIDED.end, weighs=WEIGHS),
                *keep_inputs(),
            ],
            outputs=[terms_output()],
        )

    @classmethod
    @finite
    def execute(
        cls,
        object: str,
        dx: float,
        dy: float,
        reference: Record,
        weight: float,
        start_percent: float,
        end_percent: float,
        terms: Chain = (),
        keep_others: float = Balance.others,
        keep_background: float = Balance.rest,
    ) -> io.NodeOutput:
        """Add the recipe."""
        balance = Balance(others=keep_others, rest=keep_background)
        window = Window(start_percent, end_percent)
        recipe = Recipe(
            object=object,
            transform=Affine(dx, dy),
            reference=reference,
            weight=weight,
            window=window,
            balance=balance,
        )
        return io.NodeOutput((*terms, recipe))


class ResizeObject(io.ComfyNode):
    """Resize one object, keep the rest."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return schema(
            node_id="SelfGuidanceResizeObject",
            display_name="Self-Guidance Resize Object",
            category=CATEGORY,
            description="Makes an object of a picture larger or smaller where it stands and "
            "keeps everything else.",
            inputs=[
                object_input(),
                number(
                    "scale",
                    1.5,
                    0.05,
                    10.0,
                    "Factor of the object's area: 2 is twice the area.",
                    step=0.05,
                ),
                reference_input(),
                *term_inputs(end=GUIDED.end, weighs=WEIGHS),
                *keep_inputs(),
            ],
            outputs=[terms_output()],
        )

    @classmethod
    @finite
    def execute(
        cls,
        object: str,
        scale: float,
        reference: Record,
        weight: float,
        start_percent: float,
        end_percent: float,
        terms: Chain = (),
        keep_others: float = Balance.others,
        keep_background: float = Balance.rest,
    ) -> io.NodeOutput:
        """Add the recipe."""
        if scale <= 0:
            raise ValueError(f"scale must be above 0, got {scale}")
        side = scale**0.5
        balance = Balance(others=keep_others, rest=keep_background)
        window = Window(start_percent, end_percent)
        recipe = Recipe(
            object=object,
            transform=Affine(scale_x=side, scale_y=side),
            reference=reference,
            weight=weight,
            window=window,
            balance=balance,
        )
        return io.NodeOutput((*terms, recipe))
