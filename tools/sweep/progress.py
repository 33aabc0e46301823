"""How far a sweep is, at which rate, and how long it will take."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

SLOW = 10.0  # seconds between lines where they cannot be overwritten


class Progress:
    """Prints a line after each cell on a terminal, else now and then.

    Args:
        total: number of cells.
        done: those that were done before.
        clock: gives the time in seconds.
    """

    def __init__(
        self, total: int, done: int = 0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._total, self._before, self._clock = total, done, clock
        self._done, self._failed, self._start, self._said = done, 0, clock(), clock()
        self._terminal = sys.stdout.isatty()

    def add(self, failed: bool, workers: int) -> None:
        """Count a cell."""
        self._done += 1
        self._failed += failed
        last = self._done == self._total
        if self._terminal:
            print(f"\r{self.line(workers)}\033[K", end="\n" if last else "", flush=True)
        elif last or self._clock() - self._said > SLOW:
            print(self.line(workers), flush=True)
            self._said = self._clock()

    def line(self, workers: int) -> str:
        """Such as `57/200 cells, 1 failed, 2 workers, 1.94 cells/s, 0:01:14 left`."""
        seconds = max(self._clock() - self._start, 1e-9)
        rate = (self._done - self._before) / seconds
        left = duration((self._total - self._done) / rate) if rate else "?"
        speed = f"{rate:.2f} cells/s" if rate >= 0.1 else f"{rate * 60:.2f} cells/min"
        failed = f", {self._failed} failed" if self._failed else ""
        many = f", {workers} workers" if workers != 1 else ""
        return f"{self._done}/{self._total} cells{failed}{many}, {speed}, {left} left"


def duration(seconds: float) -> str:
    """Hours, minutes and seconds."""
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"
