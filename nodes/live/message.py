"""Messages to ComfyUI's page about a run: small, as several are sent each second.

They describe the first picture of a batch, as ComfyUI's own previews do.
"""

import base64
from collections import defaultdict
from collections.abc import Sequence
from io import BytesIO
from typing import Any

import latent_preview
import torch
from comfy.model_patcher import ModelPatcher
from torch import Tensor

from ...guidance.maps.properties import Properties, resample
from ...guidance.plan import Plan
from ...guidance.record.atlas import small_grid, thinned
from ...guidance.record.record import Step
from ..ui.pictures import to_unit_range

OBJECTS = 16  # at most, whose maps are sent
POINTS = 200  # of the energy curve, at most
DIGITS = 5


class RunMessages:
    """Collects the energies of one run, and makes messages about its steps.

    Args:
        model: that samples; its latent format gives the preview.
        plan: that of the run.
        sigmas: noise levels of the run, the final 0 included.
    """

    def __init__(self, model: ModelPatcher, plan: Plan, sigmas: Sequence[float]) -> None:
        self._plan = plan
        self._sigmas = [sigma for sigma in sigmas if sigma > 0]
        self._previewer = _previewer(model)
        self._curve: list[dict[str, Any]] = []

    def add(self, step: Step) -> None:
        """Add a step's energies to the curve."""
        sigma = step.properties.sigma
        active = self._plan.at(sigma).energies
        energies: dict[str, float] = defaultdict(float)
        for name, values in step.energies.items():
            if name in active:
                term = active[name]
                energies[term.object] += term.weight * values[0]
        point = {"sigma": _short(sigma), "step": self._number(sigma)}
        self._curve.append({**point, "energies": {n: _short(v) for n, v in energies.items()}})

    def message(self, step: Step) -> dict[str, Any]:
        """A message about a step, of JSON values; maps are base64 of bytes, row by row."""
        properties = step.properties
        return {
            "step": self._number(properties.sigma),
            "steps": len(self._sigmas),
            "sigma": _short(properties.sigma),
            "guided": step.guided,
            "objects": _objects(self._plan, properties),
            "curve": thinned(self._curve, POINTS),
            "picture": self._picture(properties.denoised),
        }

    def _number(self, sigma: float) -> int:
        """Number, from 1, of the last step of the schedule at or above a noise level."""
        return max(1, sum(level >= sigma * (1 - 1e-4) for level in self._sigmas))

    def _picture(self, denoised: Tensor | None) -> str:
        if self._previewer is None or denoised is None:
            return ""
        buffer = BytesIO()
        picture = self._previewer.decode_latent_to_preview(denoised[:1].float())
        picture.save(buffer, "JPEG", quality=85)
        return "data:image/jpeg;base64," + _text(buffer.getvalue())


def object_map(properties: Properties, name: str) -> Tensor:
    """Mean over the sites of the first picture's map of an object, [H, W] in [0, 1]."""
    maps = [m[:1].float() for m in properties.map(name)]
    size = small_grid(maps)
    return torch.stack([resample(to_unit_range(m)[:, None], *size)[0, 0] for m in maps]).mean(0)


def _objects(plan: Plan, properties: Properties) -> list[dict[str, Any]]:
    """Map, centroid and target of the objects of the prompt, then of other phrases of terms."""
    phrases = [phrase for scheduled in plan.terms for phrase in scheduled.term.phrases]
    goals = plan.goals(properties)
    entries = []
    names = dict.fromkeys([*properties.table.objects, *phrases])
    # of conditionings with timestep ranges not all phrases are in every step
    for name in [name for name in names if properties.table.has(name)][:OBJECTS]:
        picture = object_map(properties, name)
        middle = properties.centroid(name)[0].float().mean(0)
        goal = goals.get(name)
        cells = (to_unit_range(picture[None])[0] * 255).round().byte()
        entries.append(
            {
                "name": name,
                "size": [picture.shape[1], picture.shape[0]],
                "map": _text(cells.numpy().tobytes()),
                "centroid": [_short(v) for v in middle.tolist()],
                "target": None if goal is None else [_short(v) for v in goal[0].tolist()],
            }
        )
    return entries


def _previewer(model: ModelPatcher) -> Any:
    """ComfyUI's preview of latents; None if it has none for this latent format."""
    layout = model.model.latent_format
    if layout.latent_rgb_factors is None:
        return None
    return latent_preview.Latent2RGBPreviewer(
        layout.latent_rgb_factors, layout.latent_rgb_factors_bias
    )


def _short(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
