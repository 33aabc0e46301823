"""Socket types of the pack, and the inputs that nodes share."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from comfy_api.latest import io

from ...guidance.terms.window import Window
from ...guidance.terms.wish import Wish

Terms = io.Custom("SELF_GUIDANCE_TERMS")
RecordIO = io.Custom("SELF_GUIDANCE_RECORD")
FeatureIO = io.Custom("SELF_GUIDANCE_FEATURE")
HeadIO = io.Custom("SELF_GUIDANCE_HEAD")
BoxesIO = io.Custom("BOUNDING_BOX")  # by name, so that hosts without it have the same inputs

CATEGORY = "self-guidance"
TERMS = f"{CATEGORY}/terms"
Chain = Sequence[Wish]  # the value of a Terms socket


def number(
    name: str,
    default: float,
    low: float,
    high: float,
    tooltip: str,
    step: float = 0.01,
    **more: bool,
) -> io.Input:
    """A FLOAT widget from low to high."""
    return io.Float.Input(
        name, default=default, min=low, max=high, step=step, tooltip=tooltip, **more
    )


def object_input(
    tooltip: str = "The object, in the words of the prompt, such as 'red circle'.",
) -> io.Input:
    """Input for the phrase of an object."""
    return io.String.Input("object", default="red circle", tooltip=tooltip)


def reference_input(optional: bool = False) -> io.Input:
    """Input for the record that a term compares with."""
    text = (
        "Record to compare with: usually of the unguided run with the same seed, from a "
        "Self-Guidance KSampler; or from Record Image or Load Record."
    )
    if optional:
        text += " An absolute target needs none."
    return RecordIO.Input("reference", optional=optional, tooltip=text)


def reference_object_input() -> io.Input:
    """Input for the phrase of the object in the reference."""
    return io.String.Input(
        "reference_object",
        default="",
        optional=True,
        tooltip="The object of the reference that is the model for this one. Empty: the object of "
        "the same name.",
    )


WEIGHS_IN_RECIPE = "How much this counts against the terms of other nodes. 0 switches it off."


def term_inputs(
    weight: float = 1.0,
    end: float = 1.0,
    weighs: str = "How much this term counts against the other terms. Where all are below 1, they "
    "also steer less. 0 switches it off.",
) -> list[io.Input]:
    """Inputs for weight, window and chain, which every term node has, see `TermValues`."""
    return [
        number(
            "weight",
            weight,
            0.0,
            1000.0,
            weighs,
            step=0.05,
        ),
        number(
            "start_percent",
            0.0,
            0.0,
            1.0,
            "When the term starts, as a fraction of the noise schedule: 0 = pure noise.",
        ),
        number(
            "end_percent",
            end,
            0.0,
            1.0,
            "When the term ends, as a fraction of the noise schedule: 1 = clean picture.",
        ),
        Terms.Input(
            "terms", optional=True, tooltip="Terms of other nodes, to which this one is added."
        ),
    ]


@dataclass(frozen=True)
class TermValues:
    """The values of the inputs of `term_inputs`."""

    weight: float
    start_percent: float
    end_percent: float
    terms: Chain = ()

    @property
    def window(self) -> Window:
        """When the term acts."""
        return Window(self.start_percent, self.end_percent)

    @property
    def own(self) -> dict[str, Any]:
        """Weight and window, as keyword arguments of terms."""
        return {"weight": self.weight, "window": self.window}

    def chained(self, *added: Wish, **more: Any) -> io.NodeOutput:
        """Output of a node: the chain with its own terms at the end; `more` as in NodeOutput."""
        return io.NodeOutput((*self.terms, *added), **more)


def terms_output() -> io.Output:
    """Output for the chain with this node's terms at its end."""
    return Terms.Output(
        display_name="terms",
        tooltip="Wire into a Self-Guidance KSampler, Guider or Apply, or into the next term.",
    )
