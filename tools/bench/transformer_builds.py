"""Settings of narrow transformers, as deep as the real ones, for ComfyUI's own model classes."""

from dataclasses import fields
from typing import Any

from comfy.ldm.chroma.model import ChromaParams
from comfy.ldm.flux.model import FluxParams

from .unets import WIDTH, Build

HEAD = 32  # width of a head
POOLED = 32
_AXES = [8, 12, 12]  # of positions, as wide as a head together


def _made(model_class: str, **settings: Any) -> Build:
    return Build(model_class, settings, {})


def next_dit(model_class: str, layers: int, dim: int, **more: Any) -> Build:
    """Lumina 2 and its kin, of so many layers and so wide."""
    return _made(
        model_class,
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


def sd3(blocks: int, **more: Any) -> Build:
    """Stable Diffusion 3 and 3.5 with so many blocks."""
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


def flux(
    model_class: str, double: int, single: int, params: Any = FluxParams, **more: Any
) -> Build:
    """Flux.1 and its kin with so many blocks of two streams and of one."""
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
    return _made(model_class, image_model=more.get("image_model", "flux"), **settings)


def flux2(double: int, single: int) -> Build:
    """Flux.2, likewise."""
    return flux(
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


def wan(layers: int, channels: int, model_class: str = "WAN21_T2V") -> Build:
    """Wan with so many layers, for latents of so many channels."""
    return _made(
        model_class,
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


def cosmos(model_class: str, blocks: int, image_model: str) -> Build:
    """Cosmos-Predict2 and its kin with so many blocks."""
    return _made(
        model_class,
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


CHROMA = flux(
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
HIDREAM = _made(
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
PIXART = _made(
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
KREA2 = _made(
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
QWEN = _made(
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
Z_IMAGE = {
    "n_kv_heads": 8,
    "rope_theta": 256.0,
    "z_image_modulation": True,
    "time_scale": 1000.0,
    "pad_tokens_multiple": 32,
}
LLAMA = {"conditioning_llama3": (1, 2, 10, WIDTH)}
