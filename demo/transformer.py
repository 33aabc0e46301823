"""The transformer form of the Shapes model: ComfyUI's own NextDiT class in a small configuration.

It shares text encoder and VAE with the UNet form. One latent position is one token, so a picture
of 128 x 128 pixels has 256 of them; text and picture attend to each other in every layer.
"""

import copy
import inspect
import json
from pathlib import Path
from typing import Any

import comfy.ldm.lumina.model
import comfy.model_base
import comfy.model_management
import comfy.supported_models
import torch
from comfy.model_patcher import ModelPatcher
from safetensors import safe_open

from .architecture import ShapesLatent

FILE = "transformer.safetensors"
SHIFT = 3.0
MULTIPLIER = 1000.0  # the network's time is this many times the noise level, which is 0..1
UNUSED = "norm_final.weight"  # some versions of the class have it; its forward never reads it
_CONFIG: dict[str, Any] = {
    "patch_size": 1,
    "in_channels": 4,
    "dim": 192,
    "n_layers": 6,
    "n_refiner_layers": 1,
    "n_heads": 3,
    "n_kv_heads": 3,
    "multiple_of": 64,
    "ffn_dim_multiplier": 2.0,
    "norm_eps": 1e-5,
    "qk_norm": True,
    "cap_feat_dim": 96,
    "axes_dims": [16, 24, 24],
    "axes_lens": [300, 512, 512],
}


def config() -> dict[str, Any]:
    """A fresh copy of the configuration, as the keyword arguments of `NextDiT`."""
    return copy.deepcopy(_CONFIG)


def supported() -> bool:
    """Whether this ComfyUI has the class as the weights need it; 0.3.64 makes wider layers."""
    arguments = inspect.signature(comfy.ldm.lumina.model.NextDiT).parameters
    return arguments["ffn_dim_multiplier"].default is not None


def build(arguments: dict[str, Any], shift: float = SHIFT) -> comfy.model_base.Lumina2:
    """ComfyUI's flow-matching model around an uninitialised NextDiT, float32, on the CPU."""
    known = comfy.supported_models.Lumina2(dict(arguments, image_model="lumina2"))
    known.unet_config = dict(arguments, image_model="lumina2", dtype=torch.float32)
    known.sampling_settings = {"multiplier": MULTIPLIER, "shift": shift}
    known.set_inference_dtype(torch.float32, None)
    known.latent_format = ShapesLatent()
    return comfy.model_base.Lumina2(known, device="cpu")


def fill(network: torch.nn.Module, state: dict[str, torch.Tensor], name: str = FILE) -> None:
    """Load tensors by ComfyUI's names.

    Raises:
        ValueError: tensors are missing, unknown or of another shape.
    """
    try:
        missing, unexpected = network.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise ValueError(f"{name}: {error}; train again or restore the file") from error
    wrong = [key for key in (*missing, *unexpected) if key != UNUSED]
    if wrong:
        raise ValueError(
            f"{name}: expected this version's tensors, got {len(wrong)} missing or unexpected "
            f"{wrong[:3]}; train again or restore the file"
        )
    network.requires_grad_(False)


def load(path: Path, shift: float = SHIFT) -> ModelPatcher:
    """The MODEL of one file that holds the tensors and, in its metadata, the configuration.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it holds another network, or ComfyUI is too old for it.
    """
    if not supported():
        raise ValueError(
            "the demo transformer needs a newer ComfyUI, such as 0.3.75; update it or set network "
            "to unet"
        )
    if not path.is_file():
        raise FileNotFoundError(f"{path}: not found; restore the file or train the transformer")
    with safe_open(path, framework="pt", device="cpu") as file:
        state = {key: file.get_tensor(key).float() for key in file.keys()}  # noqa: SIM118
        metadata = file.metadata() or {}
    if "config" not in metadata:
        raise ValueError(f"{path.name}: no configuration in its metadata; export it again")
    with torch.inference_mode(False), torch.no_grad():
        model = build(json.loads(metadata["config"]), shift)
        fill(model.diffusion_model, state, path.name)
    return ModelPatcher(
        model,
        load_device=comfy.model_management.get_torch_device(),
        offload_device=comfy.model_management.unet_offload_device(),
    )
