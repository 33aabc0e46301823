"""What the pictures of the help pages share: scenes, and a list of who draws which."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch

from ..quality.studio import Shot, Studio, call

PROMPT, SEED = "a red circle and a blue square", 2
CIRCLE, SQUARE = "red circle", "blue square"

Panels = dict[str, Any]  # pictures [H, W, 3] or masks [H, W] in 0..1, by the words below them
DRAWN: dict[str, Callable[[], Panels]] = {}


def draws(*nodes: str) -> Callable[[Callable[[], Panels]], Callable[[], Panels]]:
    """Register a function as the one that draws the picture of these nodes."""

    def register(function: Callable[[], Panels]) -> Callable[[], Panels]:
        DRAWN.update({f"SelfGuidance{node}": function for node in nodes})
        return function

    return register


@cache
def studio() -> Studio:
    """The model, loaded once."""
    return Studio()


@cache
def before() -> Shot:
    """The picture that is edited."""
    return studio().shoot(PROMPT, SEED)


def term(node: str, **inputs: Any) -> tuple:
    """Terms of a term node."""
    made: tuple = call(f"SelfGuidance{node}", **inputs)
    return made


def heat(record: Any, **inputs: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Picture and mask of a record's attention."""
    picture, mask = call("SelfGuidanceAttentionPreview", record=record, **inputs)
    return picture[0], mask[0]


@cache
def photo(text: str, seed: int) -> tuple[torch.Tensor, Any]:
    """A rendered picture [1, H, W, 3] and its record."""
    picture = call("SelfGuidanceDemoPicture", text=text, seed=seed)
    with torch.inference_mode():
        latent = {"samples": studio().vae.encode(picture)}
    seen = {"positive": studio().encode(text), "latent_image": latent}
    return picture, call("SelfGuidanceRecordImage", model=studio().model, **seen)


@cache
def moved() -> tuple:
    """Terms that move the circle to the right."""
    return term("MoveObject", object=CIRCLE, dx=0.35, reference=before().record)


def after(terms: tuple, prompt: str = PROMPT, seed: int = SEED, **inputs: Any) -> np.ndarray:
    """The picture of a run with terms."""
    return studio().shoot(prompt, seed, terms, **inputs).image
