"""The inputs by which a node asks a model to follow terms."""

from collections.abc import Sequence

from comfy_api.latest import io

from ..guidance.energies import Term
from ..guidance.request import Request
from .types import Terms, number

NORMALISED, RAW = "normalised", "raw (paper)"


def requested(terms: Sequence[Term], strength: float, weighting: str) -> Request:
    """What the inputs of `request_inputs` ask for."""
    return Request(tuple(terms), strength, raw=weighting == RAW)


def request_inputs(without: str) -> list[io.Input]:
    """Strength, weighting and terms.

    Args:
        without: what the node does without terms, for the tooltip.
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
            tooltip="normalised: the same strength suits every model. raw: the paper's gradient; "
            "try strengths near 7500.",
        ),
        Terms.Input(
            "terms", optional=True, tooltip=f"What to steer towards. Without terms: {without}."
        ),
    ]
