"""Schemas of nodes, on hosts with and without search aliases."""

from dataclasses import fields
from typing import Any

from comfy_api.latest import io

# Other methods have the same name. Nodes that could be confused with theirs say so, and are also
# found by purpose and paper.
METHOD = ["layout control", "spatial control", "diffusion self-guidance", "2306.00986"]
NAMESAKES = (
    " Controls what stands where and how it looks (arXiv 2306.00986); it is neither the guidance "
    "for quality of the same name (arXiv 2412.05827), nor SAG, nor PAG."
)


def schema(node_id: str, aliases: list[str], **more: Any) -> io.Schema:
    """The schema of a node, with search aliases if the host supports them.

    Args:
        node_id: saved in workflows, so it never changes.
        aliases: other names by which users search the node.
        more: the other fields of io.Schema.
    """
    if "search_aliases" in {field.name for field in fields(io.Schema)}:
        more["search_aliases"] = aliases
    return io.Schema(node_id=node_id, **more)
