"""Load the Shapes model as the MODEL, CLIP and VAE that any node of ComfyUI takes.

ComfyUI's checkpoint detection knows only the published sizes of Stable Diffusion, so the three
objects are built here, from the same classes as for other checkpoints.
"""

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import comfy.model_management
import comfy.sd
import comfy.sd1_clip
import torch
from comfy.ldm.models.autoencoder import AutoencoderKL
from comfy.model_base import BaseModel
from comfy.model_patcher import ModelPatcher
from safetensors import safe_open

from . import transformer
from .architecture import (
    ARTICLE,
    LATENT_SCALE,
    MARKS,
    VOCABULARY,
    WIDTH,
    ShapesAutoencoder,
    ShapesText,
    build_diffusion,
    cell_filters,
    decoder_config,
)

WEIGHTS = Path(__file__).resolve().parent / "weights"


@dataclass(frozen=True)
class Network:
    """One form of the diffusion model.

    Attributes:
        command: what makes its weights, of `tools/run.py`.
        cfg: scale of classifier-free guidance at which its objects are sharp and few are missing.
    """

    command: str
    cfg: float


NETWORKS = {"unet": Network("train", 4.0), "transformer": Network("train_transformer", 3.0)}


def load(
    folder: Path | str = WEIGHTS, network: str = "unet"
) -> tuple[ModelPatcher, comfy.sd.CLIP, comfy.sd.VAE]:
    """The Shapes model from `clip`, `vae` and the network's `.safetensors` in a folder.

    The weights are ordinary tensors even where ComfyUI runs nodes in inference mode: gradients can
    be taken through all three objects at any later time.

    Args:
        folder: where the files lie.
        network: which form of the diffusion model, one of `NETWORKS`.

    Raises:
        FileNotFoundError: the folder lacks a weights file.
        ValueError: there is no such network, or a file does not fit the architecture.
    """
    folder = Path(folder)
    if network not in NETWORKS:
        raise ValueError(
            f"network: expected one of {', '.join(NETWORKS)}, got {network!r}; choose one of them"
        )
    check(folder, network)
    with torch.inference_mode(False), torch.no_grad():
        vae = load_vae(folder)
        if network == "unet":
            diffusion = load_diffusion(folder, vae)
        else:
            diffusion = transformer.load(folder / transformer.FILE)
            fit_preview(diffusion.model, vae)
        return diffusion, load_clip(folder), vae


def check(folder: Path, network: str = "unet") -> None:
    """Raise a FileNotFoundError unless the folder has all weights files of a network."""
    files = (network, "clip", "vae")
    missing = [name for name in files if not (folder / f"{name}.safetensors").is_file()]
    if missing:
        raise FileNotFoundError(
            f"the Shapes model's weights: expected {', '.join(files)} (.safetensors) in {folder}, "
            f"{', '.join(missing)} not found; restore the folder from the repository "
            f"or run `python tools/run.py {NETWORKS[network].command}`"
        )


def fit_preview(model: BaseModel, vae: comfy.sd.VAE) -> None:
    """Let previews of a model's latents show the colours that the encoder means."""
    encoder = vae.first_stage_model.encoder
    model.latent_format.fit_preview(encoder.weight, encoder.bias)


def load_diffusion(folder: Path, vae: comfy.sd.VAE) -> ModelPatcher:
    """The MODEL from `unet.safetensors`; the metadata has its `prediction`, "eps" if absent."""
    state, metadata = read(folder, "unet")
    model = build_diffusion(metadata.get("prediction", "eps"))
    fit_preview(model, vae)
    _fill(model.diffusion_model, state, "unet")
    return ModelPatcher(
        model,
        load_device=comfy.model_management.get_torch_device(),
        offload_device=comfy.model_management.unet_offload_device(),
    )


def load_clip(folder: Path) -> comfy.sd.CLIP:
    """The CLIP from `clip.safetensors`; words without an embedding get the mean of all others.

    Marks that join words, such as the one in "red_circle", get that of "a".
    """
    state, _ = read(folder, "clip")
    rows, ids = state.pop("token_rows").float(), state.pop("token_ids").long()
    table = rows.mean(0, keepdim=True).repeat(VOCABULARY, 1)
    table[ids] = rows
    table[list(MARKS.values())] = table[ARTICLE].clone()
    state["text_model.embeddings.token_embedding.weight"] = table
    state["text_projection.weight"] = torch.eye(WIDTH)
    target = SimpleNamespace(params={}, clip=ShapesText, tokenizer=comfy.sd1_clip.SD1Tokenizer)
    clip = comfy.sd.CLIP(target, parameters=sum(tensor.numel() for tensor in state.values()))
    _fill(clip.cond_stage_model.clip_l.transformer, state, "clip")
    return clip


def load_vae(folder: Path) -> comfy.sd.VAE:
    """The VAE from `vae.safetensors`: ComfyUI's VAE object around a `ShapesAutoencoder`."""
    state, _ = read(folder, "vae")
    first_stage = ShapesAutoencoder()
    if "lat_mean" in state:
        state |= _encoder_of_moments(state.pop("lat_mean"), state.pop("lat_std"))
    _fill(first_stage, state, "vae")
    placeholder = AutoencoderKL(**decoder_config()).state_dict()
    vae = comfy.sd.VAE(sd=placeholder, config={"params": decoder_config()}, dtype=torch.float32)
    vae.first_stage_model = first_stage.eval()
    vae.patcher = ModelPatcher(
        first_stage,
        load_device=vae.device,
        offload_device=comfy.model_management.vae_offload_device(),
    )
    return vae


def _encoder_of_moments(mean: torch.Tensor, std: torch.Tensor) -> dict[str, torch.Tensor]:
    """Encoder weights of older files, whose fourth filter is the vertical moment of luma."""
    filters = cell_filters()
    rows = torch.linspace(-7 / 8, 7 / 8, filters.shape[2])[None, :, None]
    filters[3] = filters[0] * rows
    gain = 1 / (std.float() * LATENT_SCALE)
    return {
        "encoder.weight": filters * gain[:, None, None, None],
        "encoder.bias": -mean.float() * gain,
    }


def read(folder: Path, name: str) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Tensors and metadata of the file `name`.safetensors, in their stored dtypes."""
    with safe_open(folder / f"{name}.safetensors", framework="pt", device="cpu") as file:
        state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  no mapping
        return state, file.metadata() or {}


def _fill(module: torch.nn.Module, state: dict[str, torch.Tensor], name: str) -> None:
    dtypes = {key: tensor.dtype for key, tensor in module.state_dict().items()}
    state = {key: tensor.to(dtypes.get(key, torch.float32)) for key, tensor in state.items()}
    missing, unexpected = module.load_state_dict(state, strict=False)
    if missing or unexpected:
        raise ValueError(
            f"{name}.safetensors: expected this version's tensors, got {len(missing)} missing "
            f"{missing[:3]} and {len(unexpected)} unexpected {unexpected[:3]}; "
            "train again or restore the file"
        )
    module.requires_grad_(False)
