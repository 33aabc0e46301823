"""Family records are told from one another; what they mean is tested with their architecture."""

from selfguidance.guidance.families import FAMILIES


def test_names_are_unique_since_records_carry_them() -> None:
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)


def test_signatures_are_unique_within_an_architecture() -> None:
    signatures = [(family.architecture, family.signature) for family in FAMILIES]
    assert all(signatures.count(signature) == 1 for signature in signatures)


def test_terms_read_some_of_the_sites_and_each_is_recorded_once() -> None:
    for family in FAMILIES:
        assert family.term_sites and set(family.term_sites) <= set(family.sites)
        assert len(set(family.sites)) == len(family.sites)
