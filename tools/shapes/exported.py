"""Read exported weights, to continue a training from `demo/weights`."""

from pathlib import Path

import torch

from ...demo import model
from ...demo.architecture import LATENT_SCALE, cell_filters
from . import dataset
from .networks import Networks


def read(folder: Path, networks: Networks) -> int:
    """Load the weights that `export` wrote to a folder into the networks; returns their step.

    Raises:
        FileNotFoundError: the folder lacks a file.
        ValueError: the weights are not of v-prediction or do not fit the architecture.
    """
    model.check(folder)
    unet, metadata = model.read(folder, "unet")
    if metadata.get("prediction") != "v":
        raise ValueError(
            f"{folder / 'unet.safetensors'}: expected prediction v, got "
            f"{metadata.get('prediction')}; train from nothing instead"
        )
    clip, _ = model.read(folder, "clip")
    text = {key.removeprefix("text_model."): value for key, value in clip.items()}
    del text["token_ids"]  # the same as `dataset.token_ids`
    text["embeddings.token_embedding.weight"] = text.pop("token_rows")
    try:
        networks.unet.load_state_dict(unet)
        networks.text.load_state_dict(text)
    except RuntimeError as error:
        raise ValueError(
            f"{folder}: expected weights of this architecture; train from nothing instead ({error})"
        ) from error
    return int(metadata["step"])


def whitening(folder: Path) -> dict[str, torch.Tensor]:
    """The `mean` and `std` [4] that `ShapesAutoencoder.whiten` got, computed from the encoder."""
    vae, _ = model.read(folder, "vae")
    filters, weight = cell_filters(), vae["encoder.weight"].float()
    gain = (weight * filters).sum((1, 2, 3)) / filters.square().sum((1, 2, 3))
    return {"mean": -vae["encoder.bias"].float() / gain, "std": 1 / (gain * LATENT_SCALE)}


def check_whitening(folder: Path, cache: Path) -> None:
    """Raise a ValueError unless the cached data were encoded with the encoder of the folder."""
    ours = torch.load(cache / dataset.WHITENING)
    for name, expected in whitening(folder).items():
        if not torch.allclose(ours[name], expected, rtol=1e-3, atol=1e-5):
            raise ValueError(
                f"{cache}: expected scenes whitened with the {name} {expected.tolist()} of "
                f"{folder}, got {ours[name].tolist()}; render them again in another --cache"
            )
