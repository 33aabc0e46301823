"""Term nodes that read attention alone: Presence and Box."""

from typing import Any

from comfy_api.latest import io

from ..guidance.recipes.transform import RECIPE_WINDOW
from ..guidance.terms import attention as attention_terms
from .ui.numbers import finite
from .ui.schema import schema
from .ui.types import TERMS, TermValues, number, object_input, term_inputs, terms_output

# Whether an object appears is decided while the picture is vague; the paper stops there, too.
FIRST_HALF = 0.5


class Presence(io.ComfyNode):
    """The object is in the picture."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return schema(
            node_id="SelfGuidancePresence",
            aliases=["attend and excite", "missing object", "forgotten object"],
            display_name="Self-Guidance Presence",
            category=TERMS,
            description="Sees to it that an object of the prompt is not forgotten "
            "(Attend-and-Excite). It rests as soon as the object is there.",
            inputs=[object_input(), *term_inputs(end=FIRST_HALF)],
            outputs=[terms_output()],
        )

    @classmethod
    @finite
    def execute(cls, object: str, **shared: Any) -> io.NodeOutput:
        """Add the term."""
        values = TermValues(**shared)
        term = attention_terms.Presence(object=object, **values.own)
        return values.chained(term)


class Box(io.ComfyNode):
    """The object lies in a box."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return schema(
            node_id="SelfGuidanceBox",
            aliases=["bounding box", "boxdiff", "layout to image", "gligen", "regional"],
            display_name="Self-Guidance Box",
            category=TERMS,
            description="Puts an object into a box and, with corners, lets it fill the box.",
            inputs=[
                object_input(),
                number("x", 0.1, 0.0, 1.0, "Left edge of the box, as a fraction of the width."),
                number("y", 0.3, 0.0, 1.0, "Top edge of the box, as a fraction of the height."),
                number("width", 0.4, 0.0, 1.0, "Width of the box, as a fraction of the picture's."),
                number(
                    "height", 0.4, 0.0, 1.0, "Height of the box, as a fraction of the picture's."
                ),
                io.Boolean.Input(
                    "corners",
                    default=True,
                    tooltip="On: the object also reaches the edges of the box (BoxDiff). Off: it "
                    "only stays inside (layout control), and may be small.",
                ),
                *term_inputs(end=RECIPE_WINDOW.end),
            ],
            outputs=[terms_output()],
        )

    @classmethod
    @finite
    def execute(
        cls,
        object: str,
        x: float,
        y: float,
        width: float,
        height: float,
        corners: bool,
        **shared: Any,
    ) -> io.NodeOutput:
        """Add the term."""
        values = TermValues(**shared)
        term = attention_terms.Box(
            object=object,
            x=x,
            y=y,
            width=width,
            height=height,
            corners=corners,
            **values.own,
        )
        return values.chained(term)
