"""One way to describe a node, on hosts that know search aliases and on those that do not."""

from dataclasses import fields
from typing import Any

from comfy_api.latest import io

# The method shares its name with others: the nodes that one could mistake for those say so, and
# are found by what they do and by the paper.
METHOD = ["layout control", "spatial control", "diffusion self-guidance", "2306.00986"]
NAMESAKES = (
    " Controls what stands where and how it looks (arXiv 2306.00986); it is neither the guidance "
    "for quality of the same name (arXiv 2412.05827), nor SAG, nor PAG."
)


def schema(node_id: str, aliases: list[str], **more: Any) -> io.Schema:
    """The schema of a node, with its search aliases where the host has a place for them.

    Args:
        node_id: never changes, workflows hold it.
        aliases: what else people call the node.
        more: the other fields of io.Schema.
    """
    if "search_aliases" in {field.name for field in fields(io.Schema)}:
        more["search_aliases"] = aliases
    return io.Schema(node_id=node_id, **more)
