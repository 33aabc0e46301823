"""Guidance on a MODEL, for whatever samples it."""

from comfy.model_patcher import ModelPatcher
from comfy_api.latest import io

from .engine.attach import guided
from .ui.numbers import finite
from .ui.schema import NAMESAKES, schema
from .ui.settings import AUTO, NORMALISED, request_inputs, requested
from .ui.types import CATEGORY, Chain


class Apply(io.ComfyNode):
    """A MODEL that follows terms in every sampler."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return schema(
            node_id="SelfGuidanceApply",
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
                *request_inputs("the model as it is"),
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
        strength: float,
        weighting: str = NORMALISED,
        memory: str = AUTO,
        terms: Chain = (),
    ) -> io.NodeOutput:
        """Patch a clone."""
        return io.NodeOutput(guided(model, requested(terms, strength, weighting, memory)))
