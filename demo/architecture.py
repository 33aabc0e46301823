"""Architecture of the Shapes model: ComfyUI's own classes in a small configuration.

A cell of the latent covers 8 x 8 pixels, as in Stable Diffusion. The encoder is a fixed analytic
convolution, so that latents do not change during training; only the decoder, the UNet and the text
encoder are trained.
"""

from typing import Any

import comfy.latent_formats
import comfy.model_base
import comfy.ops
import comfy.sd1_clip
import comfy.supported_models
import torch
from comfy.ldm.models.autoencoder import AutoencoderKL
from comfy.model_base import BaseModel, ModelType

CELL = 8
LATENT_SCALE = 0.18215  # as in Stable Diffusion, whose latent format ComfyUI uses for this model
VOCABULARY = 49408
END_TOKEN = 49407
TOKENS = 77
# Tokens of CLIP for marks that join words in prompts made of tags, and for "a". Training never
# shows the marks; read as an article, they leave alone which colour goes with which shape.
MARKS = {"_": 318, "-": 268}
ARTICLE = 320

_UNET: dict[str, Any] = {
    "image_size": 16,
    "in_channels": 4,
    "out_channels": 4,
    "model_channels": 64,
    "channel_mult": [1, 2],
    "num_res_blocks": [1, 1],
    "num_heads": -1,
    "num_head_channels": 32,
    "use_spatial_transformer": True,
    "transformer_depth": [1, 1],
    "transformer_depth_middle": 1,
    "transformer_depth_output": [1, 1, 1, 1],
    "context_dim": 96,
    "legacy": False,
    "use_checkpoint": False,
    "use_linear_in_transformer": False,
}
_TEXT: dict[str, Any] = {
    "hidden_size": 96,
    "intermediate_size": 384,
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "hidden_act": "quick_gelu",
    "max_position_embeddings": TOKENS,
    "eos_token_id": END_TOKEN,
    "layer_norm_eps": 1e-5,
    "vocab_size": VOCABULARY,
}
_DECODER: dict[str, Any] = {
    "double_z": True,
    "z_channels": 4,
    "resolution": 128,
    "in_channels": 3,
    "out_ch": 3,
    "ch": 32,
    "ch_mult": [1, 2, 2, 2],
    "num_res_blocks": 1,
    "attn_resolutions": [],
    "dropout": 0.0,
}
WIDTH: int = _TEXT["hidden_size"]

# luma, red minus blue, green minus magenta: they determine any flat colour
_COLOUR_AXES = ((1 / 3, 1 / 3, 1 / 3), (1.0, 0.0, -1.0), (-0.5, 1.0, -0.5))
# sums to zero, so that it is 0 for grey; at least 0.2 in magnitude for colours of shapes
_EDGE_AXIS = (0.35, 0.65, -1.0)


def unet_config() -> dict[str, Any]:
    """Keyword arguments of UNetModel; a new copy, because UNetModel empties its lists."""
    return {key: list(value) if isinstance(value, list) else value for key, value in _UNET.items()}


def text_config() -> dict[str, Any]:
    """Configuration of the text transformer, with the keys of CLIP's config.json."""
    return dict(_TEXT)


def decoder_config() -> dict[str, Any]:
    """Keyword arguments of `AutoencoderKL`."""
    return {"ddconfig": dict(_DECODER, ch_mult=list(_DECODER["ch_mult"])), "embed_dim": 4}


def cell_filters() -> torch.Tensor:
    """Filters of the encoder before whitening, [4, 3, 8, 8].

    Three channels are means of the cell along a colour axis each; the fourth is the vertical
    first moment along another one. All are symmetric from left to right, so that a mirrored
    picture has the mirrored latent.
    """
    means = torch.tensor(_COLOUR_AXES)[:, :, None, None].expand(3, 3, CELL, CELL) / CELL**2
    down = (torch.arange(CELL) + 0.5) / (CELL / 2) - 1
    edge = (
        torch.tensor(_EDGE_AXIS)[:, None, None]
        * down[None, :, None].expand(3, CELL, CELL)
        / CELL**2
    )
    return torch.cat([means, edge[None]])


