"""Guided steps of UNets as wide as real ones, with random weights; by hand, for they need 8 GB.

SELF_GUIDANCE_WIDE=1 runs them; with `-rP` pytest shows the memory and times that README states.
"""

import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest
import torch

pytestmark = pytest.mark.skipif(
    not os.environ.get("SELF_GUIDANCE_WIDE"),
    reason="takes minutes and 8 GB of memory: set SELF_GUIDANCE_WIDE=1 to run it",
)
SIDES = {"sd15": 64, "sd2-v": 64, "sdxl": 32}


@dataclass(frozen=True)
class Wide:
    """A MODEL of real width, its weights in bfloat16, and inputs for one step of it."""

    family: str
    model: Any
    inputs: dict[str, Any]


@pytest.fixture(scope="module", params=SIDES)
def wide(lab: ModuleType, request: pytest.FixtureRequest) -> Wide:
    from selfguidance.tools.bench.unets import BUILDS

    name, half = request.param, torch.bfloat16
    with torch.inference_mode():
        model = lab.unet(name, dtype=half, cast=torch.float32, narrow=False)
    channels = BUILDS[name].real["context_dim"]
    conds = {"positive": lab.embedded(channels=channels), "negative": lab.empty(channels=channels)}
    inputs = {**conds, "steps": 1, "latent_image": lab.latent(1, SIDES[name], SIDES[name])}
    return Wide(name, model, inputs)


@contextmanager
def measured(name: str) -> Iterator[None]:
    """Tells seconds of CPU time, and the most memory that the process ever held."""
    begin = time.process_time()
    yield
    seconds = time.process_time() - begin
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{name}: {seconds:.1f} s of CPU time, at most {held:.1f} GiB")


def test_a_guided_step_of_real_width(lab: ModuleType, wide: Wide) -> None:
    parameters = sum(p.numel() for p in wide.model.model.diffusion_model.parameters())
    print(f"{wide.family}: {parameters / 1e6:.0f} million weights, latent {SIDES[wide.family]}")
    with measured("plain step"):
        plain = lab.plain(wide.model, **wide.inputs)
    with measured("guided step"):
        guided, record = lab.guided(wide.model, [lab.position()], memory="fast", **wide.inputs)
    assert torch.isfinite(guided).all() and not torch.equal(guided, plain)
    (step,) = record.steps
    assert step.guided and record.family == wide.family.partition("-")[0]
    with measured("with memory 'save memory'"):
        again, _ = lab.guided(wide.model, [lab.position()], memory="save memory", **wide.inputs)
    torch.testing.assert_close(again, guided, rtol=1e-3, atol=1e-3)
    assert torch.equal(lab.guided(wide.model, [lab.position()], 0.0, **wide.inputs)[0], plain)


def test_the_gradient_of_real_width_is_what_the_energy_changes_by(
    lab: ModuleType, wide: Wide
) -> None:
    from selfguidance.tests.host.slopes import check_slope

    conds = {name: wide.inputs[name] for name in ("positive", "negative")}
    with measured("slope"):
        gradient = check_slope(wide.model, shape=(1, 4, 32, 32), step=0.01, **conds)
    assert torch.isfinite(gradient).all() and gradient.abs().max() > 0
