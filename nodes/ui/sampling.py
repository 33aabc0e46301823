"""Inputs of the nodes that sample."""

import comfy.samplers
from comfy_api.latest import io


def model_input() -> io.Input:
    """The MODEL that denoises."""
    return io.Model.Input("model", tooltip="The model to denoise with. It is not changed.")


def conditioning_inputs() -> list[io.Input]:
    """Positive and negative."""
    return [
        io.Conditioning.Input(
            "positive", tooltip="From a Self-Guidance Prompt, so that objects can be found by name."
        ),
        io.Conditioning.Input("negative", tooltip="What to avoid. Any text encoder node."),
    ]


def cfg_input() -> io.Input:
    """Scale of classifier-free guidance."""
    return io.Float.Input(
        "cfg",
        default=4.0,
        min=0.0,
        max=100.0,
        step=0.1,
        round=0.01,
        tooltip="Classifier-free guidance scale.",
    )


def seed_input(tooltip: str) -> io.Input:
    """Seed of the noise."""
    return io.Int.Input(
        "seed",
        default=0,
        min=0,
        max=0xFFFFFFFFFFFFFFFF,
        control_after_generate=True,
        tooltip=tooltip,
    )


def scheduler_input() -> io.Input:
    """One of ComfyUI's schedulers."""
    return io.Combo.Input(
        "scheduler",
        options=comfy.samplers.KSampler.SCHEDULERS,
        default="normal",
        tooltip="Spacing of the noise levels.",
    )
