"""The inputs of nodes that guide: strength, weighting, memory, effort and terms."""

from comfy_api.latest import io

from ...guidance.pace import Effort
from ...guidance.settings import MemoryMode, Settings
from .types import Chain, Terms, number

AUTO = MemoryMode.AUTO.value
NORMALISED, RAW = "normalised", "raw (paper)"


def settings_of(
    strength: float,
    weighting: str = NORMALISED,
    memory: str = AUTO,
    terms: Chain = (),
    effort: str = Effort.AUTO.value,
) -> Settings:
    """The settings of a run from the inputs of `settings_inputs`."""
    return Settings(tuple(terms), strength, weighting == RAW, MemoryMode(memory), Effort(effort))


def settings_inputs(without: str) -> list[io.Input]:
    """Strength, weighting, memory, terms and effort.

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
        _choice(
            "weighting",
            [NORMALISED, RAW],
            "normalised: the same strength suits every model. raw: the paper's gradient, "
            "for single terms; try strengths from 100 to 1000.",
        ),
        _choice(
            "memory",
            [mode.value for mode in MemoryMode],
            "What a guided step holds. fast: everything, as long as it fits. save memory: "
            "about a fifth, at the cost of one more pass in each guided step. auto: fast, until "
            "memory is short; save memory for large transformers.",
        ),
        Terms.Input(
            "terms", optional=True, tooltip=f"What to steer towards. Without terms: {without}."
        ),
        _choice(
            "effort",
            [effort.value for effort in Effort],
            "How many gradients guided steps take. auto: one each, up to four where few "
            "steps remove much noise. every step: always one. thrifty: about half of them, where "
            "many steps say the same; somewhat less exact. Raw gradients are always one each.",
        ),
    ]


def _choice(name: str, values: list[str], tooltip: str) -> io.Input:
    """An optional input with one of some values, by default the first."""
    return io.Combo.Input(name, options=values, default=values[0], optional=True, tooltip=tooltip)
