"""Replace the forward of modules temporarily."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn


@contextmanager
def exchanged(forwards: Iterable[tuple[nn.Module, Callable[..., Any]]]) -> Iterator[None]:
    """Context in which modules have other forwards; on exit the earlier ones are restored.

    A forward that other code has set meanwhile stays.
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
