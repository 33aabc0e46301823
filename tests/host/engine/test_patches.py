"""Guidance on models that ComfyUI's own patch nodes have changed: both keep their effect."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import torch
from selfguidance.tests.host.theirs import ran, there

# the module of the node's class, its class, its inputs
NODES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "HyperTile": (
        "hypertile",
        "HyperTile",
        {"tile_size": 16, "swap_size": 2, "max_depth": 2, "scale_depth": True},
    ),
    "Tome Patch Model": ("tomesd", "TomePatchModel", {"ratio": 0.5}),
    "FreeU": ("freelunch", "FreeU", {}),
    "FreeU V2": ("freelunch", "FreeU_V2", {}),
    "Self-Attention Guidance": ("sag", "SelfAttentionGuidance", {}),
    "Perturbed-Attention Guidance": ("pag", "PerturbedAttentionGuidance", {}),
    "Kohya Deep Shrink": ("model_downscale", "PatchModelAddDownscale", {"end_percent": 0.6}),
    "Kohya Deep Shrink before the skip": (
        "model_downscale",
        "PatchModelAddDownscale",
        {"end_percent": 0.6, "downscale_after_skip": False, "downscale_method": "area"},
    ),
    "Normalized Attention Guidance": ("nag", "NAGuidance", {"nag_scale": 5.0}),
    "Epsilon Scaling": ("eps", "EpsilonScaling", {"scaling_factor": 1.02}),
    "Temporal Score Rescaling": ("eps", "TemporalScoreRescaling", {}),
    "TCFG": ("tcfg", "TCFG", {}),
    "Rescale CFG": ("model_advanced", "RescaleCFG", {}),
    "Adaptive Projected Guidance": ("apg", "APG", {}),
    "CFG Zero Star": ("cfg", "CFGZeroStar", {}),
    "CFG Norm": ("cfg", "CFGNorm", {}),
    "Mahiro": ("mahiro", "Mahiro", {}),
    "FreSca": ("fresca", "FreSca", {"scale_low": 1.2, "scale_high": 1.3, "freq_cutoff": 5}),
    "UNet Self Attention Multiply": (
        "attention_multiply",
        "UNetSelfAttentionMultiply",
        {"q": 1.1, "out": 1.2},
    ),
    "UNet Cross Attention Multiply": (
        "attention_multiply",
        "UNetCrossAttentionMultiply",
        {"q": 1.1, "out": 1.2},
    ),
    "UNet Temporal Attention Multiply": (
        "attention_multiply",
        "UNetTemporalAttentionMultiply",
        {"self_structural": 1.2},
    ),
}
SHAPE = (1, 4, 8, 8)
each = pytest.mark.parametrize("name", NODES)


@pytest.fixture(scope="module")
def model(lab: ModuleType) -> Any:
    with torch.inference_mode():
        return lab.unet("sd15")


@pytest.fixture(scope="module")
def exact(lab: ModuleType) -> Any:
    with torch.inference_mode():
        return lab.unet("sd15", dtype=torch.float64)


def patched(name: str, model: Any, **changes: Any) -> Any:
    """The MODEL as that node returns it."""
    module, kind, inputs = NODES[name]
    with torch.inference_mode():
        return ran(
            there(f"comfy_extras.nodes_{module}", kind), model=model, **{**inputs, **changes}
        )[0]


def inputs(lab: ModuleType) -> dict[str, Any]:
    """Of two steps; the deepest maps, of which some nodes take a mean, have 2 x 2 positions."""
    return {"steps": 2, "latent_image": lab.latent(1, 12, 12)}


@pytest.fixture(scope="module")
def unpatched(lab: ModuleType, model: Any) -> torch.Tensor:
    return lab.plain(model, **inputs(lab))


def check_company(
    lab: ModuleType, model: Any, unpatched: torch.Tensor, patch: Callable[[Any], Any]
) -> None:
    """Fails unless the patch and guidance both count, in either order."""
    run = inputs(lab)
    terms = [lab.position()]
    plain = lab.plain(patch(model), **run)
    effect = (plain - unpatched).abs().max()
    assert effect > 0
    unguided, _ = lab.guided(patch(model), terms, 0.0, **run)
    assert torch.equal(unguided, plain)
    guided, record = lab.guided(patch(model), terms, **run)
    assert torch.isfinite(guided).all() and not torch.equal(guided, plain)
    assert record.steps and all(step.guided for step in record)
    # hardly guided, what the patch does is all there
    hardly = lab.plain(lab.applied(patch(model), terms, 1e-6), **run)
    assert (hardly - plain).abs().max() < 0.02 * effect
    assert torch.equal(lab.plain(patch(lab.applied(model, terms)), **run), guided)


@pytest.mark.compat("Other packs and nodes", "{name}")
@each
def test_a_node_and_guidance_both_count_in_any_order(
    lab: ModuleType, model: Any, unpatched: torch.Tensor, name: str
) -> None:
    check_company(lab, model, unpatched, lambda model: patched(name, model))


def in_place(kind: str) -> Callable[[Any], Any]:
    """A patch that changes what it is given after it has used it, as FreeU does."""

    def output(h: torch.Tensor, skip: torch.Tensor, _: Any) -> tuple[torch.Tensor, torch.Tensor]:
        mean = h.mean(1, keepdim=True)
        half = h.shape[1] // 2
        h[:, :half] = h[:, :half] * (1 + 0.2 * mean.sigmoid())
        skip *= 0.9
        return h, skip

    def entering(h: torch.Tensor, _: Any) -> torch.Tensor:
        h *= 1 + 0.1 * h.mean(1, keepdim=True).sigmoid()
        return h

    def attention(n: torch.Tensor, context: Any, value: Any, _: Any) -> tuple[Any, Any, Any]:
        n[:, 1:] = n[:, 1:] * (1 + 0.1 * n[:, :1].sigmoid())
        return n, context, value

    def attended(n: torch.Tensor, _: Any) -> torch.Tensor:
        n[:, 1:] = n[:, 1:] * (1 + 0.1 * n[:, :1].sigmoid())
        return n

    places: dict[str, Callable] = {
        "output_block_patch": output,
        "input_block_patch": entering,
        "input_block_patch_after_skip": entering,
        "attn1_patch": attention,
        "attn2_patch": attention,
        "attn1_output_patch": attended,
        "attn2_output_patch": attended,
    }

    def patch(model: Any) -> Any:
        clone = model.clone()
        clone.set_model_patch(places[kind], kind)
        return clone

    return patch


PLACES = (
    "output_block_patch",
    "input_block_patch",
    "input_block_patch_after_skip",
    "attn1_patch",
    "attn2_patch",
    "attn1_output_patch",
    "attn2_output_patch",
)


@pytest.mark.compat("Other packs and nodes", "Changes in place by {place} (stand-in)")
@pytest.mark.parametrize("place", PLACES)
def test_what_is_changed_in_place_has_the_right_gradient(
    lab: ModuleType, exact: Any, place: str
) -> None:
    from selfguidance.tests.host.slopes import check_slope

    other = check_slope(in_place(place)(exact), shape=SHAPE)
    assert not torch.allclose(other, check_slope(exact, shape=SHAPE), rtol=0.01)


def mixing(model: Any) -> Any:
    """A patch as NAG is: it needs positive and negative in one call, and writes in place."""

    def attended(out: torch.Tensor, extra: Any) -> torch.Tensor:
        order = extra["cond_or_uncond"]
        if not {0, 1} <= set(order):
            return out
        count = len(out) // len(order)
        own, other = (slice(count * order.index(i), count * (order.index(i) + 1)) for i in (0, 1))
        pushed = out[own] * 3 - out[other] * 2
        out[own] = pushed * (out[own].norm() / pushed.norm())
        return out

    clone = model.clone()
    clone.set_model_attn1_output_patch(attended)
    return clone


@pytest.mark.compat("Other packs and nodes", "Patches that mix conditionings, as NAG (stand-in)")
def test_a_patch_that_mixes_conditionings_still_sees_both(
    lab: ModuleType, model: Any, unpatched: torch.Tensor, exact: Any
) -> None:
    from selfguidance.tests.host.slopes import check_slope

    check_company(lab, model, unpatched, mixing)
    check_slope(mixing(exact), shape=SHAPE, cfg=4.0)


@pytest.mark.compat("Other packs and nodes", "Two patch nodes at once")
def test_several_nodes_at_once(lab: ModuleType, model: Any, unpatched: torch.Tensor) -> None:
    def patch(model: Any) -> Any:
        for name in ("FreeU V2", "HyperTile", "Perturbed-Attention Guidance", "Rescale CFG"):
            model = patched(name, model)
        return model

    check_company(lab, model, unpatched, patch)
