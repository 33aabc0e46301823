"""How torch's threads wait, so that a run keeps its pace beside other work.

By default OpenMP's threads spin while they wait for each other. On cores that other work has, those
that spin keep the one that they wait for from running: with two threads on two busy cores a run
took three times as long and six times the CPU time as with threads that sleep. Libraries read the
environment when they are loaded, so it belongs into that of the process that will import torch.
"""

from __future__ import annotations

import os
from collections.abc import Mapping


def settings(given: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Variables for the environment of a process; what is `given` already stays."""
    return {"OMP_WAIT_POLICY": given.get("OMP_WAIT_POLICY", "PASSIVE")}
