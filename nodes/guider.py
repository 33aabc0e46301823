"""ComfyUI's classifier-free guider on a guided MODEL, for custom samplers."""

from typing import Any

from comfy.model_patcher import ModelPatcher
from comfy.samplers import CFGGuider
from comfy_api.latest import io

from .engine.attach import guided
from .ui.numbers import finite
from .ui.schema import NAMESAKES, schema
from .ui.settings import AUTO, NORMALISED, request_inputs, requested
from .ui.types import CATEGORY, Chain


class Guider(io.ComfyNode):
    """A GUIDER that follows terms."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return schema(
            node_id="SelfGuidanceGuider",
            display_name="Self-Guidance Guider (layout)",
            category=CATEGORY,
            description="ComfyUI's CFGGuider, steered at every step by the terms, for "
            "SamplerCustomAdvanced with your own noise, sampler and sigmas. Gives no record; the "
            "Self-Guidance KSampler does." + NAMESAKES,
            inputs=_inputs(),
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
        strength: float,
        weighting: str = NORMALISED,
        memory: str = AUTO,
        terms: Chain = (),
    ) -> io.NodeOutput:
        """Make the guider."""
        guider = CFGGuider(guided(model, requested(terms, strength, weighting, memory)))
        guider.set_conds(positive, negative)
        guider.set_cfg(cfg)
        return io.NodeOutput(guider)


def _inputs() -> list[io.Input]:
    return [
        io.Model.Input("model", tooltip="The model to denoise with. It is not changed."),
        io.Conditioning.Input(
            "positive", tooltip="From a Self-Guidance Prompt, so that objects can be found by name."
        ),
        io.Conditioning.Input("negative", tooltip="What to avoid. Any text encoder node."),
        io.Float.Input(
            "cfg",
            default=4.0,
            min=0.0,
            max=100.0,
            step=0.1,
            round=0.01,
            tooltip="Classifier-free guidance scale.",
        ),
        *request_inputs("a plain CFGGuider"),
    ]
