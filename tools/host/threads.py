"""Let torch's threads sleep while they wait, so that runs stay fast on a busy machine.

By default OpenMP threads wait by spinning. If other processes use the same cores, a spinning thread
can take the core that the thread it waits for needs: with two threads on two busy cores a run took
three times as long and six times the CPU time as with sleeping threads. OpenMP reads its
environment variables when it is loaded, so they must be set before torch is imported.
"""

from __future__ import annotations

import os
from collections.abc import Mapping


def settings(given: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Environment variables for a process that imports torch; a value in `given` is kept."""
    return {"OMP_WAIT_POLICY": given.get("OMP_WAIT_POLICY", "PASSIVE")}
