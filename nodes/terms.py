"""Term nodes: one energy each."""

from collections.abc import Sequence
from typing import Any

import torch
from comfy_api.latest import io

from ..guidance import energies
from ..guidance.energies import Term
from ..guidance.record import Record
from ..guidance.warp import Affine
from ..guidance.window import Window
from .types import TERMS, number, object_input, reference_input, term_inputs, terms_output

Chain = Sequence[Term]


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


def _needed(reference: Record | None, relative: bool, object: str) -> Record | None:
    if not relative:
        return None
    if reference is None:
        raise ValueError(
            f"reference is missing: a relative target for object {object!r} needs a record to be "
            "relative to; wire the record of the unguided run, or switch relative off"
        )
    reference.table.find(object)
    return reference


class Position(io.ComfyNode):
    """The object's centroid goes to a point."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return io.Schema(
            node_id="SelfGuidancePosition",
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
            ],
            outputs=[terms_output()],
        )

    @classmethod
    def execute(
        cls,
        object: str,
        x: float,
        y: float,
        relative: bool,
        weight: float,
        start_percent: float,
        end_percent: float,
        terms: Chain = (),
        reference: Record | None = None,
        concentration: float = 1.0,
    ) -> io.NodeOutput:
        """Add the terms."""
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
            "reference": _needed(reference, relative, object),
            "window": Window(start_percent, end_percent),
        }
        position = energies.Position(weight=weight, **place)
        together = energies.Concentration(weight=weight * concentration, **place)
        return io.NodeOutput((*terms, position, *([together] if concentration else [])))


class Size(io.ComfyNode):
    """The object covers a part of the picture."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return io.Schema(
            node_id="SelfGuidanceSize",
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
                    "Fraction of the picture's area; relative: factor of the reference's area.",
                ),
                _relative(
                    "Off: size is a fraction of the picture. On: it is a factor of the size in "
                    "the reference."
                ),
                *term_inputs(),
                reference_input(optional=True),
            ],
            outputs=[terms_output()],
        )

    @classmethod
    def execute(
        cls,
        object: str,
        size: float,
        relative: bool,
        weight: float,
        start_percent: float,
        end_percent: float,
        terms: Chain = (),
        reference: Record | None = None,
    ) -> io.NodeOutput:
        """Add the term."""
        term = energies.Size(
            object=object,
            size=size,
            reference=_needed(reference, relative, object),
            weight=weight,
            window=Window(start_percent, end_percent),
        )
        return io.NodeOutput((*terms, term))


class Shape(io.ComfyNode):
    """The object has the shape, place and size of a target."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return io.Schema(
            node_id="SelfGuidanceShape",
            display_name="Self-Guidance Shape",
            category=TERMS,
            description="Gives an object the outline it has in a reference, or that a mask "
            "shows; moved, scaled and turned about its own middle.",
            inputs=[
                object_input(),
                number("dx", 0.0, -1.0, 1.0, "Distance to the right, as a fraction of the width."),
                number("dy", 0.0, -1.0, 1.0, "Distance downwards, as a fraction of the height."),
                number("scale_x", 1.0, 0.05, 10.0, "Factor of the width."),
                number("scale_y", 1.0, 0.05, 10.0, "Factor of the height."),
                number("rotation", 0.0, -360.0, 360.0, "Clockwise turn in degrees.", step=1.0),
                *term_inputs(),
                reference_input(optional=True),
                io.Mask.Input(
                    "mask", optional=True, tooltip="Outline to take instead of the reference's."
                ),
            ],
            outputs=[terms_output()],
        )

    @classmethod
    def execute(
        cls,
        object: str,
        dx: float,
        dy: float,
        scale_x: float,
        scale_y: float,
        rotation: float,
        weight: float,
        start_percent: float,
        end_percent: float,
        terms: Chain = (),
        reference: Record | None = None,
        mask: torch.Tensor | None = None,
    ) -> io.NodeOutput:
        """Add the term."""
        if mask is None:
            if reference is None:
                raise ValueError(
                    f"reference is missing: the shape of object {object!r} needs a reference or a "
                    "mask as its target"
                )
            reference.table.find(object)
        term = energies.Shape(
            object=object,
            reference=None if mask is not None else reference,
            mask=None if mask is None else mask.reshape(-1, *mask.shape[-2:]),
            transform=Affine(dx, dy, scale_x, scale_y, rotation),
            weight=weight,
            window=Window(start_percent, end_percent),
        )
        return io.NodeOutput((*terms, term))


class Appearance(io.ComfyNode):
    """The object looks as in a reference."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return io.Schema(
            node_id="SelfGuidanceAppearance",
            display_name="Self-Guidance Appearance",
            category=TERMS,
            description="Gives an object the look (colour, material, style) that an object has "
            "in a reference.",
            inputs=[
                object_input(),
                *term_inputs(),
                reference_input(),
                io.String.Input(
                    "reference_object",
                    default="",
                    optional=True,
                    tooltip="The object of the reference whose look is taken. Empty: the object "
                    "of the same name.",
                ),
            ],
            outputs=[terms_output()],
        )

    @classmethod
    def execute(
        cls,
        object: str,
        weight: float,
        start_percent: float,
        end_percent: float,
        reference: Record,
        terms: Chain = (),
        reference_object: str = "",
    ) -> io.NodeOutput:
        """Add the term."""
        reference.table.find(reference_object or object)
        term = energies.Appearance(
            object=object,
            reference=reference,
            source=reference_object,
            weight=weight,
            window=Window(start_percent, end_percent),
        )
        return io.NodeOutput((*terms, term))
