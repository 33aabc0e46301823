"""Combine chains of terms."""

from comfy_api.latest import io

from .ui.numbers import finite
from .ui.schema import schema
from .ui.types import CATEGORY, Chain, Terms, number, terms_output

# Not all supported hosts have a public input that grows with its wires, so there is a fixed number.
NAMES = tuple(f"terms_{i}" for i in range(1, 9))


class Combine(io.ComfyNode):
    """Several chains of terms as one, with a common weight and name."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return schema(
            node_id="SelfGuidanceCombine",
            aliases=["merge terms", "add terms", "group terms"],
            display_name="Self-Guidance Combine",
            category=CATEGORY,
            description="Puts terms of several nodes together, the same as chaining the nodes "
            "through `terms`, with one weight and one name for all of them. For more than eight, "
            "wire one Combine into the next.",
            inputs=[
                number(
                    "weight",
                    1.0,
                    0.0,
                    1000.0,
                    "Factor of the weights of all terms wired here. 0 switches them off.",
                    step=0.05,
                ),
                io.String.Input(
                    "name",
                    default="",
                    tooltip="Stands before the names of these terms in the energy plot, to tell "
                    "sources apart. May be empty.",
                ),
                *[
                    Terms.Input(name, optional=True, tooltip="Terms of a node or of a chain.")
                    for name in NAMES
                ],
            ],
            outputs=[terms_output()],
        )

    @classmethod
    @finite
    def execute(cls, weight: float, name: str, **wired: Chain) -> io.NodeOutput:
        """Add up all that is wired."""
        if not wired:
            raise ValueError(
                "terms_1 is missing: Combine has nothing to put together; wire the terms of at "
                "least one node, or remove Combine"
            )
        terms = [term for key in NAMES for term in wired.get(key, ())] if weight != 0 else []
        return io.NodeOutput(tuple(term.combined(weight, name.strip()) for term in terms))
