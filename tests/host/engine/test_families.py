"""UNet families and their variants, as ComfyUI builds them: recognised, guided, or refused."""

from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from selfguidance.tests.host.theirs import ran
from selfguidance.tests.host.vae import Vae

KNOWN = {
    "sd15": "sd15",
    "sd15-inpaint": "sd15",
    "sd15-ip2p": "sd15",
    "sd2": "sd2",
    "sd2-v": "sd2",
    "sd2-inpaint": "sd2",
    "sd2-unclip": "sd2",
    "sdxl": "sdxl",
    "sdxl-v": "sdxl",
    "sdxl-v-ztsnr": "sdxl",
    "sdxl-edm": "sdxl",
    "sdxl-edm-v": "sdxl",
    "sdxl-inpaint": "sdxl",
    "sdxl-ip2p": "sdxl",
    "ssd-1b": "sdxl",
}
REFUSED = {
    "sdxl-refiner": "SDXLRefiner",
    "segmind-vega": "Segmind_Vega",
    "koala-700m": "KOALA_700M",
    "svd": "SVD_img2vid",
}
each_known = pytest.mark.parametrize("name", KNOWN)
SIZE = 16


def detected(lab: ModuleType, name: str) -> Any:
    """A MODEL at its real widths without weights, by the way that ComfyUI loads a checkpoint."""
    import comfy.model_detection
    from comfy.model_patcher import ModelPatcher
    from selfguidance.tools.bench.unets import BUILDS

    unet = BUILDS[name]
    made = unet.built(narrow=False, dtype=torch.float16, device="meta")
    weights = made.diffusion_model.state_dict()
    key = "output_blocks.11.1.transformer_blocks.0.norm1.bias"
    if key in weights:  # ComfyUI looks at it, to tell the parametrisation of SD 2.x
        weights[key] = torch.zeros(weights[key].shape)
    weights |= unet.marks
    config = comfy.model_detection.model_config_from_unet(weights, "")
    assert type(config).__name__ == unet.model_class
    model = config.get_model(weights, "", device=torch.device("meta"))
    assert model.model_type == made.model_type
    return ModelPatcher(model, torch.device("meta"), torch.device("meta"))


@pytest.mark.compat("Models", "{name}, random weights")
@each_known
def test_a_checkpoint_is_recognised_at_its_real_widths(lab: ModuleType, name: str) -> None:
    from selfguidance.nodes.engine.model import family_of

    model = detected(lab, name)
    family = family_of(model)
    assert family.name == KNOWN[name]
    blocks = model.model.diffusion_model.output_blocks
    for _, block, transformer in family.sites:
        assert blocks[block][1].transformer_blocks[transformer].attn2.to_k.in_features in (
            768,
            1024,
            2048,
        )
    assert family.feature_place == len(blocks) - 1


@pytest.mark.compat("Models", "{name}", refuses=True)
@pytest.mark.parametrize("name", REFUSED)
def test_another_unet_is_refused_by_name_with_what_is_supported(lab: ModuleType, name: str) -> None:
    from selfguidance.guidance.families import FAMILIES
    from selfguidance.nodes.engine.model import family_of

    with pytest.raises(ValueError, match=REFUSED[name]) as raised:
        family_of(detected(lab, name))
    assert all(family.title in str(raised.value) for family in FAMILIES)


@pytest.mark.compat("Models", "lotus", refuses=True)
def test_a_model_that_turns_one_picture_into_another_is_refused(lab: ModuleType) -> None:
    with torch.inference_mode():
        model = lab.unet("lotus")
    assert torch.equal(lab.guided(model, steps=1)[0], lab.plain(model, steps=1))
    with pytest.raises(ValueError, match=r"IMG_TO_IMG.*strength 0"):
        lab.guided(model, [lab.position()], steps=1)


