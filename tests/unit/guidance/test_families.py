"""Families are told from one another; what they mean is tested with their architecture."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from selfguidance.guidance.families import FAMILIES, Family, transformers
from selfguidance.guidance.families.structure import Blocks, Structure
from selfguidance.guidance.families.transformers import TRANSFORMERS


def test_names_are_unique_since_records_carry_them() -> None:
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)


def test_networks_are_unique_within_an_architecture() -> None:
    networks = [(family.architecture, family.network) for family in FAMILIES]
    assert all(networks.count(network) == 1 for network in networks)


def test_terms_read_some_of_the_sites_and_each_is_recorded_once() -> None:
    for family in FAMILIES:
        assert family.term_sites and set(family.term_sites) <= set(family.sites)
        assert len(set(family.sites)) == len(family.sites)


@pytest.mark.parametrize("family", TRANSFORMERS, ids=lambda family: family.name)
def test_what_is_read_in_a_transformer_exists_in_it(family: Family) -> None:
    depths = {blocks.name: blocks.depth for blocks in family.network.blocks}
    assert all(0 <= number < depths[name] for name, number in family.sites)
    assert list(family.sites) == sorted(family.sites, key=lambda site: site[1])
    assert 0 <= family.feature_place < sum(depths.values())
    assert 0 < family.recomputed_share <= 1


def test_every_family_says_whether_its_sites_were_measured() -> None:
    words = ("measured", "published", "a guess", "as for")
    assert all(any(word in family.evidence for word in words) for family in TRANSFORMERS)


def test_a_transformer_is_read_in_blocks_of_its_first_list_and_after_the_last_of_them() -> None:
    """Six blocks keep 100 KiB a token, and 10 enter each; half as many tokens are text."""
    lists = Blocks("first", 10, output=1), Blocks("second", 20)
    structure = Structure("Net", lists, patch=3)
    arguments = ("net", "The net", structure, (2, 5), (100.0, 10.0, 2048), "a guess")
    expected = Family(
        name="net",
        title="The net",
        architecture="joint",
        network=structure,
        sites=(("first", 2), ("first", 5)),
        feature_place=5,
        graph_kib=(100, 100),  # of a cell of the latent, nine of which are a token
        evidence="a guess",
        recomputed_share=0.27,  # one block and what enters all six: 160 of 600
        recompute_by_default=True,
    )
    assert transformers._family(*arguments) == expected
    changes = {"architecture": "cross", "recompute_by_default": False}
    assert transformers._family(*arguments, "cross", False) == replace(expected, **changes)


STRUCTURES = {
    "Lumina": (
        transformers._next_dit,
        (26, None),
        Structure(
            "NextDiT",
            (Blocks("layers", 26),),
            attributes=(("patch_size", 2), ("pad_tokens_multiple", None)),
            before=("noise_refiner",),
            references_first=True,
        ),
    ),
    "Z-Image, with small patches": (
        transformers._next_dit,
        (30, 32, 1),
        Structure(
            "NextDiT",
            (Blocks("layers", 30),),
            patch=1,
            attributes=(("patch_size", 1), ("pad_tokens_multiple", 32)),
            before=("noise_refiner",),
            multiple=32,
            references_first=True,
        ),
    ),
    "SD 3": (
        transformers._sd3,
        (24,),
        Structure("OpenAISignatureMMDITWrapper", (Blocks("joint_blocks", 24, output=1),)),
    ),
    "Flux": (
        transformers._flux,
        ("Chroma", 19, 38),
        Structure(
            "Chroma",
            (Blocks("double_blocks", 19, output=0), Blocks("single_blocks", 38)),
            attributes=(("patch_size", 2),),
            adds_in_place=True,
        ),
    ),
    "Flux.2": (
        transformers._flux,
        ("Flux", 8, 48, 1),
        Structure(
            "Flux",
            (Blocks("double_blocks", 8, output=0), Blocks("single_blocks", 48)),
            patch=1,
            attributes=(("patch_size", 1),),
            padded_left=True,
            adds_in_place=True,
        ),
    ),
    "Wan": (
        transformers._wan,
        (40, 16),
        Structure(
            "WanModel",
            (Blocks("blocks", 40),),
            attributes=(("model_type", "t2v"), ("in_dim", 16)),
        ),
    ),
}


@pytest.mark.parametrize(("make", "sizes", "expected"), STRUCTURES.values(), ids=STRUCTURES.keys())
def test_networks_are_told_apart_by_class_lists_of_blocks_and_attributes(
    make: Callable[..., Structure], sizes: tuple[Any, ...], expected: Structure
) -> None:
    assert make(*sizes) == expected


@pytest.mark.parametrize(
    ("multiple", "tokens", "padded"), [(32, 1, 32), (32, 32, 32), (32, 33, 64), (1, 7, 7)]
)
def test_tokens_are_padded_to_the_next_multiple(multiple: int, tokens: int, padded: int) -> None:
    assert Structure("Net", (), multiple=multiple).padded(tokens) == padded
