"""Pictures for the help pages of nodes that sample, preview, save and edit."""

from __future__ import annotations

import tempfile
from pathlib import Path

import comfy.sample
import comfy.samplers
import nodes as comfy_nodes
import torch

from ...guidance.record import file as record_file
from ..quality.studio import call
from .panels import (
    CIRCLE,
    PROMPT,
    SEED,
    SQUARE,
    Panels,
    after,
    before,
    draws,
    heat,
    moved,
    photo,
    studio,
    term,
)

JOINED = "a red circle", "a blue square"


@draws("DemoModel")
def _model() -> Panels:
    prompts = ("a green star", "a red heart", "a purple triangle")
    return {prompt: studio().shoot(prompt, SEED).image for prompt in prompts}


@draws("DemoPicture")
def _picture() -> Panels:
    return {f"seed {seed}": photo(PROMPT, seed)[0][0] for seed in (0, 1, 2)}


@draws("Prompt")
def _prompt() -> Panels:
    return {"Where each word of the prompt was found": heat(before().record)[0]}


@draws("AddWords")
def _words() -> Panels:
    with torch.inference_mode():
        parts = [comfy_nodes.CLIPTextEncode().encode(studio().clip, t)[0] for t in JOINED]
        joined = comfy_nodes.ConditioningConcat().concat(*parts)[0]
    text = " BREAK ".join(JOINED)
    known = call("SelfGuidanceAddWords", conditioning=joined, clip=studio().clip, text=text)
    shot = studio().shoot(PROMPT, 7, positive=known)
    seen = torch.from_numpy(shot.image)[None]
    maps = {name: heat(shot.record, object=name, image=seen)[0] for name in (CIRCLE, SQUARE)}
    return {"Two joined texts": shot.image, **maps}


@draws("KSampler")
def _sampler() -> Panels:
    seen = torch.from_numpy(before().image)[None]
    record = heat(before().record, object=CIRCLE, image=seen)[0]
    return {"Without terms": before().image, "Its record": record, "With terms": after(moved())}


def _latent() -> dict[str, torch.Tensor]:
    return {"samples": torch.zeros(1, 4, 16, 16)}


def _decoded(samples: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        picture: torch.Tensor = studio().vae.decode(samples)[0]
    return picture


@draws("Guider")
def _guider() -> Panels:
    model, positive = studio().model, studio().encode(PROMPT)
    pair = {"positive": positive, "negative": studio().negative}
    guider = call("SelfGuidanceGuider", model=model, terms=moved(), **pair)
    sampling = model.get_model_object("model_sampling")
    sigmas = comfy.samplers.calculate_sigmas(sampling, "normal", 25)
    latent = _latent()["samples"]
    noise = comfy.sample.prepare_noise(latent, SEED)
    euler = comfy.samplers.sampler_object("euler")
    with torch.inference_mode():
        out = guider.sample(noise, latent, euler, sigmas, seed=SEED)
    return {"CFGGuider": before().image, "Guider with terms": _decoded(out)}


@draws("Apply")
def _apply() -> Panels:
    model = call("SelfGuidanceApply", model=studio().model, terms=moved())
    pair = (studio().encode(PROMPT), studio().negative)
    with torch.inference_mode():
        (out,) = comfy_nodes.common_ksampler(
            model, SEED, 25, 4.0, "euler", "normal", *pair, _latent()
        )
    return {"KSampler": before().image, "KSampler, model with terms": _decoded(out["samples"])}


@draws("MoveObject")
def _move() -> Panels:
    return {"Before": before().image, "dx 0.35": after(moved())}


@draws("ResizeObject")
def _resize() -> Panels:
    reference = {"object": SQUARE, "reference": before().record}
    sizes = {f"scale {s}": term("ResizeObject", scale=s, **reference) for s in (0.5, 1.8)}
    shots = {name: after(terms) for name, terms in sizes.items()}
    return {"Before": before().image, **shots}


@draws("EnergyPlot")
def _plot() -> Panels:
    record = studio().shoot(PROMPT, SEED, moved()).record
    plot = call("SelfGuidanceEnergyPlot", record=record)[0]
    return {"Energies while the circle moves": plot}


@draws("AttentionPreview")
def _preview() -> Panels:
    seen = torch.from_numpy(before().image)[None]
    picture, mask = heat(before().record, object=CIRCLE, image=seen)
    early = heat(before().record, object=CIRCLE, step=2)[0]
    return {"Step 2": early, "Mean, over the picture": picture, "As a mask": mask}


@draws("SaveRecord")
def _saved() -> Panels:
    return {"A run": before().image, "What its record keeps": heat(before().record)[0]}


@draws("LoadRecord")
def _loaded() -> Panels:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "record.safetensors"
        record_file.save(file, before().record)
        record = record_file.load(file)
    terms = term("MoveObject", object=CIRCLE, dx=0.35, reference=record)
    return {"The run": before().image, "Edited by the file": after(terms)}
