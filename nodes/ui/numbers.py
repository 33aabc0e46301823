"""Numbers that are none: a page cannot send them, but a request or another node can."""

import math
from collections.abc import Callable
from functools import wraps
from typing import Any

from comfy_api.latest import io


def finite(execute: Callable[..., io.NodeOutput]) -> Callable[..., io.NodeOutput]:
    """The execute of a node, which first refuses numbers that are NaN or infinite, by their names.

    ComfyUI compares an input with its range, and NaN is neither above nor below; an input that
    comes on a wire is not compared at all.
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
