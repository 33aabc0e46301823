"""What transformers are given: videos, reference pictures, areas, sizes; and what becomes of it."""

from types import ModuleType
from typing import Any

import pytest
import torch
from selfguidance.tests.combined import combined


@pytest.fixture
def net(nets: ModuleType) -> Any:
    """Make the MODEL of that name, in inference mode; skips where the host has none."""

    def made(name: str, **how: Any) -> Any:
        with torch.inference_mode():
            return nets.built(name, **how)

    return made


@pytest.mark.compat("Models", "Videos of more than one frame", refuses=True)
@pytest.mark.parametrize("name", ["wan-1.3b", "cosmos-2b", "qwen-image"])
def test_a_video_is_refused_with_its_number_of_frames(
    lab: ModuleType, nets: ModuleType, net: Any, name: str
) -> None:
    samples = nets.latent(name)["samples"].repeat(1, 1, 5, 1, 1)
    for terms in ([], [lab.position()]):
        with pytest.raises(ValueError, match=r"has 5 frames.*one frame"):
            lab.guided(net(name), terms, **nets.settings(name, latent_image={"samples": samples}))


def test_a_transformer_of_another_depth_is_refused_by_name(
    lab: ModuleType, nets: ModuleType, net: Any
) -> None:
    from selfguidance.nodes.engine.model import family_of

    model = net("lumina2")
    del model.model.diffusion_model.layers[-1]
    with pytest.raises(ValueError, match=r"it is a NextDiT with .*25 layers.*Z-Image"):
        family_of(model)


def test_wan_from_pictures_is_refused(lab: ModuleType, nets: ModuleType, net: Any) -> None:
    from selfguidance.nodes.engine.model import family_of

    model = net("wan-1.3b")
    model.model.diffusion_model.model_type = "i2v"
    with pytest.raises(ValueError, match="it is a WanModel with 30 blocks"):
        family_of(model)


@pytest.mark.compat("Conditionings", "Reference pictures in the sequence, {name}")
@pytest.mark.parametrize("name", ["flux", "flux2-klein-4b", "qwen-image", "z-image"])
def test_reference_pictures_do_no_harm(
    lab: ModuleType, nets: ModuleType, net: Any, name: str
) -> None:
    """They stand beside the picture: its maps are of its own cells, its gradient right."""
    from comfy.ldm.lumina.model import NextDiT
    from selfguidance.tests.host.slopes import check_slope

    if name == "z-image" and "ref_latents" not in NextDiT._forward.__code__.co_varnames:
        pytest.skip("this ComfyUI takes no reference pictures for z-image")
    drawn = torch.randn(
        nets.latent(name, size=(6, 8))["samples"].shape, generator=torch.Generator().manual_seed(7)
    )
    extra = {"reference_latents": [drawn, drawn[..., :4, :]]}
    inputs = {"positive": nets.embedded(name, **extra), "negative": nets.empty(name, **extra)}
    _, record = lab.guided(net(name), **nets.settings(name, steps=1, **inputs))
    _, without = lab.guided(net(name), **nets.settings(name, steps=1))
    for site, maps in record.last.maps.items():
        assert maps.shape == without.last.maps[site].shape
        assert not torch.equal(maps, without.last.maps[site])
    own = nets.NETS[name]
    check_slope(net(name), own.sigma, own.shape(), 2e-4, **inputs)


@pytest.mark.compat("Conditionings", "Areas: read in their place, {name}")
@pytest.mark.parametrize("name", ["flux", "wan-1.3b"])
def test_the_words_of_an_area_are_seen_there_alone(
    lab: ModuleType, nets: ModuleType, net: Any, name: str
) -> None:
    frames = (1,) if nets.NETS[name].frames else ()
    start = (0,) if frames else ()
    area = (*frames, 4, 6, *start, 2, 6)
    positive = nets.embedded(name, 4, words=["sky"]) + nets.embedded(name, area=area)
    inputs = nets.settings(name, positive=positive, steps=1, latent_image=nets.latent(name, 2))
    _, record = lab.guided(net(name), [lab.position()], **inputs)
    for maps in record.last.map("red circle"):
        seen = maps > 0
        assert seen[:, 1:3, 3:].all() and not seen[:, :1].any() and not seen[:, :, :3].any()
    assert all((maps > 0).all() for maps in record.last.map("sky"))


def test_a_text_that_is_padded_in_front_is_found_behind_its_padding(
    lab: ModuleType, nets: ModuleType, net: Any
) -> None:
    """Flux.2 is given 512 tokens of any text: whoever pads, the words show the same."""
    name = "flux2-klein-4b"
    ((tokens, known),) = nets.embedded(name)
    shift = 512 - tokens.shape[1]
    long = torch.nn.functional.pad(tokens, (0, 0, shift, 0))
    table = lab.embedded(length=512, first=1 + shift)[0][1]["self_guidance"]
    model = net(name)
    records = [
        lab.guided(model, **nets.settings(name, steps=1, positive=positive))[1]
        for positive in ([[tokens, known]], [[long, {**known, "self_guidance": table}]])
    ]
    for one, other in zip(*(record.last.maps.values() for record in records), strict=True):
        assert torch.equal(one, other)


@pytest.mark.compat("Sizes", "Transformers: wide, tall and odd latents, {name}")
@pytest.mark.parametrize(
    ("name", "size"), combined(["z-image", "qwen-image", "sd3", "hidream"], [(6, 20), (13, 5)])
)
def test_maps_have_the_shape_of_the_picture(
    lab: ModuleType, nets: ModuleType, net: Any, name: str, size: tuple[int, int]
) -> None:
    inputs = nets.settings(name, steps=1, latent_image=nets.latent(name, size=size))
    guided, record = lab.guided(net(name), [lab.position()], **inputs)
    assert torch.isfinite(guided).all() and record.steps[0].guided
    grid = tuple(-(-side // 2) for side in size)
    assert {maps.shape[-2:] for maps in record.last.maps.values()} == {grid}
