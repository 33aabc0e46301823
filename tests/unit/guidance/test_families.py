"""Families are recognised by the attention of their decoder."""

import pytest
from selfguidance.guidance.families import FAMILIES, match


@pytest.mark.parametrize(
    ("depths", "name"),
    [
        ((1, 1, 1, 1), "shapes"),
        ((0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1), "sd15"),
        ((10, 10, 10, 2, 2, 2, 0, 0, 0), "sdxl"),
    ],
)
def test_a_decoder_tells_the_family(depths: tuple[int, ...], name: str) -> None:
    assert match(dict(enumerate(depths))).name == name


def test_stable_diffusion_2_is_told_from_1_by_its_linear_projections() -> None:
    depths = dict(enumerate((0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1)))
    assert match(depths, linear=False).name == "sd15"
    assert match(depths, linear=True).name == "sd2"


@pytest.mark.parametrize(
    "depths",
    [
        (),
        (1, 1, 1),
        (1, 1, 1, 0),
        (0, 0, 0, 4, 4, 4, 4, 4, 4, 0, 0, 0),  # the refiner of SDXL
        (3, 3, 3, 2, 2, 2, 0, 0, 0),  # as SDXL, but without the transformer that is read
    ],
)
def test_an_unknown_decoder_is_refused_with_the_supported_families(depths: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="no supported family") as raised:
        match(dict(enumerate(depths)))
    assert str(depths or "none") in str(raised.value)
    assert all(family.title in str(raised.value) for family in FAMILIES)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_what_a_family_reads_exists_in_its_decoder(family) -> None:
    for part, block, _ in family.sites:
        assert part == "output"
        assert family.decoder[block] == 1
    assert 0 <= family.feature_block < len(family.decoder)


def test_names_are_unique_since_records_carry_them() -> None:
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)
