"""Runs a function on many arguments, in this process or on workers that each load models once."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from .measures import function

Job = tuple[Any, tuple[Any, ...]]  # a key, and the arguments


class LostError(Exception):
    """The workers that ran a job ended, each time that it was tried."""


class Runner(Protocol):
    """Runs functions, by their names as in `measures.function`."""

    def ask(self, name: str, *arguments: Any) -> Any:
        """The result of one call."""

    def each(self, name: str, jobs: Iterable[Job]) -> Iterator[tuple[Any, Any]]:
        """Key and result of each job, or a `LostError`, in the order in which they end.

        What a function raises is raised here; jobs that wait are not run.
        """

    @property
    def workers(self) -> int:
        """How many there are now."""


class Here:
    """Runs jobs one after the other in this process; nothing is needed for it."""

    workers = 1

    def ask(self, name: str, *arguments: Any) -> Any:
        """See `Runner`."""
        return function(name)(*arguments)

    def each(self, name: str, jobs: Iterable[Job]) -> Iterator[tuple[Any, Any]]:
        """See `Runner`."""
        run = function(name)
        for key, arguments in jobs:
            yield key, run(*arguments)


@contextmanager
def runner(workers: int = 1, scheduler: str = "") -> Iterator[Runner]:
    """A runner for as long as the block lasts.

    Args:
        workers: processes on this machine; with 1 it is this one.
        scheduler: address of a Dask scheduler, whose workers are used instead.

    Raises:
        ValueError: workers are asked for and the engine is not installed, or nothing answers at
            the address.
    """
    if workers == 1 and not scheduler:
        yield Here()
        return
    try:
        engine = importlib.import_module(".engine", __package__)
    except ImportError as error:
        raise ValueError(
            f"several workers need an engine ({error}); install it by "
            "`python -m pip install -r tools/sweep/requirements.txt`"
        ) from error
    with engine.connected(workers, scheduler) as made:
        yield made
