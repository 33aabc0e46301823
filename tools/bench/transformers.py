"""The transformers that guidance knows, as ComfyUI's own model classes build them, narrow.

They are as deep as the real ones, so that the records of their families fit.
"""

from dataclasses import dataclass, field, fields
from typing import Any

import comfy.supported_models
from comfy.ldm.chroma.model import ChromaParams
from comfy.ldm.flux.model import FluxParams

from .unets import WIDTH, Kind

HEAD = 32  # width of a head
POOLED = 32
_AXES = [8, 12, 12]  # of positions, as wide as a head together


@dataclass(frozen=True)
class Net:
    """A transformer, and what it is given.

    Attributes:
        family: name of its record.
        kind: how it is built.
        channels: of its latent.
        sigma: a noise level in the middle of a run.
        size: height and width of a latent that it takes; odd ones where it takes these.
        frames: whether its latent has an axis of frames.
        pooled: whether it is given a vector of the whole text.
        masked: whether its text comes with a mask.
        extra: what its conditioning holds besides, by name: numbers, or shapes of tensors.
    """

    family: str
    kind: Kind
    channels: int = 16
    sigma: float = 0.7
    size: tuple[int, int] = (9, 12)
    frames: bool = False
    pooled: bool = False
    masked: bool = False
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def available(self) -> bool:
        """Whether this ComfyUI has such a model."""
        return hasattr(comfy.supported_models, self.kind.kind)

    def shape(self, batch: int = 1) -> tuple[int, ...]:
        """Of a latent."""
        return (batch, self.channels, *([1] if self.frames else []), *self.size)


def _made(kind: str, **settings: Any) -> Kind:
    return Kind(kind, settings, {})


def _next_dit(kind: str, layers: int, dim: int, **more: Any) -> Kind:
    return _made(
        kind,
        **{
            "image_model": "lumina2",
            "patch_size": 2,
            "in_channels": 16,
            "dim": dim,
            "cap_feat_dim": WIDTH,
            "n_layers": layers,
            "n_heads": dim // HEAD,
            "n_kv_heads": 1,
            "qk_norm": True,
            "axes_dims": _AXES,
            "axes_lens": [300, 512, 512],
            "ffn_dim_multiplier": 0.5,
            "multiple_of": 32,
            **more,
        },
    )


def _sd3(blocks: int, **more: Any) -> Kind:
    context = {"in_features": WIDTH, "out_features": 128}
    return _made(
        "SD3",
        in_channels=16,
        pos_embed_scaling_factor=None,
        depth=2,
        num_blocks=blocks,
        patch_size=2,
        input_size=None,
        adm_in_channels=POOLED,
        context_size=WIDTH,
        context_embedder_config={"target": "torch.nn.Linear", "params": context},
        num_patches=32 * 32,
        pos_embed_max_size=32,
        **more,
    )


def _flux(kind: str, double: int, single: int, params: Any = FluxParams, **more: Any) -> Kind:
    settings = {
        "in_channels": 16,
        "out_channels": 16,
        "vec_in_dim": POOLED,
        "context_in_dim": WIDTH,
        "hidden_size": 2 * HEAD,
        "mlp_ratio": 2.0,
        "num_heads": 2,
        "depth": double,
        "depth_single_blocks": single,
        "axes_dim": _AXES,
        "theta": 10000,
        "patch_size": 2,
        "qkv_bias": True,
        "guidance_embed": True,
        "txt_ids_dims": [],
        **more,
    }
    known = {field.name for field in fields(params)}  # hosts differ in them
    settings = {name: value for name, value in settings.items() if name in known}
    return _made(kind, image_model=more.get("image_model", "flux"), **settings)


def _flux2(double: int, single: int) -> Kind:
    return _flux(
        "Flux2",
        double,
        single,
        image_model="flux2",
        in_channels=128,
        out_channels=128,
        vec_in_dim=None,
        patch_size=1,
        axes_dim=[8, 8, 8, 8],
        theta=2000,
        mlp_ratio=3.0,
        qkv_bias=False,
        global_modulation=True,
        mlp_silu_act=True,
        ops_bias=False,
        default_ref_method="index",
        ref_index_scale=10.0,
        txt_ids_dims=[3],
    )


def _wan(layers: int, channels: int, kind: str = "WAN21_T2V") -> Kind:
    return _made(
        kind,
        image_model="wan2.1",
        model_type="t2v",
        patch_size=(1, 2, 2),
        text_len=512,
        in_dim=channels,
        out_dim=channels,
        dim=2 * HEAD,
        ffn_dim=4 * HEAD,
        freq_dim=64,
        text_dim=WIDTH,
        num_heads=2,
        num_layers=layers,
        qk_norm=True,
        cross_attn_norm=True,
        eps=1e-6,
    )


def _cosmos(kind: str, blocks: int, image_model: str) -> Kind:
    return _made(
        kind,
        image_model=image_model,
        in_channels=16,
        out_channels=16,
        patch_spatial=2,
        patch_temporal=1,
        model_channels=2 * HEAD,
        num_blocks=blocks,
        num_heads=2,
        crossattn_emb_channels=WIDTH,
        max_img_h=240,
        max_img_w=240,
        max_frames=128,
        concat_padding_mask=True,
        pos_emb_cls="rope3d",
        pos_emb_learnable=True,
        pos_emb_interpolation="crop",
        min_fps=1,
        max_fps=30,
        use_adaln_lora=True,
        adaln_lora_dim=32,
        rope_h_extrapolation_ratio=4.0,
        rope_w_extrapolation_ratio=4.0,
        rope_t_extrapolation_ratio=1.0,
        extra_per_block_abs_pos_emb=False,
        rope_enable_fps_modulation=False,
    )


