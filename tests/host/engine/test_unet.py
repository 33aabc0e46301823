"""The architecture of UNets: which decoder is of which family, how grids are halved."""

from collections.abc import Sequence
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from torch import nn

DECODERS = {
    "shapes": (1, 1, 1, 1),
    "sd15": (0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1),
    "sdxl": (10, 10, 10, 2, 2, 2, 0, 0, 0),
}
UNKNOWN = [
    (),
    (1, 1, 1),
    (1, 1, 1, 0),
    (0, 0, 0, 4, 4, 4, 4, 4, 4, 0, 0, 0),  # the refiner of SDXL
    (3, 3, 3, 2, 2, 2, 0, 0, 0),  # as SDXL, but without the transformer that is read
]


def network(depths: Sequence[int], linear: bool = False) -> nn.Module:
    """A network with a decoder alone, without weights."""
    from comfy.ldm.modules.attention import SpatialTransformer

    def block(depth: int) -> nn.ModuleList:
        how = {"context_dim": 8, "use_linear": linear, "device": "meta"}
        return nn.ModuleList([SpatialTransformer(32, 1, 32, depth, **how)] if depth else [])

    made = nn.Module()
    made.output_blocks = nn.ModuleList(map(block, depths))
    return made


def model(diffusion_model: nn.Module) -> Any:
    """A MODEL, as far as a family is looked for."""
    return SimpleNamespace(
        get_model_object=lambda name: {"diffusion_model": diffusion_model}[name],
        model=SimpleNamespace(model_config=SimpleNamespace()),
    )


@pytest.mark.parametrize("name", DECODERS)
def test_a_decoder_tells_the_family(lab: ModuleType, name: str) -> None:
    from selfguidance.nodes.engine.model import family_of

    family = family_of(model(network(DECODERS[name])))
    assert (family.name, family.architecture) == (name, "unet")


def test_stable_diffusion_2_is_told_from_1_by_its_linear_projections(lab: ModuleType) -> None:
    from selfguidance.nodes.engine.model import family_of

    for linear, name in ((False, "sd15"), (True, "sd2")):
        assert family_of(model(network(DECODERS["sd15"], linear))).name == name


@pytest.mark.parametrize("depths", UNKNOWN, ids=str)
def test_an_unknown_decoder_is_refused_with_the_supported_families(
    lab: ModuleType, depths: tuple[int, ...]
) -> None:
    from selfguidance.guidance.families import FAMILIES
    from selfguidance.nodes.engine.model import family_of

    with pytest.raises(ValueError, match="no supported family") as raised:
        family_of(model(network(depths)))
    assert f"attention depths {depths or 'none'})" in str(raised.value)
    assert all(family.title in str(raised.value) for family in FAMILIES)


def test_a_network_without_decoder_is_refused(lab: ModuleType) -> None:
    from selfguidance.nodes.engine.model import family_of

    with pytest.raises(ValueError, match="attention depths none"):
        family_of(model(nn.Linear(2, 2)))


def test_what_a_family_reads_exists_in_its_decoder(lab: ModuleType) -> None:
    from selfguidance.nodes.engine.architectures.unet import UNet

    assert UNet().families
    for family in UNet().families:
        decoder, _ = family.network
        assert all(part == "output" and decoder[block] == 1 for part, block, _ in family.sites)
        assert 0 <= family.feature_place < len(decoder)


@pytest.mark.parametrize(
    ("grid", "part", "whole", "expected"),
    [
        ((8, 6), (8, 6), (16, 20), (16, 20)),
        ((4, 3), (8, 6), (16, 20), (8, 10)),
        ((5, 4), (9, 7), (13, 17), (7, 9)),
        ((3, 2), (9, 7), (13, 17), (4, 5)),
        ((1, 1), (2, 3), (9, 9), (3, 3)),
    ],
)
def test_the_whole_picture_is_halved_as_often_as_a_part(
    lab: ModuleType, grid: Any, part: Any, whole: Any, expected: Any
) -> None:
    from selfguidance.nodes.engine.architectures.unet import whole_grid

    assert whole_grid(grid, part, whole) == expected


def test_a_grid_that_halving_never_gives_is_refused(lab: ModuleType) -> None:
    from selfguidance.nodes.engine.architectures.unet import whole_grid

    with pytest.raises(ValueError, match=r"area of 8 x 8 latent cells is seen as 3 x 4"):
        whole_grid((3, 4), (8, 8), (16, 16))
