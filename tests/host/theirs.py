"""Call ComfyUI's own nodes, in the same way for both of its node APIs.

The API of a node, and its inputs, differ between versions of ComfyUI. Inputs that a test does not
name have their defaults.
"""

from importlib import import_module
from typing import Any

import pytest


def there(module: str, name: str) -> Any:
    """A class of ComfyUI; skips where this host has none."""
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError):
        pytest.skip(f"this ComfyUI has no {name}")


def ran(node: Any, **inputs: Any) -> tuple[Any, ...]:
    """The outputs of a node class of ComfyUI; inputs that are not given have their defaults."""
    inputs = _defaults(node) | inputs
    if hasattr(node, "execute"):
        result = node.execute(**inputs)
    else:
        result = getattr(node(), node.FUNCTION)(**inputs)
    # some nodes of the new API return a tuple, too
    outputs: tuple[Any, ...] = getattr(result, "args", result)
    return outputs


def _defaults(node: Any) -> dict[str, Any]:
    values = {}
    for name, (kind, *rest) in node.INPUT_TYPES()["required"].items():
        settings = rest[0] if rest else {}
        options = kind if isinstance(kind, list) else settings.get("options", [])
        if "default" in settings or options:
            values[name] = settings.get("default", options[0] if options else None)
    return values
