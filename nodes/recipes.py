"""Recipe nodes: ready sums of terms, to edit a picture or to build one from parts of others."""

from typing import Any

from comfy_api.latest import io

from ..guidance.maps.affine import Affine
from ..guidance.recipes.follow import copy_object, remove_object
from ..guidance.recipes.transform import RECIPE_WINDOW, Balance, Recipe
from ..guidance.record.record import Record
from .ui.numbers import finite
from .ui.schema import schema
from .ui.types import (
    CATEGORY,
    WEIGHS_IN_RECIPE,
    RecordIO,
    TermValues,
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


def _distance_inputs(dx: float) -> list[io.Input]:
    return [
        number("dx", dx, -1.0, 1.0, "Distance to the right as a fraction of the width."),
        number("dy", 0.0, -1.0, 1.0, "Distance downwards as a fraction of the height."),
    ]


def _scale_input(default: float) -> io.Input:
    return number(
        "scale",
        default,
        0.05,
        10.0,
        "Factor of the object's area: 2 is twice the area.",
        step=0.05,
    )


def _side(scale: float) -> float:
    """Factor of the sides of an object for a factor of its area."""
    if scale <= 0:
        raise ValueError(f"scale must be above 0, got {scale}")
    return scale**0.5


class MoveObject(io.ComfyNode):
    """Move one object, keep the rest."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return schema(
            node_id="SelfGuidanceMoveObject",
            aliases=["drag object", "shift", "relocate", "reposition"],
            display_name="Self-Guidance Move Object",
            category=CATEGORY,
            description="Moves an object of a picture and keeps everything else: sample once "
            "without terms, wire that record here, and sample again with the same seed.",
            inputs=[
                object_input(),
                *_distance_inputs(0.25),
                reference_input(),
                *term_inputs(end=RECIPE_WINDOW.end, weighs=WEIGHS),
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
        keep_others: float = Balance.others,
        keep_background: float = Balance.rest,
        **shared: Any,
    ) -> io.NodeOutput:
        """Add the recipe."""
        values = TermValues(**shared)
        recipe = Recipe(
            object=object,
            transform=Affine(dx, dy),
            reference=reference,
            balance=Balance(others=keep_others, rest=keep_background),
            **values.own,
        )
        return values.chained(recipe)


class ResizeObject(io.ComfyNode):
    """Resize one object, keep the rest."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return schema(
            node_id="SelfGuidanceResizeObject",
            aliases=["scale object", "enlarge", "shrink", "bigger", "smaller"],
            display_name="Self-Guidance Resize Object",
            category=CATEGORY,
            description="Makes an object of a picture larger or smaller where it stands and "
            "keeps everything else.",
            inputs=[
                object_input(),
                _scale_input(1.5),
                reference_input(),
                *term_inputs(end=RECIPE_WINDOW.end, weighs=WEIGHS),
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
        keep_others: float = Balance.others,
        keep_background: float = Balance.rest,
        **shared: Any,
    ) -> io.NodeOutput:
        """Add the recipe."""
        values = TermValues(**shared)
        side = _side(scale)
        recipe = Recipe(
            object=object,
            transform=Affine(scale_x=side, scale_y=side),
            reference=reference,
            balance=Balance(others=keep_others, rest=keep_background),
            **values.own,
        )
        return values.chained(recipe)


def _copy_inputs() -> list[io.Input]:
    return [
        object_input(),
        *_distance_inputs(0.0),
        _scale_input(1.0),
        RecordIO.Input(
            "reference",
            tooltip="A run, or a picture from Self-Guidance Record Image, that shows the object.",
        ),
        *term_inputs(end=RECIPE_WINDOW.end, weighs=WEIGHS_IN_RECIPE),
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
            aliases=["paste object", "transfer object", "compose", "collage"],
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
        reference_object: str = "",
        layout: float = 1.0,
        appearance: float = 1.0,
        **shared: Any,
    ) -> io.NodeOutput:
        """Add the recipe's terms."""
        values = TermValues(**shared)
        side = _side(scale)
        added = copy_object(
            object,
            reference_object or object,
            reference,
            Affine(dx, dy, side, side),
            values.weight * layout,
            values.weight * appearance,
            values.window,
        )
        return values.chained(*added)


class RemoveObject(io.ComfyNode):
    """Take an object out of a picture, keep the rest."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return schema(
            node_id="SelfGuidanceRemoveObject",
            aliases=["erase object", "delete object", "object removal", "inpaint"],
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
                *term_inputs(end=RECIPE_WINDOW.end, weighs=WEIGHS_IN_RECIPE),
            ],
            outputs=[terms_output()],
        )

    @classmethod
    @finite
    def execute(cls, object: str, reference: Record, **shared: Any) -> io.NodeOutput:
        """Add the recipe's terms."""
        values = TermValues(**shared)
        return values.chained(*remove_object(object, reference, values.weight, values.window))
