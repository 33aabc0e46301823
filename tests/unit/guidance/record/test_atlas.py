"""A record's maps in few bytes: what is kept, and what is left out where they are many."""

import pytest
import torch
from selfguidance.guidance.maps.properties import Properties
from selfguidance.guidance.record.atlas import atlas, small_grid, thinned
from selfguidance.guidance.record.record import Record, Step
from selfguidance.tests.unit.guidance.toys import OTHER, SITE, TABLE, record, table


def run(steps: int, batch: int = 1, side: int = 8) -> Record:
    generator = torch.Generator().manual_seed(steps)
    shown = []
    for i in range(steps):
        maps = {
            SITE: torch.rand(batch, 3, side, side, generator=generator) * 0.1 + 0.3,
            OTHER: torch.rand(batch, 3, side // 2, side // 2, generator=generator),
        }
        shown.append(Step(Properties(float(steps - i), TABLE, maps)))
    return Record("shapes", tuple(shown))


def test_every_map_comes_back_to_a_part_of_its_own_range() -> None:
    record = run(3, batch=2)
    found = atlas(record)
    assert found.cells.shape == (2, 3, 2, 3, 8, 8) and found.cells.dtype == torch.uint8
    span = found.highest - found.lowest
    maps = found.lowest[..., None, None] + span[..., None, None] * found.cells / 255
    first = torch.stack([step.properties.maps[SITE] for step in record], 1)
    assert (maps[:, :, 0] - first).abs().max() <= 0.1 / 255
    assert found.facts["words"] == list(TABLE.words)
    assert found.facts["objects"] == [
        {"name": name, "words": list(TABLE.find(name))} for name in TABLE.objects
    ]
    assert found.facts["steps"] == [0, 1, 2] and found.facts["sigmas"] == [3.0, 2.0, 1.0]


@pytest.mark.parametrize(("steps", "batch"), [(200, 1), (100, 4), (3, 9)])
def test_many_maps_are_thinned_to_the_budget_and_say_so(steps: int, batch: int) -> None:
    one = 8 * 8 * 2 * 3
    found = atlas(run(steps, batch), budget=20 * one)
    assert found.cells.numel() <= 20 * one
    assert found.facts["steps"][0] == 0 and found.facts["steps"][-1] == steps - 1
    assert found.facts["total"] == {"steps": steps, "pictures": batch}


def test_one_map_of_each_word_and_site_is_kept_however_small_the_budget() -> None:
    found = atlas(run(3, batch=2), budget=0)
    assert found.cells.shape == (1, 1, 2, 3, 8, 8) and found.facts["steps"] == [2]


def test_a_budget_for_whole_steps_is_used_up() -> None:
    one = 8 * 8 * 2 * 3
    assert atlas(run(9, batch=2), budget=4 * one).cells.shape[:2] == (1, 4)
    assert atlas(run(2, batch=3), budget=4 * one).cells.shape[:2] == (2, 2)


def test_large_maps_are_made_coarse() -> None:
    assert atlas(run(1, side=96)).cells.shape[-2:] == (32, 32)


@pytest.mark.parametrize(
    ("grids", "expected"),
    [
        ([(8, 12)], (8, 12)),
        ([(8, 12), (16, 24), (4, 6)], (16, 24)),
        ([(64, 32)], (32, 16)),
        ([(20, 80)], (8, 32)),
        ([(2, 320)], (1, 32)),
        ([(320, 2)], (32, 1)),
    ],
)
def test_maps_are_on_the_finest_grid_of_at_most_32_cells_a_side(
    grids: list[tuple[int, int]], expected: tuple[int, int]
) -> None:
    assert small_grid(torch.zeros(1, 3, *grid) for grid in grids) == expected


@pytest.mark.parametrize(
    ("most", "expected"),
    [(1, [9]), (2, [0, 9]), (4, [0, 3, 6, 9]), (9, [0, 1, 2, 3, 4, 6, 7, 8, 9])],
)
def test_values_are_left_out_evenly_down_to_the_last_one(most: int, expected: list[int]) -> None:
    assert thinned(range(10), most) == expected
    assert thinned(range(most), most) == list(range(most))


def test_it_says_of_which_steps_and_sites_its_maps_are() -> None:
    other = Properties(9.0, table("a star"), {SITE: torch.rand(1, 2, 8, 8)})
    found = atlas(Record("shapes", (Step(other), *run(70).steps)), budget=10**6)
    assert found.facts["sites"] == ["output 0 0", "output 1 0"]
    # 64 of the 70 steps with the last prompt
    assert len(found.facts["steps"]) == 64 and 0 not in found.facts["steps"]
    assert found.facts["sigmas"] == [float(71 - step) for step in found.facts["steps"]]
    assert found.facts["total"] == {"steps": 71, "pictures": 1}


def test_a_flat_map_is_0_everywhere() -> None:
    flat = Properties(1.0, TABLE, {SITE: torch.full((1, 3, 2, 4), 0.25)})
    found = atlas(record(flat))
    assert not found.cells.any() and (found.lowest == 0.25).all() and (found.highest == 0.25).all()


def test_an_empty_record_says_what_it_lacks() -> None:
    with pytest.raises(ValueError, match="empty"):
        atlas(Record("shapes", ()))


def test_a_record_without_words_says_so() -> None:
    blank = Properties(1.0, table(""), {SITE: torch.zeros(1, 0, 8, 8)})
    with pytest.raises(ValueError, match="the prompt '' of the record has no words"):
        atlas(record(blank))
