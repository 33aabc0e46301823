"""Term nodes for where an object is and how large: Position and Size."""

from typing import Any

from comfy_api.latest import io

from ..guidance.record.record import Record
from ..guidance.terms import reference as energies
from .ui.numbers import finite
from .ui.schema import schema
from .ui.types import (
    TERMS,
    TermValues,
    number,
    object_input,
    reference_input,
    reference_object_input,
    term_inputs,
    terms_output,
)


def _relative(tooltip: str) -> io.Input:
    return io.Boolean.Input("relative", default=False, tooltip=tooltip)


def _concentration() -> io.Input:
    return number(
        "concentration",
        1.0,
        0.0,
        100.0,
        "How much the object is kept in one piece at that point. 0: the paper's"
        " term, which two halves on either side satisfy; high values make it smaller.",
        step=0.05,
        optional=True,
    )


def _needed(
    reference: Record | None, relative: bool, object: str, reference_object: str
) -> Record | None:
    if not relative:
        return None
    if reference is None:
        raise ValueError(
            f"reference is missing: a relative target for object {object!r} needs a record to be "
            "relative to; wire the record of the unguided run, or switch relative off"
        )
    reference.table.find_object(reference_object or object)
    return reference


class Position(io.ComfyNode):
    """The object's centroid goes to a point."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return schema(
            node_id="SelfGuidancePosition",
            aliases=["move to a point", "centroid", "where"],
            display_name="Self-Guidance Position",
            category=TERMS,
            description="Puts the middle of an object at a point of the picture.",
            inputs=[
                object_input(),
                number(
                    "x",
                    0.5,
                    -1.0,
                    1.0,
                    "From the left edge (0) to the right edge (1); relative: distance to the "
                    "right.",
                ),
                number(
                    "y",
                    0.5,
                    -1.0,
                    1.0,
                    "From the top edge (0) to the bottom edge (1); relative: distance downwards.",
                ),
                _relative(
                    "Off: x and y are a place. On: they are a distance from where the reference "
                    "has the object."
                ),
                *term_inputs(),
                reference_input(optional=True),
                _concentration(),
                reference_object_input(),
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
        relative: bool,
        reference: Record | None = None,
        concentration: float = 1.0,
        reference_object: str = "",
        **shared: Any,
    ) -> io.NodeOutput:
        """Add the terms."""
        values = TermValues(**shared)
        for name, value in () if relative else (("x", x), ("y", y)):
            if not 0 <= value <= 1:
                raise ValueError(
                    f"{name} must lie between 0 and 1, got {value}; switch relative on to give a "
                    "distance instead of a place"
                )
        place: dict[str, Any] = {
            "object": object,
            "x": x,
            "y": y,
            "reference": _needed(reference, relative, object, reference_object),
            "reference_object": reference_object,
            **values.own,
        }
        position = energies.Position(**place)
        if not concentration:
            return values.chained(position)
        place["weight"] = values.weight * concentration
        return values.chained(position, energies.Concentration(**place))


class Size(io.ComfyNode):
    """The object covers a part of the picture."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return schema(
            node_id="SelfGuidanceSize",
            aliases=["object area", "how large"],
            display_name="Self-Guidance Size",
            category=TERMS,
            description="Makes an object cover a part of the picture's area.",
            inputs=[
                object_input(),
                number(
                    "size",
                    0.15,
                    0.0,
                    10.0,
                    "Fraction of the picture's area, up to 1; relative: factor of the reference's "
                    "area.",
                ),
                _relative(
                    "Off: size is a fraction of the picture. On: it is a factor of the size in "
                    "the reference."
                ),
                *term_inputs(),
                reference_input(optional=True),
                reference_object_input(),
            ],
            outputs=[terms_output()],
        )

    @classmethod
    @finite
    def execute(
        cls,
        object: str,
        size: float,
        relative: bool,
        reference: Record | None = None,
        reference_object: str = "",
        **shared: Any,
    ) -> io.NodeOutput:
        """Add the term."""
        values = TermValues(**shared)
        if not relative and not 0 <= size <= 1:
            raise ValueError(
                f"size must lie between 0 and 1, got {size}; switch relative on to give a factor "
                "of the size in the reference instead of a fraction of the picture"
            )
        term = energies.Size(
            object=object,
            size=size,
            reference=_needed(reference, relative, object, reference_object),
            reference_object=reference_object,
            **values.own,
        )
        return values.chained(term)
