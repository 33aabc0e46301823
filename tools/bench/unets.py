"""The UNets of the model families, built by ComfyUI's model classes: at real width, or narrow."""

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import comfy.supported_models
import torch
from comfy.model_base import BaseModel

from ...demo import architecture

WIDTH = 64  # of the text embeddings in narrow models


@dataclass(frozen=True)
class Build:
    """How ComfyUI builds a network.

    Attributes:
        model_class: name of the class in ComfyUI's `supported_models`.
        real: `unet_config` of the published model.
        narrow: the entries that differ in narrow models, which tests use.
        marks: tensors of the checkpoint, by name, from which ComfyUI tells variants of the class
            apart.
    """

    model_class: str
    real: dict[str, Any]
    narrow: dict[str, Any]
    marks: dict[str, torch.Tensor] = field(default_factory=dict)

    def built(
        self,
        narrow: bool,
        dtype: torch.dtype,
        device: str,
        cast: torch.dtype | None = None,
        operations: Any = None,
    ) -> BaseModel:
        """The model, with weights as its layers create them; arguments as in `lab.unet`."""
        settings = {**self.real, **(self.narrow if narrow else {}), "dtype": dtype}
        config = getattr(comfy.supported_models, self.model_class)(deepcopy(settings))
        # the class overwrites the heads; UNetModel empties the lists of its configuration
        config.unet_config = deepcopy({**config.unet_config, **settings})
        config.manual_cast_dtype = cast
        config.custom_operations = operations
        return config.get_model(dict(self.marks), device=torch.device(device))


_UNET = {
    "image_size": 32,
    "in_channels": 4,
    "out_channels": 4,
    "use_spatial_transformer": True,
    "legacy": False,
    "use_checkpoint": False,
    "use_temporal_attention": False,
    "use_temporal_resblock": False,
    "adm_in_channels": None,
}
_SD1 = {
    **_UNET,
    "model_channels": 320,
    "channel_mult": [1, 2, 4, 4],
    "num_res_blocks": [2, 2, 2, 2],
    "transformer_depth": [1, 1, 1, 1, 1, 1, 0, 0],
    "transformer_depth_middle": 1,
    "transformer_depth_output": [1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0],
    "context_dim": 768,
    "num_heads": 8,
    "use_linear_in_transformer": False,
}
_SD2 = {
    **{name: value for name, value in _SD1.items() if name != "num_heads"},
    "context_dim": 1024,
    "num_head_channels": 64,
    "use_linear_in_transformer": True,
}
_SDXL = {
    **_UNET,
    "model_channels": 320,
    "channel_mult": [1, 2, 4],
    "num_res_blocks": [2, 2, 2],
    "transformer_depth": [0, 0, 2, 2, 10, 10],
    "transformer_depth_middle": 10,
    "transformer_depth_output": [0, 0, 0, 2, 2, 2, 10, 10, 10],
    "context_dim": 2048,
    "num_head_channels": 64,
    "use_linear_in_transformer": True,
    "num_classes": "sequential",
    "adm_in_channels": 2816,
}
_REFINER = {
    **_SDXL,
    "model_channels": 384,
    "channel_mult": [1, 2, 4, 4],
    "num_res_blocks": [2, 2, 2, 2],
    "transformer_depth": [0, 0, 4, 4, 4, 4, 0, 0],
    "transformer_depth_middle": 4,
    "transformer_depth_output": [0, 0, 0, 4, 4, 4, 4, 4, 4, 0, 0, 0],
    "context_dim": 1280,
    "adm_in_channels": 2560,
}
_SSD1B = {
    **_SDXL,
    "transformer_depth": [0, 0, 2, 2, 4, 4],
    "transformer_depth_middle": -1,
    "transformer_depth_output": [0, 0, 0, 1, 1, 2, 10, 4, 4],
}
_VEGA = {
    **_SDXL,
    "transformer_depth": [0, 0, 1, 1, 2, 2],
    "transformer_depth_middle": -1,
    "transformer_depth_output": [0, 0, 0, 1, 1, 1, 2, 2, 2],
}
_KOALA = {
    **_SDXL,
    "num_res_blocks": [1, 1, 1],
    "transformer_depth": [0, 2, 5],
    "transformer_depth_middle": -2,
    "transformer_depth_output": [0, 0, 2, 2, 5, 5],
}
_VIDEO = {
    **_SD2,
    "in_channels": 8,
    "num_classes": "sequential",
    "adm_in_channels": 768,
    "use_temporal_attention": True,
    "use_temporal_resblock": True,
    "extra_ff_mix_layer": True,
    "use_spatial_context": True,
    "merge_strategy": "learned_with_images",
    "merge_factor": 0.0,
    "video_kernel_size": [3, 1, 1],
    "num_heads": -1,
}
_SMALL_SD1 = {"model_channels": 32, "context_dim": WIDTH, "num_heads": 4}
_SMALL_SD2 = {"model_channels": 64, "context_dim": WIDTH}  # heads have 64 channels
_SMALL_SDXL = {
    "model_channels": 32,
    "context_dim": WIDTH,
    "num_head_channels": 16,
    "transformer_depth": [0, 0, 2, 2, 4, 4],
    "transformer_depth_middle": 4,
    "transformer_depth_output": [0, 0, 0, 2, 2, 2, 4, 4, 4],
}
_NARROW = {"model_channels": 32, "context_dim": WIDTH, "num_head_channels": 16}
_NOTHING = torch.zeros(1)
_V = {"output_blocks.11.1.transformer_blocks.0.norm1.bias": torch.tensor([0.0, 1.0])}
_UNCLIP = {"num_classes": "sequential", "adm_in_channels": 2048}
_PLAYGROUND = {"edm_mean": _NOTHING, "edm_std": _NOTHING}
_COSXL = {"edm_vpred.sigma_max": torch.tensor(120.0)}