class ShapesLatent(comfy.latent_formats.SD15):
    """Latent format of Stable Diffusion, with preview colours for this encoder."""

    def __init__(self) -> None:
        super().__init__(LATENT_SCALE)
        self.taesd_decoder_name = None
        self.latent_rgb_factors = None
        self.latent_rgb_factors_bias = None

    def fit_preview(self, weight: torch.Tensor, bias: torch.Tensor) -> None:
        """Set the colours of previews: the inverse of the encoder on flat colours, RGB in -1..1.

        Args:
            weight, bias: of the encoder's convolution, [4, 3, 8, 8] and [4].
        """
        flat = weight.detach().float().sum((2, 3)) * self.scale_factor
        back = torch.linalg.pinv(flat)
        offset = -back @ (bias.detach().float() * self.scale_factor)
        self.latent_rgb_factors = back.T.tolist()
        self.latent_rgb_factors_bias = offset.tolist()


class ShapesTextModel(comfy.sd1_clip.SDClipModel):
    """CLIP's text transformer, with 2 layers of width 96."""

    def __init__(
        self, device: Any = "cpu", dtype: Any = None, model_options: dict | None = None
    ) -> None:
        super().__init__(
            device=device,
            return_projected_pooled=False,
            dtype=dtype,
            textmodel_json_config=text_config(),
            model_options=model_options or {},
        )


class ShapesText(comfy.sd1_clip.SD1ClipModel):
    """The `cond_stage_model` of ComfyUI's CLIP object, with one text model, `clip_l`."""

    def __init__(
        self, device: Any = "cpu", dtype: Any = None, model_options: dict | None = None
    ) -> None:
        super().__init__(
            device=device,
            dtype=dtype,
            model_options=model_options or {},
            clip_name="l",
            clip_model=ShapesTextModel,
        )


class ShapesAutoencoder(torch.nn.Module):
    """Fixed encoder and trained decoder, with the interface of ComfyUI's first-stage models."""

    def __init__(self) -> None:
        super().__init__()
        learned = AutoencoderKL(**decoder_config())
        self.encoder = torch.nn.Conv2d(3, 4, CELL, stride=CELL)
        self.post_quant_conv = learned.post_quant_conv
        self.decoder = learned.decoder

    def encode(self, image: torch.Tensor, **_: Any) -> torch.Tensor:
        """Image [B, 3, 8 H, 8 W] in -1..1 to latents [B, 4, H, W]."""
        return self.encoder(image)

    def decode(self, latent: torch.Tensor, **_: Any) -> torch.Tensor:
        """Latents [B, 4, H, W] to an image [B, 3, 8 H, 8 W], about -1..1."""
        return self.decoder(self.post_quant_conv(latent))

    @torch.no_grad()
    def whiten(self, mean: torch.Tensor, std: torch.Tensor) -> None:
        """Scale the encoder, so that latents in the UNet have mean 0 and deviation 1 in training.

        Args:
            mean, std: of the outputs of `cell_filters` over training pictures, each [4].
        """
        gain = 1 / (std * LATENT_SCALE)
        self.encoder.weight.copy_(cell_filters() * gain[:, None, None, None])
        self.encoder.load_state_dict({"weight": self.encoder.weight, "bias": -mean * gain})


def build_diffusion(prediction: str, device: torch.device | str = "cpu") -> BaseModel:
    """ComfyUI's BaseModel with an uninitialised UNet in float32.

    Args:
        prediction: "eps" or "v".
        device: of the weights.

    Raises:
        ValueError: another prediction.
    """
    types = {"eps": ModelType.EPS, "v": ModelType.V_PREDICTION}
    if prediction not in types:
        raise ValueError(
            f"prediction: expected one of {sorted(types)}, got {prediction!r}; "
            "train the model again"
        )
    config = comfy.supported_models.SD15(unet_config())
    config.unet_config = unet_config()
    config.set_inference_dtype(torch.float32, None)
    config.unet_config.update(unet_config(), dtype=torch.float32)
    config.latent_format = ShapesLatent()
    return comfy.model_base.BaseModel(config, types[prediction], device=device)
