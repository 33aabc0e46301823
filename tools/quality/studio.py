"""Sample with the pack's own nodes and their defaults, outside a graph, and measure edits."""

import time
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import comfy.utils
import numpy as np
import torch

from ...demo.model import load
from ...guidance.record.record import Record
from ..host import pack
from ..shapes.measure import Found, background_colour, find_objects

NODES = {node.GET_SCHEMA().node_id: node for node in pack.NODES}


def call(node_id: str, **inputs: Any) -> Any:
    """Run a node in inference mode as ComfyUI does, with its defaults for what is not given.

    Returns:
        its output, or a tuple of them where it has several.
    """
    node = NODES[node_id]
    defaults = {
        i.id: i.default
        for i in node.define_schema().inputs
        if getattr(i, "default", None) is not None
    }
    with torch.inference_mode():
        outputs = node.execute(**{**defaults, **inputs}).args
    return outputs[0] if len(outputs) == 1 else outputs


@dataclass(frozen=True)
class Shot:
    """One sampled picture: latent [1, C, h, w], image [H, W, 3] in 0..1, record, CPU seconds."""

    latent: torch.Tensor
    image: np.ndarray
    record: Record
    seconds: float

    @cached_property
    def objects(self) -> list[Found]:
        """What stands in the picture, largest first."""
        return find_objects(self.image)


class Studio:
    """The Shapes model and a way to take pictures with it."""

    def __init__(self) -> None:
        comfy.utils.set_progress_bar_enabled(False)
        self.model, self.clip, self.vae = load()
        self.negative = self.encode("")

    def encode(self, text: str) -> list[Any]:
        """CONDITIONING of a prompt, with its token table."""
        return call("SelfGuidancePrompt", clip=self.clip, text=text)

    def shoot(
        self,
        prompt: str,
        seed: int,
        terms: tuple = (),
        width: int = 128,
        height: int = 128,
        **inputs: Any,
    ) -> Shot:
        """Sample one picture with the Self-Guidance KSampler; `inputs` override its defaults."""
        latent = {"samples": torch.zeros(1, 4, height // 8, width // 8)}
        start = time.process_time()
        out, record = call(
            "SelfGuidanceKSampler",
            model=self.model,
            seed=seed,
            negative=self.negative,
            latent_image=latent,
            terms=terms,
            **{"denoise": 1.0, "positive": self.encode(prompt), **inputs},
        )
        seconds = time.process_time() - start
        with torch.inference_mode():
            image = self.vae.decode(out["samples"])[0].clamp(0, 1).cpu().numpy()
        return Shot(out["samples"], image, record, seconds)


@dataclass(frozen=True)
class Outcome:
    """What became of one edit; distances are fractions of the side.

    Attributes:
        error: distance of the object from where it was asked to be; 1.0 where it is gone.
        area: area over the asked area.
        copies: objects of its colour in the picture.
        shape_right, colour_right: whether it is still what the prompt says.
        kept_iou: worst overlap of the other objects with themselves before, 1.0 without others.
        background: largest change of a channel of the mean background colour.
    """

    error: float
    area: float
    copies: int
    shape_right: bool
    colour_right: bool
    kept_iou: float
    background: float


def compare(
    before: Shot, after: Shot, thing: Found, x: float, y: float, factor: float = 1.0
) -> Outcome:
    """Measure an edit of `thing` of `before` that asked for a centre and an area factor."""
    same = [found for found in after.objects if found.colour == thing.colour]
    others = [found for found in before.objects if found is not thing]
    moved = same[0] if same else None
    near = moved or min(after.objects, key=lambda f: np.hypot(f.x - x, f.y - y), default=None)
    return Outcome(
        error=float(np.hypot(moved.x - x, moved.y - y)) if moved else 1.0,
        area=moved.area / (thing.area * factor) if moved else 0.0,
        copies=len(same),
        shape_right=near is not None and near.shape == thing.shape,
        colour_right=moved is not None,
        kept_iou=min((_best_iou(found, after.objects) for found in others), default=1.0),
        background=float(
            np.abs(background_colour(before.image) - background_colour(after.image)).max()
        ),
    )


def _best_iou(found: Found, candidates: list[Found]) -> float:
    same = [c.mask for c in candidates if c.colour == found.colour]
    return max(((found.mask & m).sum() / (found.mask | m).sum() for m in same), default=0.0)