BUILDS = {
    "shapes": Build("SD15", {**_SD1, **architecture.unet_config()}, _NARROW),
    "sd15": Build("SD15", _SD1, _SMALL_SD1),
    "sd15-inpaint": Build("SD15", {**_SD1, "in_channels": 9}, _SMALL_SD1),
    "sd15-ip2p": Build("SD15_instructpix2pix", {**_SD1, "in_channels": 8}, _SMALL_SD1),
    "sd2": Build("SD20", _SD2, _SMALL_SD2),
    "sd2-v": Build("SD20", _SD2, _SMALL_SD2, _V),
    "sd2-inpaint": Build("SD20", {**_SD2, "in_channels": 9}, _SMALL_SD2),
    "sd2-unclip": Build("SD21UnclipH", {**_SD2, **_UNCLIP}, _SMALL_SD2),
    "sdxl": Build("SDXL", _SDXL, _SMALL_SDXL),
    "sdxl-v": Build("SDXL", _SDXL, _SMALL_SDXL, {"v_pred": _NOTHING}),
    "sdxl-v-ztsnr": Build("SDXL", _SDXL, _SMALL_SDXL, {"v_pred": _NOTHING, "ztsnr": _NOTHING}),
    "sdxl-edm": Build("SDXL", _SDXL, _SMALL_SDXL, _PLAYGROUND),
    "sdxl-edm-v": Build("SDXL", _SDXL, _SMALL_SDXL, _COSXL),
    "sdxl-inpaint": Build("SDXL", {**_SDXL, "in_channels": 9}, _SMALL_SDXL),
    "sdxl-ip2p": Build("SDXL_instructpix2pix", {**_SDXL, "in_channels": 8}, _SMALL_SDXL),
    "ssd-1b": Build("SSD1B", _SSD1B, _NARROW),
    "sdxl-refiner": Build("SDXLRefiner", _REFINER, _NARROW),
    "segmind-vega": Build("Segmind_Vega", _VEGA, _NARROW),
    "koala-700m": Build("KOALA_700M", _KOALA, _NARROW),
    "lotus": Build("LotusD", {**_SD2, **_UNCLIP, "adm_in_channels": 4}, _SMALL_SD2),
    "svd": Build("SVD_img2vid", _VIDEO, _SMALL_SD2),
    "other": Build(
        "SD15",
        {
            **_SD1,
            "channel_mult": [1, 2],
            "num_res_blocks": [1, 1],
            "transformer_depth": [0, 1],
            "transformer_depth_output": [0, 0, 1, 1],
        },
        _SMALL_SD1,
    ),
}