def conditioned(lab: ModuleType, name: str, size: int = SIZE) -> dict[str, Any]:
    """Inputs of a run, from the node that is made for this kind of model; `size` of the latent."""
    import nodes
    from comfy_extras.nodes_ip2p import InstructPixToPixConditioning

    positive, negative = lab.embedded(), lab.empty()
    side = 8 * size
    pixels = torch.rand(1, side, side, 3, generator=torch.Generator().manual_seed(4))
    latent: Any = lab.latent(1, size, size)
    if name.endswith("-inpaint"):
        mask = torch.zeros(1, side, side)
        mask[:, side // 4 : 3 * side // 4, side // 6 : 5 * side // 6] = 1
        positive, negative, latent = nodes.InpaintModelConditioning().encode(
            positive, negative, pixels, Vae(4), mask, True
        )
    elif name.endswith("-ip2p"):
        inputs = {"positive": positive, "negative": negative, "pixels": pixels, "vae": Vae(4)}
        positive, negative, latent = ran(InstructPixToPixConditioning, **inputs)
    elif name.endswith("-unclip"):
        width = 1024
        embeds = torch.randn(1, width, generator=torch.Generator().manual_seed(3))
        seen = SimpleNamespace(image_embeds=embeds)
        positive = nodes.unCLIPConditioning().apply_adm(positive, seen, 1.0, 0.1)[0]
    return {"positive": positive, "negative": negative, "latent_image": latent}


def without_the_picture(inputs: dict[str, Any]) -> dict[str, Any]:
    """The same inputs, but for what the node for this kind of model has put in."""
    own = ("concat_latent_image", "concat_mask", "unclip_conditioning")
    return inputs | {
        name: [[c, {k: v for k, v in extra.items() if k not in own}] for c, extra in inputs[name]]
        for name in ("positive", "negative")
    }


@pytest.mark.compat("Models", "{name}, random weights")
@each_known
def test_a_variant_is_guided_and_left_alone_without_strength(lab: ModuleType, name: str) -> None:
    with torch.inference_mode():
        model = lab.unet(name)
    inputs = conditioned(lab, name, SIZE if name.endswith("-inpaint") else 8) | {"steps": 2}
    plain = lab.plain(model, **inputs)
    other = lab.plain(model, **without_the_picture(inputs))
    assert torch.equal(plain, other) != name.endswith(("-inpaint", "-ip2p", "-unclip"))
    assert torch.equal(lab.guided(model, [lab.position()], 0.0, **inputs)[0], plain)
    guided, record = lab.guided(model, [lab.position()], **inputs)
    assert torch.isfinite(guided).all() and not torch.equal(guided, plain)
    assert record.family == KNOWN[name] and all(step.guided for step in record)
    if name.endswith("-inpaint"):
        changed = (guided != plain).any(1)[0]
        assert changed[5:10, 4:12].all()
        assert not changed[:3].any() and not changed[12:].any()


@pytest.mark.compat("Models", "{name}, random weights")
@each_known
def test_a_variants_gradient_agrees_with_finite_differences(lab: ModuleType, name: str) -> None:
    from selfguidance.tests.host.slopes import check_slope

    with torch.inference_mode():
        model = lab.unet(name, dtype=torch.float64)
    inputs = conditioned(lab, name, 8)
    conds = {side: inputs[side] for side in ("positive", "negative")}
    check_slope(model, shape=(1, 4, 8, 8), **conds)


@pytest.mark.compat("Models", "sdxl with Revision, random weights")
def test_a_picture_as_prompt_for_sdxl_is_kept(lab: ModuleType) -> None:
    """SDXL Revision: the pooled text is replaced by the embedding of a picture."""
    import nodes

    with torch.inference_mode():
        model = lab.unet("sdxl")
    embeds = torch.randn(1, 1280, generator=torch.Generator().manual_seed(3))
    seen = SimpleNamespace(image_embeds=embeds)
    positive = nodes.unCLIPConditioning().apply_adm(lab.embedded(), seen, 1.0, 0.0)[0]
    inputs = {"positive": positive, "negative": lab.empty(), "steps": 2}
    plain = lab.plain(model, **inputs)
    assert not torch.equal(plain, lab.plain(model, steps=2))
    assert torch.equal(lab.guided(model, [lab.position()], 0.0, **inputs)[0], plain)
    assert not torch.equal(lab.guided(model, [lab.position()], **inputs)[0], plain)


def test_the_size_that_sdxl_is_told_counts_in_a_guided_run(lab: ModuleType) -> None:
    with torch.inference_mode():
        model = lab.unet("sdxl")
    term, rest = [lab.position()], {"negative": lab.empty(), "steps": 1}
    results = [lab.guided(model, term, positive=lab.embedded(width=w), **rest) for w in (512, 1536)]
    assert not torch.equal(results[0][0], results[1][0])


@pytest.mark.parametrize(("one", "other"), [("sd15", "sd2"), ("sd2", "sd15"), ("sd2", "sdxl")])
def test_a_record_of_one_family_is_refused_by_another(
    lab: ModuleType, one: str, other: str
) -> None:
    from selfguidance.guidance.terms import reference as energies

    with torch.inference_mode():
        first, second = lab.unet(one), lab.unet(other)
    _, record = lab.guided(first, steps=2)
    term = energies.Shape(object="red circle", reference=record)
    with pytest.raises(ValueError, match=f"{one}.*{other}"):
        lab.guided(second, [term], steps=2)


def test_a_record_of_a_variant_serves_its_family(lab: ModuleType) -> None:
    from selfguidance.guidance.terms import reference as energies

    with torch.inference_mode():
        first, second = lab.unet("sd15"), lab.unet("sd15-inpaint")
    _, record = lab.guided(first, steps=2)
    term = energies.Position(object="red circle", x=0.3, y=0.1, reference=record)
    inputs = conditioned(lab, "sd15-inpaint") | {"steps": 2}
    assert not torch.equal(lab.guided(second, [term], **inputs)[0], lab.plain(second, **inputs))
