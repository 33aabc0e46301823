"""ControlNets, model patches and pictures with random weights, for the small transformers."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import comfy.controlnet
import comfy.latent_formats
import comfy.ops
import torch
from comfy.model_patcher import ModelPatcher
from selfguidance.tests.host.adapters import CPU, drawn, filled
from selfguidance.tests.host.theirs import ran, there
from selfguidance.tests.host.vae import CELL, Vae
from selfguidance.tools.bench.transformers import NETS
from torch import Tensor

SIZE = (8, 12)  # of latents: ControlNets take even ones alone
MADE: dict[str, Any] = {"operations": comfy.ops.manual_cast, "device": CPU, "dtype": torch.float32}


def picture() -> Tensor:
    """A picture [1, h, w, 3] as large as the latents, of values from 0 to 1."""
    generator = torch.Generator().manual_seed(1)
    return torch.rand(1, CELL * SIZE[0], CELL * SIZE[1], 3, generator=generator)


def _settings(name: str, **changes: Any) -> dict[str, Any]:
    unknown = ("image_model", "num_blocks")
    kept = {key: value for key, value in NETS[name].build.real.items() if key not in unknown}
    return {**kept, **changes, **MADE}


def _flux() -> Any:
    kind = there("comfy.ldm.flux.controlnet", "ControlNetFlux")
    net = kind(**_settings("flux", depth=2, depth_single_blocks=1))
    return comfy.controlnet.ControlNet(filled(net), load_device=CPU, extra_conds=["y", "guidance"])


def _sd3() -> Any:
    kind = there("comfy.cldm.mmdit", "ControlNet")
    net = filled(kind(num_blocks=2, **_settings("sd3")))
    latents = comfy.latent_formats.SD3()
    return comfy.controlnet.ControlNet(
        net, compression_ratio=1, latent_format=latents, load_device=CPU
    )


def _qwen() -> Any:
    kind = there("comfy.ldm.qwen_image.controlnet", "QwenImageControlNetModel")
    net = filled(kind(**_settings("qwen-image", num_layers=2)))
    return _of_qwen(comfy.controlnet.ControlNet, net)


def _qwen_fun() -> Any:
    kind = there("comfy.ldm.qwen_image.controlnet", "QwenImageFunControlNetModel")
    sizes = {"inner_dim": 64, "num_attention_heads": 2, "attention_head_dim": 32}
    return _of_qwen(comfy.controlnet.QwenFunControlNet, filled(kind(**sizes, **MADE)))


def _of_qwen(kind: Any, net: Any) -> Any:
    latents = comfy.latent_formats.Wan21()
    return kind(net, compression_ratio=1, latent_format=latents, load_device=CPU, extra_conds=[])


# the transformer, the ControlNet
NETWORKS: dict[str, tuple[str, Callable[[], Any]]] = {
    "flux": ("flux", _flux),
    "sd3": ("sd3", _sd3),
    "qwen-image": ("qwen-image", _qwen),
    "qwen-image (Fun)": ("qwen-image", _qwen_fun),
}


def controlled(kind: str, positive: Any, negative: Any) -> dict[str, Any]:
    """Both conditionings behind ComfyUI's Apply ControlNet, with a new ControlNet of that name."""
    import nodes

    name, make = NETWORKS[kind]
    with torch.inference_mode():
        positive, negative = ran(
            nodes.ControlNetApplyAdvanced,
            positive=positive,
            negative=negative,
            control_net=make(),
            image=picture(),
            vae=None if name == "flux" else Vae(16, NETS[name].frames),
            strength=0.2,  # what is drawn at random would hide the picture
        )
    return {"positive": positive, "negative": negative}


def _patch(net: Any) -> ModelPatcher:
    return ModelPatcher(filled(net), load_device=CPU, offload_device=CPU)


def _diffsynth(model: Any) -> Any:
    node = there("comfy_extras.nodes_model_patch", "QwenImageDiffsynthControlnet")
    kind = there("comfy_extras.nodes_model_patch", "QwenImageBlockWiseControlNet")
    patch = _patch(kind(num_layers=60, in_dim=64, dim=64, **MADE))
    inputs = {"vae": Vae(16, frames=True), "image": picture(), "strength": 0.8}
    return ran(node, model=model, model_patch=patch, **inputs)[0]


def _fun(model: Any, **more: Any) -> Any:
    node = there("comfy_extras.nodes_model_patch", "ZImageFunControlnet")
    kind = there("comfy.ldm.lumina.controlnet", "ZImage_Control")
    sizes = {"dim": 256, "n_heads": 8, "n_kv_heads": 8, "multiple_of": 32}
    patch = _patch(kind(**sizes, ffn_dim_multiplier=0.5, **more, **MADE))
    inputs = {"vae": Vae(16), "image": picture(), "strength": 0.8}
    return ran(node, model=model, model_patch=patch, **inputs)[0]


def _fun_refined(model: Any) -> Any:
    return _fun(model, n_control_layers=15, additional_in_dim=17, refiner_control=True)


def _uni3c(model: Any) -> Any:
    node = there("comfy_extras.nodes_model_patch", "WanUni3CControlnetApply")
    kind = there("comfy.ldm.wan.uni3c", "WanUni3CControlnet")
    widths = {"conv_out_dim": 64, "dim": 64, "time_embed_dim": 64, "out_proj_dim": 64}
    patch = _patch(kind(**widths, ffn_dim=64, num_heads=2, mid_channels=8, **MADE))
    inputs = {"vae": Vae(16, frames=True), "render_video": picture(), "strength": 0.8}
    return ran(node, model=model, model_patch=patch, **inputs)[0]


def _uso(model: Any) -> Any:
    node = there("comfy_extras.nodes_model_patch", "USOStyleReference")
    kind = there("comfy_extras.nodes_model_patch", "SigLIPMultiFeatProjModel")
    sizes = {"siglip_token_nums": 5, "style_token_nums": 4, "siglip_token_dims": 6}
    patch = _patch(kind(**sizes, hidden_size=64, **MADE))
    seen = SimpleNamespace(
        all_hidden_states=drawn(3, 1, 27, 5, 6), penultimate_hidden_states=drawn(4, 1, 5, 6)
    )
    return ran(node, model=model, model_patch=patch, clip_vision_output=seen)[0]


# the transformer, its MODEL behind ComfyUI's node that applies a model patch
PATCHES: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "Qwen Image DiffSynth ControlNet": ("qwen-image", _diffsynth),
    "Z-Image Fun ControlNet": ("z-image", _fun),
    "Z-Image Fun ControlNet 2.1": ("z-image", _fun_refined),
    "Wan Uni3C ControlNet": ("wan-1.3b", _uni3c),
    "USO Style Reference": ("flux", _uso),
}


def patched(kind: str, model: Any) -> Any:
    """The MODEL behind that node, with a new patch."""
    with torch.inference_mode():
        return PATCHES[kind][1](model)
