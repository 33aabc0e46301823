"""Write the averaged weights in half precision to the files that `model.load` reads."""

import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file

from . import dataset, train_decoder, train_unet

VAE = "vae.safetensors"


def export(cache: Path, out: Path, start: Path | None = None) -> None:
    """Export the networks whose checkpoints are in the cache: unet and clip, vae.

    Args:
        cache: folder of the checkpoints.
        out: folder for the weights.
        start: folder of the weights that the training continued; its vae is copied.
    """
    out.mkdir(parents=True, exist_ok=True)
    unet, decoder = cache / train_unet.CHECKPOINT, cache / train_decoder.CHECKPOINT
    if unet.is_file():
        _export_unet(torch.load(unet, map_location="cpu"), out)
    if start:
        if start.resolve() != out.resolve():
            shutil.copy(start / VAE, out)
    elif decoder.is_file():
        _export_decoder(torch.load(decoder, map_location="cpu", weights_only=False), out)


def _export_unet(state: dict, out: Path) -> None:
    average = state["average"]
    step = str(state["step"])
    unet = {k.removeprefix("unet."): v.half() for k, v in average.items() if k.startswith("unet.")}
    save_file(unet, out / "unet.safetensors", {"prediction": "v", "step": step})
    text = {k.removeprefix("text."): v.half() for k, v in average.items() if k.startswith("text.")}
    clip = {f"text_model.{key}": value for key, value in text.items()}
    clip["token_rows"] = clip.pop("text_model.embeddings.token_embedding.weight")
    clip["token_ids"] = torch.tensor(dataset.token_ids())
    save_file(clip, out / "clip.safetensors", {"step": step})


def _export_decoder(state: dict, out: Path) -> None:
    # the encoder stays in single precision: it is small, and its rounding would change all latents
    vae = {k: v.half() for k, v in state["average"].items()}
    vae |= {k: v for k, v in state["model"].items() if k.startswith("encoder.")}
    contiguous = {key: value.contiguous() for key, value in vae.items()}
    save_file(contiguous, out / VAE, {"step": str(state["step"])})
