"""Family records are told from one another; what they mean is tested with their architecture."""

import pytest
from selfguidance.guidance.families import FAMILIES, Family
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
    assert 0 < family.recomputed <= 1


def test_every_record_says_whether_its_sites_were_measured() -> None:
    words = ("measured", "published", "a guess", "as for")
    assert all(any(word in family.source for word in words) for family in TRANSFORMERS)
