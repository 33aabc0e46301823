"""The bundled demo model."""

from comfy_api.latest import io

from ..demo.model import load
from .schema import schema
from .types import CATEGORY


class DemoModel(io.ComfyNode):
    """Shapes, a tiny text-to-image model that runs on any CPU."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return schema(
            node_id="SelfGuidanceDemoModel",
            display_name="Self-Guidance Demo Model (Shapes)",
            category=CATEGORY,
            description="A tiny model, bundled with this pack, that draws one to three coloured "
            "shapes at 128 x 128: 'a red circle and a blue square'. Try self-guidance on it in "
            "seconds, without a GPU or a download.",
            inputs=[],
            outputs=[io.Model.Output(), io.Clip.Output(), io.Vae.Output()],
        )

    @classmethod
    def execute(cls) -> io.NodeOutput:
        """Load the three parts."""
        return io.NodeOutput(*load())
