"""What of a reference a term compares a pass with."""

import pytest
import torch
from selfguidance.guidance.maps.properties import Properties
from selfguidance.guidance.record.compared import reference_properties
from selfguidance.guidance.record.record import moved
from selfguidance.tests.unit.guidance.toys import OTHER, SITE, cell, left, record, seen, table

EARLY, LATE = (
    seen(cell(2, 4, 0, 0), left(3, 3, 1), sigma=8.0),
    seen(cell(2, 4, 1, 3), left(3, 3, 2), sigma=2.0),
)
RUN = record(EARLY, LATE)


def passed(sigma: float) -> Properties:
    """A pass that sees one of the two sites."""
    return seen(left(2, 4, 2), sigma=sigma)


@pytest.mark.parametrize(
    ("sigma", "settled", "expected"), [(8.0, False, EARLY), (2.0, False, LATE), (8.0, True, LATE)]
)
def test_it_is_read_at_the_noise_level_or_where_it_ended_at_the_sites_of_the_pass(
    sigma: float, settled: bool, expected: Properties
) -> None:
    then = reference_properties(RUN, passed(sigma), "circle", settled)
    assert list(then.maps) == [SITE]
    torch.testing.assert_close(then.maps[SITE], expected.maps[SITE])
    both = reference_properties(RUN, seen(left(2, 4, 2), left(3, 3, 1)), "circle", settled)
    assert list(both.maps) == [SITE, OTHER]


def test_it_is_read_at_the_noise_level_unless_asked_otherwise() -> None:
    then = reference_properties(RUN, passed(8.0), "circle")
    assert torch.equal(then.maps[SITE], EARLY.maps[SITE])


@pytest.mark.parametrize("settled", [False, True])
def test_all_terms_of_a_pass_share_what_is_read_of_a_reference(settled: bool) -> None:
    now, again = passed(8.0), record(EARLY, LATE)
    then = reference_properties(RUN, now, "circle", settled)
    assert reference_properties(RUN, now, "square", settled) is then
    assert reference_properties(RUN, now, "circle", not settled) is not then
    assert reference_properties(again, now, "circle", settled) is not then
    assert reference_properties(RUN, passed(8.0), "circle", settled) is not then


def test_where_prompts_change_it_is_read_where_they_name_the_object() -> None:
    short, longer = table("a circle"), table("a circle and a square")
    early = Properties(8.0, short, {SITE: torch.rand(1, 2, 4, 4)})
    late = Properties(2.0, longer, {SITE: torch.rand(1, 5, 4, 4)})
    run, now = record(early, late), passed(8.0)
    for name, expected in (("circle", early), ("square", late), ("star", early)):
        then = reference_properties(run, now, name)
        assert then.table == expected.table
        assert torch.equal(then.maps[SITE], expected.maps[SITE])
        assert reference_properties(run, now, name) is then


@pytest.mark.parametrize("settled", [False, True])
def test_it_comes_to_the_device_of_the_pass(settled: bool) -> None:
    now = moved(passed(8.0), torch.device("meta"), torch.float16)
    maps = reference_properties(RUN, now, "circle", settled).maps[SITE]
    assert (maps.device.type, maps.dtype) == ("meta", torch.float32)
