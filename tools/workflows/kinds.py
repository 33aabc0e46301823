"""The models that example workflows are derived for: what loads them, and how they sample.

Nodes, file names, addresses and settings of the transformers are those of ComfyUI's own templates
(comfyui-workflow-templates 0.11.97), so that users who have run one of these have the files, and
for others ComfyUI's page offers to download them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class File:
    """A file of weights.

    Attributes:
        name: its usual name.
        folder: where it lies, under ComfyUI's `models`.
        url: from where it is downloaded; empty where users take one of their own.
    """

    name: str
    folder: str
    url: str = ""


@dataclass(frozen=True)
class Part:
    """A node of ComfyUI that a model needs.

    Attributes:
        type: of the node.
        gives: types of its outputs, in their order.
        widgets: values of its widgets by name, in their order.
        takes: types of its sockets by name.
        files: what it loads.
        height: of the node on the page, in pixels.
    """

    type: str
    gives: tuple[str, ...]
    widgets: Mapping[str, Any]
    takes: Mapping[str, str] = field(default_factory=dict)
    files: tuple[File, ...] = ()
    height: int = 110


@dataclass(frozen=True)
class Kind:
    """A kind of model.

    Attributes:
        key: part of the file names of its workflows.
        title: its name in texts.
        first: number of its first workflow.
        recipes: its workflows, named as those for Shapes.
        side: width and height of the pictures in pixels.
        parts: nodes that give MODEL, CLIP and VAE; each takes what those before it give.
        sampling: steps, cfg, sampler and scheduler.
        latent: the node that makes its empty latents.
        negative: the negative prompt; None where cfg is 1, so that it does not count.
        behind: a node behind the prompt.
        advice: a sentence on other models of the kind.
    """

    key: str
    title: str
    first: int
    recipes: tuple[str, ...]
    side: int
    parts: tuple[Part, ...]
    sampling: tuple[int, float, str, str]
    latent: str = "EmptySD3LatentImage"
    negative: str | None = ""
    behind: Part | None = None
    advice: str = ""

    @property
    def files(self) -> tuple[File, ...]:
        """What users need."""
        return tuple(file for part in self.parts for file in part.files)


def _checkpoint(name: str, url: str = "") -> Part:
    file = File(name, "checkpoints", url)
    gives = ("MODEL", "CLIP", "VAE")
    return Part("CheckpointLoaderSimple", gives, {"ckpt_name": name}, files=(file,))


def _network(name: str, url: str) -> Part:
    file = File(name, "diffusion_models", url + name)
    widgets = {"unet_name": name, "weight_dtype": "default"}
    return Part("UNETLoader", ("MODEL",), widgets, files=(file,))


def _texts(encoder: str, url: str, *names: str) -> Part:
    """One text encoder or two, of a type that ComfyUI's loader knows."""
    keys = ("clip_name",) if len(names) == 1 else ("clip_name1", "clip_name2")
    widgets = {**dict(zip(keys, names, strict=True)), "type": encoder, "device": "default"}
    files = tuple(File(name, "text_encoders", url + name) for name in names)
    loader = "CLIPLoader" if len(names) == 1 else "DualCLIPLoader"
    return Part(loader, ("CLIP",), widgets, files=files, height=140 + 30 * (len(names) - 1))


def _vae(name: str, url: str) -> Part:
    file = File(name, "vae", url + name)
    return Part("VAELoader", ("VAE",), {"vae_name": name}, files=(file,), height=80)


def _shift(value: float) -> Part:
    takes = {"model": "MODEL"}
    return Part("ModelSamplingAuraFlow", ("MODEL",), {"shift": value}, takes, height=80)


