"""Term nodes whose target is an object of a reference: Shape and Appearance."""

from typing import Any

import torch
from comfy_api.latest import io

from ..guidance.head.head import Head
from ..guidance.maps.affine import Affine
from ..guidance.maps.masks import pictures
from ..guidance.record.feature import Feature
from ..guidance.record.record import Record
from ..guidance.terms import appearance
from ..guidance.terms import reference as energies
from .ui.numbers import finite
from .ui.schema import schema
from .ui.types import (
    TERMS,
    FeatureIO,
    HeadIO,
    RecordIO,
    TermValues,
    number,
    object_input,
    reference_input,
    reference_object_input,
    term_inputs,
    terms_output,
)


class Shape(io.ComfyNode):
    """The object has the shape, place and size of a target."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return schema(
            node_id="SelfGuidanceShape",
            aliases=["outline", "silhouette", "rotate object"],
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
                reference_object_input(),
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
        scale_x: float,
        scale_y: float,
        rotation: float,
        reference: Record | None = None,
        mask: torch.Tensor | None = None,
        reference_object: str = "",
        **shared: Any,
    ) -> io.NodeOutput:
        """Add the term."""
        values = TermValues(**shared)
        if mask is None:
            if reference is None:
                raise ValueError(
                    f"reference is missing: the shape of object {object!r} needs a reference or a "
                    "mask as its target"
                )
            reference.table.find_object(reference_object or object)
        term = energies.Shape(
            object=object,
            reference_object=reference_object,
            reference=None if mask is not None else reference,
            mask=None if mask is None else pictures(mask),
            transform=Affine(dx, dy, scale_x, scale_y, rotation),
            **values.own,
        )
        return values.chained(term)


class Appearance(io.ComfyNode):
    """The object looks as in a reference."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return schema(
            node_id="SelfGuidanceAppearance",
            aliases=["look", "colour", "material", "style of object"],
            display_name="Self-Guidance Appearance",
            category=TERMS,
            description="Gives an object the look (colour, material, style) that an object has "
            "in a reference, or that a feature holds.",
            inputs=[
                object_input(),
                *term_inputs(),
                RecordIO.Input(
                    "reference",
                    optional=True,
                    tooltip="A run, or a recorded picture, that shows the look.",
                ),
                reference_object_input(),
                FeatureIO.Input(
                    "feature",
                    optional=True,
                    tooltip="The look itself, from a Self-Guidance Feature, instead of a "
                    "reference.",
                ),
                HeadIO.Input(
                    "head",
                    optional=True,
                    tooltip="Compares only what tells the head's examples apart.",
                ),
            ],
            outputs=[terms_output()],
        )

    @classmethod
    @finite
    def execute(
        cls,
        object: str,
        reference: Record | None = None,
        reference_object: str = "",
        feature: Feature | None = None,
        head: Head | None = None,
        **shared: Any,
    ) -> io.NodeOutput:
        """Add the term."""
        values = TermValues(**shared)
        if reference is not None:
            reference.table.find_object(reference_object or object)
        term = appearance.Appearance(
            object=object,
            reference=reference,
            reference_object=reference_object,
            feature=feature,
            head=head,
            **values.own,
        )
        return values.chained(term)
