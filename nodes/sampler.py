"""The sampler node: ComfyUI's own KSampler on a guided clone of the model."""

from collections.abc import Sequence
from typing import Any

import comfy.samplers
import nodes as comfy_nodes
import torch
from comfy.model_patcher import ModelPatcher
from comfy_api.latest import io

from ..guidance.energies import Term
from ..guidance.guide import Guide
from .check import check_levels, check_run
from .patch import GuidedRun
from .types import CATEGORY, RecordIO, Terms, number

NORMALISED, RAW = "normalised", "raw (paper)"


class KSampler(io.ComfyNode):
    """KSampler that follows terms and returns a record."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return io.Schema(
            node_id="SelfGuidanceKSampler",
            display_name="Self-Guidance KSampler",
            category=CATEGORY,
            description="ComfyUI's KSampler, steered at every step by the terms, on your own "
            "model with its LoRAs and patches. Returns a record of what the model attended to. "
            "Without terms it is the plain KSampler.",
            inputs=_inputs(),
            outputs=[
                io.Latent.Output(tooltip="The denoised latent."),
                RecordIO.Output(
                    display_name="record",
                    tooltip="Attention maps, features and energies of this run, for previews and "
                    "as a reference.",
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        model: ModelPatcher,
        seed: int,
        steps: int,
        cfg: float,
        sampler_name: str,
        scheduler: str,
        positive: list[Any],
        negative: list[Any],
        latent_image: dict[str, torch.Tensor],
        denoise: float,
        strength: float,
        weighting: str = NORMALISED,
        terms: Sequence[Term] = (),
    ) -> io.NodeOutput:
        """Sample."""
        to_sigma = model.get_model_object("model_sampling").percent_to_sigma
        guide = Guide.over(terms, to_sigma, strength, raw=weighting == RAW)
        run = GuidedRun(model, guide)
        check_run(guide, run.family, positive, latent_image["samples"], steps)
        if guide.terms:
            check_levels(guide, _levels(model, steps, sampler_name, scheduler, denoise))
        (latent,) = comfy_nodes.common_ksampler(
            run.model,
            seed,
            steps,
            cfg,
            sampler_name,
            scheduler,
            positive,
            negative,
            latent_image,
            denoise=denoise,
        )
        return io.NodeOutput(latent, run.record)


def _levels(
    model: ModelPatcher, steps: int, sampler_name: str, scheduler: str, denoise: float
) -> list[float]:
    """Noise levels of the steps, as ComfyUI's sampler will have them."""
    sampler = comfy.samplers.KSampler(
        model, steps, model.load_device, sampler_name, scheduler, denoise
    )
    return sampler.sigmas.tolist()


def _inputs() -> list[io.Input]:
    return [*_sampling_inputs(), *_guidance_inputs()]


def _sampling_inputs() -> list[io.Input]:
    return [
        io.Model.Input("model", tooltip="The model to denoise with. It is not changed."),
        io.Int.Input(
            "seed",
            default=0,
            min=0,
            max=0xFFFFFFFFFFFFFFFF,
            control_after_generate=True,
            tooltip="Random seed of the noise. Use the reference's seed to edit its picture.",
        ),
        io.Int.Input("steps", default=25, min=1, max=10000, tooltip="Number of denoising steps."),
        io.Float.Input(
            "cfg",
            default=4.0,
            min=0.0,
            max=100.0,
            step=0.1,
            round=0.01,
            tooltip="Classifier-free guidance scale.",
        ),
        io.Combo.Input(
            "sampler_name",
            options=comfy.samplers.KSampler.SAMPLERS,
            default="euler",
            tooltip="Any of ComfyUI's samplers.",
        ),
        io.Combo.Input(
            "scheduler",
            options=comfy.samplers.KSampler.SCHEDULERS,
            default="normal",
            tooltip="Spacing of the noise levels.",
        ),
        io.Conditioning.Input(
            "positive", tooltip="From a Self-Guidance Prompt, so that objects can be found by name."
        ),
        io.Conditioning.Input("negative", tooltip="What to avoid. Any text encoder node."),
        io.Latent.Input("latent_image", tooltip="The latent to denoise. Any size and batch."),
        number("denoise", 1.0, 0.0, 1.0, "1 draws a new picture; less keeps some of the latent."),
    ]


def _guidance_inputs() -> list[io.Input]:
    return [
        number(
            "strength",
            1.0,
            0.0,
            100000.0,
            "How strongly the terms steer. 1 is a good default for any model and prompt; "
            "0 is a plain KSampler.",
            step=0.05,
        ),
        io.Combo.Input(
            "weighting",
            options=[NORMALISED, RAW],
            default=NORMALISED,
            optional=True,
            tooltip="normalised: the same strength suits every model. raw: the paper's gradient; "
            "try strengths near 7500.",
        ),
        Terms.Input(
            "terms",
            optional=True,
            tooltip="What to steer towards. Without terms: a plain KSampler with a record.",
        ),
    ]
