"""The inputs of nodes that guide: strength, weighting, memory and terms."""

from comfy_api.latest import io

from ...guidance.settings import MemoryMode, Settings
from .types import Chain, Terms, number

AUTO = MemoryMode.AUTO.value
NORMALISED, RAW = "normalised", "raw (paper)"


def settings_of(
    strength: float, weighting: str = NORMALISED, memory: str = AUTO, terms: Chain = ()
) -> Settings:
    """The settings of a run from the inputs of `settings_inputs`."""
    return Settings(tuple(terms), strength, weighting == RAW, MemoryMode(memory))


def settings_inputs(without: str) -> list[io.Input]:
    """Strength, weighting, memory and terms.

    Args:
        without: what the node does without terms, in the tooltip.
    """
    return [
        number(
            "strength",
            1.0,
            0.0,
            100000.0,
            "How strongly the terms steer. 1 is a good default for any model and prompt; "
            "0 does not steer at all.",
            step=0.05,
        ),
        io.Combo.Input(
            "weighting",
            options=[NORMALISED, RAW],
            default=NORMALISED,
            optional=True,
            tooltip="normalised: the same strength suits every model. raw: the paper's gradient, "
            "for single terms; try strengths from 100 to 1000.",
        ),
        io.Combo.Input(
            "memory",
            options=[mode.value for mode in MemoryMode],
            default=MemoryMode.AUTO.value,
            optional=True,
            tooltip="What a guided step holds. fast: everything, as long as it fits. save memory: "
            "about a fifth, at the cost of one more pass in each guided step. auto: fast, until "
            "memory is short; save memory for large transformers.",
        ),
        Terms.Input(
            "terms", optional=True, tooltip=f"What to steer towards. Without terms: {without}."
        ),
    ]
