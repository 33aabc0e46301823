"""Exchange the forward of modules for a while."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn


@contextmanager
def exchanged(forwards: Iterable[tuple[nn.Module, Callable[..., Any]]]) -> Iterator[None]:
    """Within it, each module runs the forward beside it; a forward that was set before comes back.

    What another hand has set meanwhile stays.
    """
    before = []
    try:
        for module, forward in forwards:
            before.append((module, vars(module).get("forward"), forward))
            module.forward = forward
        yield
    finally:
        for module, earlier, ours in reversed(before):
            if vars(module).get("forward") is not ours:
                continue
            if earlier is None:
                del module.forward
            else:
                module.forward = earlier
