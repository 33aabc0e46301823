"""Read the appearance of an object or of a region from a record."""

from comfy_api.latest import io
from torch import Tensor

from ..guidance.maps.masks import outline, pictures
from ..guidance.record import feature
from ..guidance.record.record import Record
from .ui.schema import schema
from .ui.types import CATEGORY, FeatureIO, RecordIO


class Feature(io.ComfyNode):
    """Appearance of an object or a region, as one vector for each noise level."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return schema(
            node_id="SelfGuidanceFeature",
            aliases=["read look", "style vector", "colour and material"],
            display_name="Self-Guidance Feature",
            category=CATEGORY,
            description="Reads how an object, or what a mask marks, looks in a record, so that "
            "another object, prompt or seed can be given that look by an Appearance term.",
            inputs=[
                RecordIO.Input("record", tooltip="A run, or a recorded picture."),
                io.String.Input(
                    "object",
                    default="",
                    tooltip="The object whose look is read, in the words of the record's prompt. "
                    "With a mask: only a name.",
                ),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="The region whose look is read, instead of an object's. Any size; "
                    "values between 0 and 1 weigh.",
                ),
            ],
            outputs=[FeatureIO.Output(display_name="feature", tooltip="For an Appearance term.")],
        )

    @classmethod
    def execute(cls, record: Record, object: str, mask: Tensor | None = None) -> io.NodeOutput:
        """Read the feature."""
        name = object.strip()
        if mask is not None:
            region = outline(pictures(mask), name or "feature")
            return io.NodeOutput(feature.Feature.under(record, region, name or "masked region"))
        if not name:
            raise ValueError(
                "object is empty and no mask is wired: name the object whose look is read, one of: "
                f"{', '.join(record.table.objects) or '(the prompt names none)'}"
            )
        return io.NodeOutput(feature.Feature.of(record, name))
