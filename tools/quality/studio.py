"""Run the pack's nodes without a graph, with the defaults of their inputs, and measure edits."""

import time
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import comfy.utils
import numpy as np
import torch

from ...demo.model import NETWORKS, load
from ...guidance.record.record import Record
from ..host import pack
from ..shapes.measure import Found, background_colour, find_objects

NODES = {node.GET_SCHEMA().node_id: node for node in pack.NODES}


def call(node_id: str, **inputs: Any) -> Any:
    """Run a node in inference mode, as ComfyUI does; omitted inputs get their defaults.

    Returns:
        the output, or the tuple of outputs if there are several.
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
        """The objects that are visible in the picture, largest first."""
        return find_objects(self.image)


class Studio:
    """Samples pictures with the Shapes model.

    Args:
        network: form of the diffusion model, one of `demo.model.NETWORKS`.
        inputs: of every KSampler, in place of the node's defaults and the network's own cfg.
    """

    def __init__(self, network: str = "unet", **inputs: Any) -> None:
        comfy.utils.set_progress_bar_enabled(False)
        self.model, self.clip, self.vae = load(network=network)
        self._inputs = {"cfg": NETWORKS[network].cfg, **inputs}
        self.negative = self.encode("")

    def encode(self, text: str) -> list[Any]:
        """The CONDITIONING of a prompt, with its token table."""
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
        """Sample one picture with the Self-Guidance KSampler.

        Args:
            prompt: the positive prompt.
            seed: of the noise.
            terms: as a term node returns them.
            width, height: of the picture in pixels.
            inputs: other inputs of the node, in place of their defaults.
        """
        latent = {"samples": torch.zeros(1, 4, height // 8, width // 8)}
        start = time.process_time()
        out, record = call(
            "SelfGuidanceKSampler",
            model=self.model,
            seed=seed,
            negative=self.negative,
            latent_image=latent,
            terms=terms,
            **{"denoise": 1.0, "positive": self.encode(prompt), **self._inputs, **inputs},
        )
        seconds = time.process_time() - start
        with torch.inference_mode():
            image = self.vae.decode(out["samples"])[0].clamp(0, 1).cpu().numpy()
        return Shot(out["samples"], image, record, seconds)


@dataclass(frozen=True)
class Outcome:
    """Measurements of one edit; distances are fractions of the side.

    Attributes:
        error: distance of the object from its target; 1.0 if the object is missing.
        area: area of the object over the target area.
        copies: number of objects of its colour.
        shape_right, colour_right: whether its shape and colour are those of the prompt.
        kept_iou: least intersection over union of another object with itself before the edit; 1.0
            if there is no other.
        background: largest change of a channel of the mean background colour, in 0..1.
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
    """Measure an edit of `thing` in `before` to the centre (x, y) and `factor` times its area."""
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
