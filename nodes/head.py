"""Fit a head to one or a few masked pictures of an object."""

from typing import Any

from comfy_api.latest import io
from torch import Tensor

from ..guidance.head.fit import Example, fit
from ..guidance.maps.masks import pictures
from ..guidance.record.record import Record
from .ui.schema import schema
from .ui.types import CATEGORY, HeadIO, RecordIO

EXAMPLES = 4


class FitHead(io.ComfyNode):
    """A read-out of the model's features that finds an object."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return schema(
            node_id="SelfGuidanceFitHead",
            aliases=["readout", "train probe", "teach object", "segmentation head"],
            display_name="Self-Guidance Fit Head",
            category=CATEGORY,
            description="Learns from one or a few masked pictures how an object looks inside the "
            "model, at every noise level, in a moment. A Mask term then finds the object by its "
            "features instead of by the attention of its words.",
            inputs=[
                io.String.Input(
                    "object",
                    default="red circle",
                    tooltip="What the masks mark, for messages. It need not be in any prompt.",
                ),
                RecordIO.Input(
                    "record", tooltip="Record of a run, or of a real picture, that shows it."
                ),
                io.Mask.Input(
                    "mask",
                    tooltip="Marks the object in the pictures of the record: one mask, or one a "
                    "picture, of any size.",
                ),
                *_further_inputs(),
            ],
            outputs=[
                HeadIO.Output(
                    display_name="head",
                    tooltip="For a Mask or Appearance term, or for Save Head. It fits models of "
                    "the same family.",
                )
            ],
        )

    @classmethod
    def execute(cls, object: str, record: Record, mask: Tensor, **further: Any) -> io.NodeOutput:
        """Fit the head."""
        name = object.strip()
        if not name:
            raise ValueError("object is empty; write what the masks mark, such as 'red circle'")
        examples: list[Example] = [(record, pictures(mask))]
        labels = ["record"]
        for number in range(2, EXAMPLES + 1):
            more, marked = further.get(f"record_{number}"), further.get(f"mask_{number}")
            if more is not None:
                examples.append((more, None if marked is None else pictures(marked)))
                labels.append(f"record_{number}")
            elif marked is not None:
                raise ValueError(
                    f"mask_{number} is wired but record_{number} is not; wire the record whose "
                    "pictures the mask marks"
                )
        return io.NodeOutput(fit(examples, name, labels))


def _further_inputs() -> list[io.Input]:
    inputs: list[io.Input] = []
    for number in range(2, EXAMPLES + 1):
        inputs += [
            RecordIO.Input(
                f"record_{number}",
                optional=True,
                tooltip="A further record. Without its mask it is a counter-example: a picture in "
                "which nothing is the object.",
            ),
            io.Mask.Input(
                f"mask_{number}",
                optional=True,
                tooltip=f"Marks the object in the pictures of record_{number}.",
            ),
        ]
    return inputs
