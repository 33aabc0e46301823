"""Workers in processes of their own, here or on other machines, by Dask's `distributed`.

Dask was preferred to Ray for these reasons. Both start a process for each GPU, keep what a process
has loaded, and run what a dead one had in hand on another. With Dask jobs are tasks, which it
repeats by itself, and the model lies in the process; Ray's pool of actors gives up an actor's jobs
unless each call asks for repeats, and Dask's own actors lose theirs. Dask is 32 MB of Python that
runs on Windows as on Linux; Ray is 202 MB with servers of its own, and on Windows in beta.
Schedulers of clusters are reached through launchers of both.

Functions run by name, so that only workers need this checkout, and each may have it elsewhere.
"""

from __future__ import annotations

import importlib
import itertools
import logging
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dask
import distributed
from distributed.scheduler import KilledWorker

from ..host import threads
from .runner import Job, LostError

TOOLS = Path(__file__).resolve().parents[1]
PRELOAD = f"import sys; sys.path.insert(0, {str(TOOLS)!r}); import sweep.preload"
QUIET = {"DASK_LOGGING__DISTRIBUTED": "critical"}  # errors come back with the jobs
DEATHS = 3  # of workers, after which a job is given up
SETTINGS = {
    "distributed.scheduler.worker-saturation": 1.0,  # a job that waits is not lost with a worker
    "distributed.scheduler.allowed-failures": DEATHS - 1,
    "distributed.admin.large-graph-warning-threshold": "1GB",
    "distributed.deploy.lost-worker-timeout": "1h",  # for one that ended to be started again
    "distributed.nanny.pre-spawn-environ": QUIET,
}
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
TICK = 2.0  # seconds after which a wait looks for new workers


@contextmanager
def connected(workers: int, scheduler: str) -> Iterator[Dask]:
    """A runner on a scheduler's workers, or on new ones of this machine; see `runner.runner`."""
    with dask.config.set(SETTINGS):
        if scheduler:
            try:
                client = distributed.Client(scheduler)
            except (OSError, ValueError) as error:
                raise ValueError(
                    f"no Dask scheduler answers at {scheduler!r}: {error}; start one "
                    "and its workers, see docs/pipelines.md"
                ) from error
            with client:
                yield Dask(client)
        else:
            with _local(workers) as cluster, distributed.Client(cluster) as client:
                yield Dask(client)


def _local(workers: int) -> distributed.SpecCluster:
    """A cluster of this machine; a worker that ends is started again."""
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    devices = _devices()
    nodes = {
        number: {
            "cls": distributed.Nanny,
            "options": {
                "nthreads": 1,
                "memory_limit": 0,  # models are larger than a share of the memory
                "preload": [PRELOAD],
                "env": environment(number, workers, devices),
                "host": "127.0.0.1",
                "dashboard": False,
            },
        }
        for number in range(workers)
    }
    options = {"host": "127.0.0.1", "dashboard": False}
    scheduler = {"cls": distributed.Scheduler, "options": options}
    return distributed.SpecCluster(workers=nodes, scheduler=scheduler, silence_logs="CRITICAL")


def environment(number: int, workers: int, devices: list[str]) -> dict[str, str]:
    """Environment variables of a worker: a GPU, or a share of the cores.

    Args:
        number: of the worker, from 0.
        workers: how many there are.
        devices: ids of the GPUs.
    """
    share = os.environ.get("OMP_NUM_THREADS") or str(max((os.cpu_count() or 1) // workers, 1))
    made = {**dict.fromkeys(THREADS, share), **threads.settings()}
    if devices:
        made["CUDA_VISIBLE_DEVICES"] = devices[number % len(devices)]
    return made


def _devices() -> list[str]:
    """Ids of the GPUs, as CUDA_VISIBLE_DEVICES has them."""
    import torch

    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    count = 0 if os.environ.get("SELF_GUIDANCE_CPU") else torch.cuda.device_count()
    return named.split(",")[:count] if named else [str(number) for number in range(count)]


class Dask:
    """A `Runner` on the workers that a client sees; more may come and go."""

    def __init__(self, client: distributed.Client) -> None:
        self._client = client
        self._call = _caller()

    @property
    def workers(self) -> int:
        """How many there are now."""
        return len(self._client.nthreads())

    def ask(self, name: str, *arguments: Any) -> Any:
        """See `Runner`."""
        return self._submit(name, arguments).result()

    def each(self, name: str, jobs: Iterable[Job]) -> Iterator[tuple[Any, Any]]:
        """See `Runner`."""
        waiting = iter(jobs)
        running: dict[distributed.Future, Any] = {}
        try:
            while True:
                room = max(2 * self.workers, 4) - len(running)
                for key, arguments in itertools.islice(waiting, max(room, 0)):
                    running[self._submit(name, arguments)] = key
                if not running:
                    return
                for future in self._ended(list(running)):
                    key = running.pop(future)
                    yield key, _outcome(future)
                    future.release()
        finally:
            self._client.cancel(list(running), force=True)

    def _submit(self, name: str, arguments: tuple[Any, ...]) -> distributed.Future:
        return self._client.submit(self._call, name, arguments, pure=False)

    def _ended(self, futures: list[distributed.Future]) -> list[distributed.Future]:
        try:
            return list(distributed.wait(futures, TICK, "FIRST_COMPLETED").done)
        except (TimeoutError, distributed.TimeoutError):
            return []


def _outcome(future: distributed.Future) -> Any:
    try:
        return future.result()
    except KilledWorker as error:
        return LostError(
            f"the worker that ran it ended, in {DEATHS} tries: it may need more memory than there "
            f"is (the last was {error.last_worker.address})"
        )


def _caller() -> Callable[[str, tuple[Any, ...]], Any]:
    # a nested function travels by its code, and the scheduler then needs no checkout
    def call(name: str, arguments: tuple[Any, ...]) -> Any:
        finder = importlib.import_module("selfguidance.tools.sweep.measures")
        return finder.function(name)(*arguments)

    return call
