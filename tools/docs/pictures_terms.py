"""Pictures for the help pages of terms, references and heads."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

import torch

from ...guidance.head import file as head_file
from ...guidance.head.head import Head
from ..quality.studio import call
from .panels import CIRCLE, PROMPT, SQUARE, Panels, after, before, draws, heat, photo, term

HELD = "a green star and a yellow heart"
PAIRS = "green star = red circle, yellow heart = blue square"


@draws("Position")
def _position() -> Panels:
    terms = term("Position", object=CIRCLE, x=0.25, y=0.7)
    terms = term("Position", object=SQUARE, x=0.75, y=0.3, terms=terms)
    return {"Without terms": before().image, "Both placed": after(terms)}


@draws("Size")
def _size() -> Panels:
    terms = {f"size {s}": term("Size", object=CIRCLE, size=s) for s in (0.04, 0.15)}
    return {name: after(t, seed=7) for name, t in {"Without terms": (), **terms}.items()}


@draws("Shape")
def _shape() -> Panels:
    terms = term("Shape", object="green star", reference=before().record, reference_object=CIRCLE)
    given = {"reference": before().record, "reference_object": SQUARE, "terms": terms}
    terms = term("Shape", object="yellow heart", **given)
    free = after((), HELD, 7)
    return {"Outlines from": before().image, "Without terms": free, "With": after(terms, HELD, 7)}


@draws("Appearance")
def _appearance() -> Panels:
    prompt, seed = "a circle and a blue square", 3
    picture, record = photo("a purple star and an orange heart", 16)
    given = {"reference": record, "reference_object": "orange heart", "end_percent": 0.5}
    terms = term("Appearance", object="circle", **given)
    free = after((), prompt, seed)
    return {
        "The heart's look": picture[0],
        "Without terms": free,
        "On the circle": after(terms, prompt, seed),
    }


@draws("Feature")
def _feature() -> Panels:
    prompt, seed = "a circle and a blue square", 3
    picture, record = photo("a purple star and an orange heart", 16)
    feature = call("SelfGuidanceFeature", record=record, object="orange heart")
    terms = term("Appearance", object="circle", feature=feature, end_percent=0.5)
    return {"The heart's look": picture[0], "On the circle": after(terms, prompt, seed)}


@draws("Mask")
def _mask() -> Panels:
    mask = torch.zeros(1, 128, 128)
    mask[:, 64:112, 16:64] = 1
    terms = term("Mask", object=SQUARE, mask=mask, mode="place", end_percent=0.7)
    free = after((), seed=1)
    return {"Without terms": free, "Mask": mask[0], "Placed": after(terms, seed=1)}


@draws("Box")
def _box() -> Panels:
    terms = term("Box", object=CIRCLE, x=0.06, y=0.12, width=0.38, height=0.38)
    terms = term("Box", object=SQUARE, x=0.5, y=0.5, width=0.4, height=0.4, terms=terms)
    return {"Without terms": after((), seed=6), "In their boxes": after(terms, seed=6)}


@draws("Presence")
def _presence() -> Panels:
    names = ("purple heart", "orange triangle", "yellow circle")
    prompt = "a purple heart, an orange triangle and a yellow circle"
    terms: tuple = ()
    for name in names:
        terms = term("Presence", object=name, terms=terms)
    return {"No yellow circle": after((), prompt, 44), "With Presence": after(terms, prompt, 44)}


@draws("Combine")
def _combine() -> Panels:
    circle = term("Position", object=CIRCLE, x=0.25, y=0.7)
    square = term("Position", object=SQUARE, x=0.75, y=0.3)
    both = call("SelfGuidanceCombine", terms_1=circle, terms_2=square)
    return {
        "First": after(circle),
        "Second": after(square),
        "Combined": after(both),
    }


@draws("Image")
def _image() -> Panels:
    given = {"reference": before().record, "objects": PAIRS}
    terms = term("Image", layout=1.0, appearance=0.0, **given)
    return {
        "Reference": before().image,
        "Without terms": after((), HELD, 7),
        "With its layout": after(terms, HELD, 7),
    }


@draws("RecordImage")
def _record_image() -> Panels:
    text = "a purple heart and an orange square"
    picture, record = photo(text, 5)
    seen = heat(record, object="purple heart", image=picture)[0]
    moved = term("MoveObject", object="purple heart", dx=0.35, dy=-0.22, reference=record)
    return {"A picture": picture[0], "What is seen": seen, "Edited": after(moved, text, 5)}


@draws("CopyObject")
def _copy() -> Panels:
    picture, record = photo("a yellow heart and a blue circle", 3)
    given = {"dx": 0.4, "dy": -0.35, "scale": 1.3, "reference": record}
    terms = term("CopyObject", object="yellow heart", **given)
    prompt = "a yellow heart and a green square"
    return {
        "Another picture": picture[0],
        "Without terms": after((), prompt, 2),
        "Copied": after(terms, prompt, 2),
    }


@draws("RemoveObject")
def _remove() -> Panels:
    picture, record = photo("a green star and a red square", 16)
    terms = term("RemoveObject", object="green star", reference=record)
    return {"Before": picture[0], "Without the star": after(terms, "a red square", 1)}


@cache
def _examples() -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor], Head]:
    """Two pictures, the masks of the red circle in them, and a head fitted on both."""
    shown = [photo(PROMPT, 3), photo("a red circle and a green heart", 34)]
    masks = [_red(picture) for picture, _ in shown]
    (_, record), (_, record_2) = shown
    given = {"record": record, "mask": masks[0], "record_2": record_2, "mask_2": masks[1]}
    head = call("SelfGuidanceFitHead", object=CIRCLE, **given)
    pictures = {f"Picture {i}": picture[0] for i, (picture, _) in enumerate(shown, 1)}
    return pictures, {f"Mask {i}": mask[0] for i, mask in enumerate(masks, 1)}, head


def _red(picture: torch.Tensor) -> torch.Tensor:
    """Mask [B, H, W] of the red pixels of a picture [B, H, W, 3]."""
    return ((picture[..., 0] > 0.5) & (picture[..., 1] < 0.4)).float()


def _placed(head: Head) -> Panels:
    mask = torch.zeros(1, 128, 128)
    mask[:, 16:60, 16:60] = 1
    given = {"mode": "place", "end_percent": 0.7, "head": head}
    terms = term("Mask", object=CIRCLE, mask=mask, **given)
    return {"Asked": mask[0], "Placed by the head": after(terms, seed=1)}


@draws("FitHead", "SaveHead")
def _fit() -> Panels:
    pictures, masks, _ = _examples()
    return {**pictures, **masks}


@draws("LoadHead")
def _load_head() -> Panels:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "head.safetensors"
        head_file.save(file, _examples()[2])
        head = head_file.load(file)
    return {"Without terms": after((), seed=1), **_placed(head)}
