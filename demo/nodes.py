"""Nodes of the bundled Shapes model and of the renderer of its pictures."""

from random import Random

import numpy as np
import torch
from comfy_api.latest import io

from ..nodes.ui.schema import schema
from ..nodes.ui.types import CATEGORY
from .model import NETWORKS, load
from .scenes import named, random_scene, render


def _scales() -> str:
    """The scale of classifier-free guidance for each network, in words."""
    words = [f"cfg {network.cfg:g} for the {name}" for name, network in NETWORKS.items()]
    return "Use " + ", ".join(words)


class DemoModel(io.ComfyNode):
    """Shapes, a tiny text-to-image model that runs on any CPU."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return schema(
            node_id="SelfGuidanceDemoModel",
            aliases=["toy model", "demo checkpoint", "tiny model", "test model"],
            display_name="Self-Guidance Demo Model (Shapes)",
            category=CATEGORY,
            description="A tiny model, bundled with this pack, that draws one to three coloured "
            "shapes at 128 x 128: 'a red circle and a blue square'. Try self-guidance on it in "
            "seconds, without a GPU or a download.",
            inputs=[
                io.Combo.Input(
                    "network",
                    options=list(NETWORKS),
                    default="unet",
                    optional=True,
                    tooltip="unet: as in SD 1.x, SD 2.x and SDXL. transformer: text and picture "
                    "in one sequence with flow matching, as in Lumina 2 and Z-Image. "
                    f"{_scales()}.",
                ),
            ],
            outputs=[io.Model.Output(), io.Clip.Output(), io.Vae.Output()],
        )

    @classmethod
    def execute(cls, network: str = "unet") -> io.NodeOutput:
        """Load the three parts."""
        return io.NodeOutput(*load(network=network))


class DemoPicture(io.ComfyNode):
    """Renders a picture of the kind that the demo model draws."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return schema(
            node_id="SelfGuidanceDemoPicture",
            aliases=["shapes picture", "test picture", "example image"],
            display_name="Self-Guidance Demo Picture",
            category=CATEGORY,
            description="Draws the shapes that the text names, by a renderer and not by a model: "
            "a stand-in for a photo, to try the pack on real pictures without one.",
            inputs=[
                io.String.Input(
                    "text",
                    default="a red circle and a blue square",
                    tooltip="One to three shapes, each with its colour. Circle, square, triangle, "
                    "star, heart; red, orange, yellow, green, blue, purple.",
                ),
                io.Int.Input(
                    "seed",
                    default=0,
                    min=0,
                    max=0xFFFFFFFFFFFFFFFF,
                    tooltip="Another seed puts them elsewhere, on another background.",
                ),
            ],
            outputs=[io.Image.Output(tooltip="128 x 128 pixels, as the demo model draws.")],
        )

    @classmethod
    def execute(cls, text: str, seed: int) -> io.NodeOutput:
        """Render."""
        things = named(text)
        picture = render(random_scene(Random(seed), len(things), names=things))
        return io.NodeOutput(torch.from_numpy(picture.astype(np.float32) / 255)[None])


NODES: list[type[io.ComfyNode]] = [DemoModel, DemoPicture]
