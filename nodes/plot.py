"""Plot the energies of a run."""

import io as buffers
from typing import TYPE_CHECKING

import numpy as np
import torch
from comfy_api.latest import io, ui
from PIL import Image

from ..guidance.record.record import Record
from .ui.schema import schema
from .ui.types import CATEGORY, RecordIO

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class EnergyPlot(io.ComfyNode):
    """Energy of every term over the noise level."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return schema(
            node_id="SelfGuidanceEnergyPlot",
            aliases=["loss curve", "debug guidance", "energy curve"],
            display_name="Self-Guidance Energy Plot",
            category=CATEGORY,
            description="Plots how far each term is from its goal over the run, lower is better, "
            "with the guided steps marked. A curve that stays high belongs to a term that needs "
            "more weight or is in conflict with another.",
            inputs=[
                RecordIO.Input("record", tooltip="Record of a guided Self-Guidance KSampler run.")
            ],
            outputs=[io.Image.Output(tooltip="The plot.")],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, record: Record) -> io.NodeOutput:
        """Draw the plot."""
        if not any(step.energies for step in record):
            raise ValueError(
                "the record holds no energies: it comes from a run without active terms; "
                "wire terms into the Self-Guidance KSampler that made it"
            )
        picture = _rendered(_figure(record))
        return io.NodeOutput(picture, ui=ui.PreviewImage(picture, cls=cls))


def _figure(record: Record) -> "Figure":
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            "the energy plot needs matplotlib, which this Python lacks; install it with `python "
            "-m pip install matplotlib` in ComfyUI's environment. All other self-guidance nodes "
            "work without it"
        ) from error
    figure = Figure(figsize=(8, 4.5), dpi=110, layout="constrained")
    axes = figure.subplots()
    steps = [step for step in record if step.properties.sigma > 0]
    for name in dict.fromkeys(name for step in steps for name in step.energies):
        with_term = [step for step in steps if name in step.energies]
        means = [float(np.mean(step.energies[name])) for step in with_term]
        axes.plot([step.properties.sigma for step in with_term], means, marker=".", label=name)
    guided = [step.properties.sigma for step in steps if step.guided]
    bottom = axes.get_xaxis_transform()
    axes.plot(guided, [0] * len(guided), "|", transform=bottom, color="black", label="guided step")
    axes.set(xlabel="sigma", ylabel="energy (lower is better)", xscale="log", yscale="log")
    axes.invert_xaxis()
    axes.grid(alpha=0.3)
    figure.legend(loc="outside right upper", fontsize="small")
    return figure


def _rendered(figure: "Figure") -> torch.Tensor:
    buffer = buffers.BytesIO()
    figure.savefig(buffer, format="png")
    pixels = np.asarray(Image.open(buffer).convert("RGB")).astype(np.float32) / 255
    return torch.from_numpy(pixels)[None]
