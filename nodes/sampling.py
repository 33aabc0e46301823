"""The nodes that follow terms: KSampler, Guider, and Apply for any other sampler."""

from typing import Any

import comfy.samplers
import nodes as comfy_nodes
import torch
from comfy.model_patcher import ModelPatcher
from comfy.samplers import CFGGuider
from comfy_api.latest import io

from ..guidance.record.record import Record
from .engine.attach import attached
from .engine.check import check_steps, seed_checked
from .engine.model import family_of
from .live.page import live
from .ui.numbers import finite
from .ui.sampling import (
    cfg_input,
    conditioning_inputs,
    model_input,
    scheduler_input,
    seed_input,
)
from .ui.schema import METHOD, NAMESAKES, schema
from .ui.settings import settings_inputs, settings_of
from .ui.types import CATEGORY, RecordIO, number


class KSampler(io.ComfyNode):
    """KSampler that follows terms and returns a record."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return schema(
            node_id="SelfGuidanceKSampler",
            aliases=[*METHOD, "guided sampler", "sample with terms", "edit picture"],
            display_name="Self-Guidance KSampler (layout)",
            category=CATEGORY,
            description="ComfyUI's KSampler, steered at every step by the terms, on your own "
            "model with its LoRAs and patches. Returns a record of what the model attended to. "
            "Without terms it is the plain KSampler." + NAMESAKES,
            inputs=_sampler_inputs(),
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
    @finite
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
        **inputs: Any,
    ) -> io.NodeOutput:
        """Sample."""
        check_steps(steps)
        records: list[Record] = []
        settings = settings_of(**inputs)
        with live(model) as watch, seed_checked(seed, sampler_name):
            (latent,) = comfy_nodes.common_ksampler(
                attached(model, settings, records.append, watch),
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
        # with denoise 0 there is no run
        record = records[-1] if records else Record(family_of(model).name, ())
        return io.NodeOutput(latent, record)


def _sampler_inputs() -> list[io.Input]:
    return [
        model_input(),
        seed_input("Random seed of the noise. Use the reference's seed to edit its picture."),
        io.Int.Input("steps", default=25, min=1, max=10000, tooltip="Number of denoising steps."),
        cfg_input(),
        io.Combo.Input(
            "sampler_name",
            options=comfy.samplers.KSampler.SAMPLERS,
            default="euler",
            tooltip="Any of ComfyUI's samplers.",
        ),
        scheduler_input(),
        *conditioning_inputs(),
        io.Latent.Input("latent_image", tooltip="The latent to denoise. Any size and batch."),
        number("denoise", 1.0, 0.0, 1.0, "1 draws a new picture; less keeps some of the latent."),
        *settings_inputs("a plain KSampler with a record"),
    ]


class Guider(io.ComfyNode):
    """A GUIDER that follows terms."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return schema(
            node_id="SelfGuidanceGuider",
            aliases=[*METHOD, "cfg guider", "guider with terms"],
            display_name="Self-Guidance Guider (layout)",
            category=CATEGORY,
            description="ComfyUI's CFGGuider, steered at every step by the terms, for "
            "SamplerCustomAdvanced with your own noise, sampler and sigmas. Gives no record; the "
            "Self-Guidance KSampler does." + NAMESAKES,
            inputs=[
                model_input(),
                *conditioning_inputs(),
                cfg_input(),
                *settings_inputs("a plain CFGGuider"),
            ],
            outputs=[io.Guider.Output(tooltip="Wire into SamplerCustomAdvanced.")],
        )

    @classmethod
    @finite
    def execute(
        cls,
        model: ModelPatcher,
        positive: list[Any],
        negative: list[Any],
        cfg: float,
        **inputs: Any,
    ) -> io.NodeOutput:
        """Make the guider."""
        guider = CFGGuider(attached(model, settings_of(**inputs)))
        guider.set_conds(positive, negative)
        guider.set_cfg(cfg)
        return io.NodeOutput(guider)


class Apply(io.ComfyNode):
    """A MODEL that follows terms in every sampler."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return schema(
            node_id="SelfGuidanceApply",
            aliases=[*METHOD, "patch model", "apply terms", "model patch"],
            display_name="Self-Guidance Apply (layout)",
            category=CATEGORY,
            description="The model, steered by the terms in whatever samples it: KSampler, "
            "KSampler (Advanced), custom samplers with any guider, detailers. Gives no record; "
            "the Self-Guidance KSampler does." + NAMESAKES,
            inputs=[
                io.Model.Input(
                    "model",
                    tooltip="The model to steer, which is not changed itself. Terms that it "
                    "follows already stay.",
                ),
                *settings_inputs("the model as it is"),
            ],
            outputs=[
                io.Model.Output(
                    tooltip="The model that follows the terms. Sample with a positive prompt from "
                    "a Self-Guidance Prompt."
                )
            ],
        )

    @classmethod
    @finite
    def execute(
        cls,
        model: ModelPatcher,
        **inputs: Any,
    ) -> io.NodeOutput:
        """Patch a clone."""
        return io.NodeOutput(attached(model, settings_of(**inputs)))
