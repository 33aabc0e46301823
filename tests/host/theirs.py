"""ComfyUI's own nodes, called alike whichever of its two node APIs a host's version uses for them.

A node that is a class of the old API on one host can be one of the new API on the next, and new
inputs are added: what a test does not name has the value that the page would send.
"""

from typing import Any


def ran(node: Any, **inputs: Any) -> tuple[Any, ...]:
    """The outputs of a node class of ComfyUI; inputs that are not given have their defaults."""
    inputs = _defaults(node) | inputs
    if hasattr(node, "execute"):
        result = node.execute(**inputs)
    else:
        result = getattr(node(), node.FUNCTION)(**inputs)
    outputs: tuple[Any, ...] = getattr(result, "args", result)  # some new ones give a tuple, too
    return outputs


def _defaults(node: Any) -> dict[str, Any]:
    values = {}
    for name, (kind, *rest) in node.INPUT_TYPES()["required"].items():
        settings = rest[0] if rest else {}
        options = kind if isinstance(kind, list) else settings.get("options", [])
        if "default" in settings or options:
            values[name] = settings.get("default", options[0] if options else None)
    return values
