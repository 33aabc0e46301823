"""Mask guidance: an object goes where a mask is, or what a mask marks stays."""

from typing import Any

from comfy_api.latest import io
from torch import Tensor

from ..guidance.head.head import Head
from ..guidance.maps.masks import peaked, pictures
from ..guidance.record.record import Record
from ..guidance.terms import mask as mask_terms
from ..guidance.terms.hold import HoldMask
from .ui.numbers import finite
from .ui.schema import schema
from .ui.types import (
    TERMS,
    HeadIO,
    RecordIO,
    TermValues,
    object_input,
    term_inputs,
    terms_output,
)

PLACE, PRESERVE = "place", "preserve"


def _inputs() -> list[io.Input]:
    return [
        object_input(
            "place: the object, in the words of the prompt. With a head, and in preserve: only a "
            "name."
        ),
        io.Mask.Input(
            "mask",
            tooltip="Of any size. place: an outline, whose brightest part is the object. preserve: "
            "values between 0 and 1 hold in part.",
        ),
        io.Combo.Input(
            "mode",
            options=[PLACE, PRESERVE],
            default=PLACE,
            tooltip="place: put the object there. preserve: keep what the reference shows there.",
        ),
        *term_inputs(),
        io.Boolean.Input(
            "invert",
            default=False,
            optional=True,
            tooltip="Use the rest of the picture instead of what the mask marks.",
        ),
        RecordIO.Input(
            "reference",
            optional=True,
            tooltip="preserve: the run, or recorded picture, whose region is kept.",
        ),
        HeadIO.Input(
            "head",
            optional=True,
            tooltip="place: a fitted head that tells where the object is, instead of the "
            "attention.",
        ),
    ]


class Mask(io.ComfyNode):
    """Place an object by a mask, or preserve a region of a reference."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return schema(
            node_id="SelfGuidanceMask",
            aliases=["paint with words", "place by mask", "preserve region", "regional"],
            display_name="Self-Guidance Mask",
            category=TERMS,
            description="place: the object goes where the mask is. preserve: what the mask marks "
            "stays as in the reference, the rest may change.",
            inputs=_inputs(),
            outputs=[terms_output()],
        )

    @classmethod
    @finite
    def execute(
        cls,
        object: str,
        mask: Tensor,
        mode: str,
        invert: bool = False,
        reference: Record | None = None,
        head: Head | None = None,
        **shared: Any,
    ) -> io.NodeOutput:
        """Add the term."""
        values = TermValues(**shared)
        mask = pictures(mask)
        if mode == PLACE:
            mask = peaked(mask)  # an outline, before it is inverted
        mask = 1 - mask.float() if invert else mask
        if mode == PLACE:
            place: dict[str, Any] = {"object": object, "mask": mask, **values.own}
            if head is not None:
                return values.chained(mask_terms.HeadMask(head=head, **place))
            return values.chained(mask_terms.Mask(**place))
        if reference is None:
            raise ValueError(
                "reference is missing: mode 'preserve' keeps what a reference shows under the "
                "mask; wire the record of a run or of a picture, or choose mode 'place'"
            )
        kept = HoldMask(object=object, mask=mask, reference=reference, **values.own)
        return values.chained(kept)
