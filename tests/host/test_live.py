"""What a watcher of a run sees while it samples."""

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import torch
from selfguidance.guidance.record import Step


def sampled(lab: ModuleType, watch: Any = None, seen: list[Any] | None = None) -> torch.Tensor:
    """A short guided run by the sampler node's own way."""
    import nodes as comfy_nodes
    from selfguidance.guidance.request import Request
    from selfguidance.nodes.patch import guided

    records: list[Any] = [] if seen is None else seen
    model = guided(lab.unet("shapes"), Request((lab.position(),)), records.append, watch)
    with torch.inference_mode():
        (latent,) = comfy_nodes.common_ksampler(
            model, 0, 3, 4.0, "euler", "normal", lab.embedded(), lab.empty(), lab.latent()
        )
    return latent["samples"]


def test_a_watcher_sees_each_step_as_it_is_made_and_changes_no_bit(lab: ModuleType) -> None:
    told: list[Any] = []
    steps: list[Step] = []

    def watch(guide: Any, sigmas: Sequence[float]) -> Callable[[Step], None]:
        told.append((guide, sigmas))
        return steps.append

    records: list[Any] = []
    watched = sampled(lab, watch, records)
    ((guide, sigmas),) = told
    assert [term.label for term, *_ in guide.terms] == ["position of red circle"]
    assert sigmas[-1] == 0 and len(sigmas) == 4
    assert tuple(steps) == records[0].steps and len(steps) == 3
    assert torch.equal(watched, sampled(lab))