_CHROMA = _flux(
    "Chroma",
    19,
    38,
    ChromaParams,
    image_model="chroma",
    in_channels=64,
    out_channels=64,
    vec_in_dim=None,
    in_dim=64,
    out_dim=2 * HEAD,
    hidden_dim=WIDTH,
    n_layers=2,
)
_HIDREAM = _made(
    "HiDream",
    image_model="hidream",
    patch_size=2,
    in_channels=16,
    out_channels=16,
    num_layers=16,
    num_single_layers=32,
    attention_head_dim=HEAD,
    num_attention_heads=2,
    caption_channels=[WIDTH, WIDTH],
    text_emb_dim=POOLED,
    num_routed_experts=2,
    num_activated_experts=1,
    axes_dims_rope=_AXES,
    max_resolution=[64, 64],
    llama_layers=[0, 1] * 24,
)
_PIXART = _made(
    "PixArtSigma",
    image_model="pixart_sigma",
    input_size=64,
    patch_size=2,
    in_channels=4,
    hidden_size=2 * HEAD,
    depth=28,
    num_heads=2,
    mlp_ratio=2.0,
    caption_channels=WIDTH,
    model_max_length=300,
    pe_interpolation=1,
    pe_precision=None,
    micro_condition=False,
)
_KREA2 = _made(
    "Krea2",
    image_model="krea2",
    features=4 * HEAD,
    heads=4,
    kvheads=2,
    multiplier=2,
    layers=28,
    patch=2,
    channels=16,
    txtdim=WIDTH // 2,
    txtheads=2,
    txtkvheads=2,
    txtlayers=2,
)
_QWEN = _made(
    "QwenImage",
    image_model="qwen_image",
    patch_size=2,
    in_channels=64,
    out_channels=16,
    num_layers=60,
    attention_head_dim=HEAD,
    num_attention_heads=2,
    joint_attention_dim=WIDTH,
    axes_dims_rope=_AXES,
)
_Z_IMAGE = {
    "n_kv_heads": 8,
    "rope_theta": 256.0,
    "z_image_modulation": True,
    "time_scale": 1000.0,
    "pad_tokens_multiple": 32,
}
_LLAMA = {"conditioning_llama3": (1, 2, 10, WIDTH)}

NETS = {
    "shapes-transformer": Net(
        "shapes-transformer",
        _next_dit("Lumina2", 6, 96, in_channels=4, patch_size=1),
        4,
        masked=True,
    ),
    "lumina2": Net("lumina2", _next_dit("Lumina2", 26, 96), masked=True),
    "z-image": Net("z-image", _next_dit("ZImage", 30, 256, **_Z_IMAGE)),
    "qwen-image": Net("qwen-image", _QWEN, frames=True),
    "flux": Net("flux", _flux("Flux", 19, 38), pooled=True),
    "flux-schnell": Net("flux", _flux("FluxSchnell", 19, 38, guidance_embed=False), pooled=True),
    "chroma": Net("chroma", _CHROMA),
    "flux2": Net("flux2", _flux2(8, 48), 128, size=(5, 6)),
    "flux2-klein-9b": Net("flux2-klein-9b", _flux2(8, 24), 128, size=(5, 6)),
    "flux2-klein-4b": Net("flux2-klein-4b", _flux2(5, 20), 128, size=(5, 6)),
    "sd3": Net("sd3", _sd3(24), pooled=True),
    "sd35-medium": Net(
        "sd3", _sd3(24, qk_norm="rms", x_block_self_attn_layers=list(range(13))), pooled=True
    ),
    "sd35-large": Net("sd35-large", _sd3(38, qk_norm="rms"), pooled=True),
    "hidream": Net("hidream", _HIDREAM, pooled=True, extra=_LLAMA),
    "krea2": Net("krea2", _KREA2, frames=True),
    "wan-14b": Net("wan-14b", _wan(40, 16), frames=True),
    "wan-1.3b": Net("wan-1.3b", _wan(30, 16), frames=True),
    "wan-5b": Net("wan-5b", _wan(30, 48, "WAN22_T2V"), 48, frames=True),
    "cosmos-2b": Net(
        "cosmos-2b",
        _cosmos("CosmosT2IPredict2", 28, "cosmos_predict2"),
        sigma=3.0,
        size=(8, 12),
        frames=True,
    ),
    "cosmos-14b": Net(
        "cosmos-14b",
        _cosmos("CosmosT2IPredict2", 36, "cosmos_predict2"),
        sigma=3.0,
        size=(8, 12),
        frames=True,
    ),
    "anima": Net("anima", _cosmos("Anima", 28, "anima"), size=(8, 12), frames=True),
    # positions of PixArt need a picture of some size
    "pixart": Net(
        "pixart", _PIXART, 4, sigma=3.0, size=(36, 32), extra={"width": 256, "height": 288}
    ),
}