SITE = "https://huggingface.co/"
COMFY = SITE + "Comfy-Org/"
Z_IMAGE = COMFY + "z_image_turbo/resolve/main/split_files/"
QWEN = COMFY + "Qwen-Image_ComfyUI/resolve/main/split_files/"
LUMINA = COMFY + "Lumina_Image_2.0_Repackaged/resolve/main/split_files/"
SD_35 = COMFY + "stable-diffusion-3.5-fp8/resolve/main/sd3.5_large_fp8_scaled.safetensors"
MAIN_RECIPES = (
    "move_an_object",
    "resize_an_object",
    "keep_layout_change_look",
    "move_object_in_a_photo",
)
FIRST_RECIPES = ("look_at_attention", "move_an_object", "move_object_in_a_photo")
UNET: dict[str, Any] = {
    "sampling": (30, 7.0, "dpmpp_2m", "karras"),
    "latent": "EmptyLatentImage",
    "negative": "blurry, low quality",
}
KINDS = (
    Kind(
        *("sd15", "Stable Diffusion 1.5", 50, MAIN_RECIPES, 512),
        (_checkpoint("v1-5-pruned-emaonly.safetensors"),),
        **UNET,
    ),
    Kind(
        *("sdxl", "SDXL", 60, MAIN_RECIPES, 1024),
        (_checkpoint("sd_xl_base_1.0.safetensors"),),
        **UNET,
    ),
    Kind(
        *("z_image", "Z-Image-Turbo", 70, FIRST_RECIPES, 1024),
        (
            _network("z_image_turbo_bf16.safetensors", Z_IMAGE + "diffusion_models/"),
            _texts("lumina2", Z_IMAGE + "text_encoders/", "qwen_3_4b.safetensors"),
            _vae("ae.safetensors", Z_IMAGE + "vae/"),
            _shift(3.0),
        ),
        (8, 1.0, "res_multistep", "simple"),
        negative=None,
        advice="For Z-Image itself, which is not distilled: **z_image_bf16.safetensors**, "
        "25 steps, cfg 4, and a second Prompt as negative.",
    ),
    Kind(
        *("qwen_image", "Qwen-Image", 75, FIRST_RECIPES, 1328),
        (
            _network("qwen_image_fp8_e4m3fn.safetensors", QWEN + "diffusion_models/"),
            _texts(
                *("qwen_image", QWEN + "text_encoders/", "qwen_2.5_vl_7b_fp8_scaled.safetensors")
            ),
            _vae("qwen_image_vae.safetensors", QWEN + "vae/"),
            _shift(3.1),
        ),
        (20, 4.0, "euler", "simple"),
        advice="In less time: *LoraLoaderModelOnly* with "
        "**Qwen-Image-Lightning-8steps-V1.0.safetensors** behind *Load Diffusion Model*, 8 steps, "
        "cfg 1.",
    ),
    Kind(
        *("flux1", "Flux.1 dev", 80, FIRST_RECIPES, 1024),
        (
            _texts(
                *("flux", SITE + "comfyanonymous/flux_text_encoders/resolve/main/"),
                *("clip_l.safetensors", "t5xxl_fp16.safetensors"),
            ),
            _vae("ae.safetensors", LUMINA + "vae/"),
            _network("flux1-dev.safetensors", COMFY + "flux1-dev/resolve/main/"),
        ),
        (20, 1.0, "euler", "simple"),
        negative=None,
        # as in older templates; 3.5 is what the model takes without it, too
        behind=Part(
            *("FluxGuidance", ("CONDITIONING",), {"guidance": 3.5}),
            *({"conditioning": "CONDITIONING"}, (), 60),
        ),
        advice="For Flux.1 schnell: **flux1-schnell.safetensors** and 4 steps.",
    ),
    Kind(
        *("sd35", "Stable Diffusion 3.5 large", 85, FIRST_RECIPES, 1024),
        (_checkpoint("sd3.5_large_fp8_scaled.safetensors", SD_35),),
        (20, 4.01, "euler", "sgm_uniform"),
    ),
)


def of(name: str) -> tuple[Kind, str]:
    """The kind of model and the recipe of a derived workflow.

    Args:
        name: of its file, without number.

    Raises:
        KeyError: there is no such workflow.
    """
    return {f"{kind.key}_{recipe}": (kind, recipe) for kind in KINDS for recipe in kind.recipes}[
        name
    ]
