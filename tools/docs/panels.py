"""Shared by the pictures of the help pages: runs of the Shapes model, and who draws which page."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch

from ..quality.studio import Shot, Studio, call

PROMPT, SEED = "a red circle and a blue square", 2
CIRCLE, SQUARE = "red circle", "blue square"

Panels = dict[str, Any]  # pictures [H, W, 3] or masks [H, W] in 0..1, by caption
DRAWN: dict[str, Callable[[], Panels]] = {}


def draws(*nodes: str) -> Callable[[Callable[[], Panels]], Callable[[], Panels]]:
    """Decorator: the function draws the panels of these nodes' help pages."""

    def register(function: Callable[[], Panels]) -> Callable[[], Panels]:
        DRAWN.update({f"SelfGuidance{node}": function for node in nodes})
        return function

    return register


@cache
def studio() -> Studio:
    """The Shapes model, loaded once."""
    return Studio()


@cache
def before() -> Shot:
    """The unguided picture that the examples edit."""
    return studio().shoot(PROMPT, SEED)


def term(node: str, **inputs: Any) -> tuple:
    """The terms that a term node returns."""
    made: tuple = call(f"SelfGuidance{node}", **inputs)
    return made


def heat(record: Any, **inputs: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Picture [H, W, 3] and mask [H, W] of a record's attention, from the preview node."""
    picture, mask = call("SelfGuidanceAttentionPreview", record=record, **inputs)
    return picture[0], mask[0]


@cache
def photo(text: str, seed: int) -> tuple[torch.Tensor, Any]:
    """A rendered picture [1, H, W, 3] of these objects, and its record."""
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
    """The picture [H, W, 3] of a guided run."""
    return studio().shoot(prompt, seed, terms, **inputs).image
