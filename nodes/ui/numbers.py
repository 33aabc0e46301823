"""Check of inputs for NaN and infinite numbers: the page cannot send them, other clients can."""

import math
from collections.abc import Callable
from functools import wraps
from typing import Any

from comfy_api.latest import io


def finite(execute: Callable[..., io.NodeOutput]) -> Callable[..., io.NodeOutput]:
    """Decorator for the execute of a node: a ValueError for an input that is NaN or infinite.

    ComfyUI compares inputs with their range, which NaN passes, and does not compare those that come
    on a wire.
    """
    names = execute.__code__.co_varnames[1 : execute.__code__.co_argcount]

    @wraps(execute)
    def checked(cls: type[io.ComfyNode], *args: Any, **inputs: Any) -> io.NodeOutput:
        for name, value in (*zip(names, args, strict=False), *inputs.items()):
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError(
                    f"{name} must be a finite number, got {value}; check the node or the request "
                    "that sends it"
                )
        return execute(cls, *args, **inputs)

    return checked
