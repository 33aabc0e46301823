"""Hold terms: the reference outside the object, bit for bit the run itself where it is free."""

import pytest
import torch
from selfguidance.guidance.maps.affine import Affine
from selfguidance.guidance.terms.hold import HoldBeside
from selfguidance.tests.unit.guidance.holding import (
    AWAY,
    FREE,
    GRID,
    MOVE,
    OBJECT,
    box,
    hold,
    kept,
    random,
    run,
)
from selfguidance.tests.unit.guidance.toys import TABLE, always, record, seen


def test_the_free_region_covers_where_the_object_was_and_where_it_goes() -> None:
    term = kept(record(run(OBJECT)), transform=MOVE)
    torch.testing.assert_close(term.region, 1 - FREE[None, None])


def test_an_object_that_grows_is_free_where_its_enlarged_shape_exceeds_the_threshold() -> None:
    # thrice as wide about x = 3 of 16 columns: 1 in columns 1 to 4, 2/3 in 0 and 5, 1/3 in 6
    for threshold, end in ((0.2, 7), (0.5, 6)):
        term = kept(record(run(OBJECT)), transform=Affine(scale_x=3), threshold=threshold, margin=0)
        assert torch.equal(term.region[0, 0], 1 - box(slice(3, 5), slice(0, end)))
    assert torch.equal(kept(record(run(OBJECT)), threshold=0, margin=0).region[0, 0], 1 - OBJECT)


def test_an_object_at_any_site_is_free() -> None:
    term = kept(record(run(OBJECT, AWAY)), margin=0)
    assert torch.equal(term.region[0, 0], 1 - OBJECT - AWAY)


def test_the_margin_is_counted_in_cells() -> None:
    term = kept(record(run(OBJECT)), margin=2)
    assert torch.equal(term.region[0, 0], 1 - box(slice(1, 7), slice(0, 6)))


@pytest.mark.parametrize("margin", [0, 1])
def test_every_cell_that_a_box_overlaps_is_free(margin: int) -> None:
    box_of_cells = (2.5 / 16, 2 / 8, 3 / 16, 2.1 / 8)  # columns 2.5 to 5.5, rows 2 to 4.1
    term = HoldBeside(object="moon", reference=record(run(OBJECT)), box=box_of_cells, margin=margin)
    free = box(slice(2 - margin, 5 + margin), slice(2 - margin, 6 + margin))
    assert torch.equal(term.region, 1 - free[None, None])


def test_a_prediction_in_half_precision_stays_so() -> None:
    now = torch.zeros(1, 4, *GRID, dtype=torch.float16)
    term = kept(record(run(OBJECT, latent=torch.ones(1, 4, *GRID))))
    result, _ = hold(term, now=now)
    assert torch.equal(result, term.region.half().expand_as(now))


def test_where_the_object_stood_before_it_settled_is_not_free() -> None:
    term = kept(record(run(AWAY, sigma=8), run(OBJECT, sigma=1)), margin=0)
    assert torch.equal(term.region[0, 0], 1 - OBJECT)


def test_full_weight_lands_exactly_on_the_reference_and_leaves_the_free_region_as_it_is() -> None:
    then = random(1, 1, 4, *GRID)
    now = 1e6 * random(2, 1, 4, *GRID)  # now + (then - now) would lose digits
    result, _ = hold(kept(record(run(OBJECT, latent=then)), transform=MOVE), now=now)
    free = FREE.bool().expand_as(now)
    assert torch.equal(result[~free], then[~free])
    assert torch.equal(result[free], now[free])


def test_a_run_equal_to_its_reference_is_left_bit_equal() -> None:
    now = random(3, 1, 4, *GRID)
    result, energies = hold(kept(record(run(OBJECT, latent=now)), weight=0.3), now=now)
    assert torch.equal(result, now)
    assert energies["all but circle"].tolist() == [0.0]


@pytest.mark.parametrize("pictures", [1, 2], ids=["one for all", "one each"])
def test_every_picture_of_a_batch_keeps_its_own_reference(pictures: int) -> None:
    maps, latent = torch.stack([OBJECT, AWAY])[:pictures], random(4, 2, 4, *GRID)[:pictures]
    now = random(5, 2, 4, *GRID)
    together, energies = hold(kept(record(run(maps, latent=latent))), now=now)
    for i in range(2):
        own = slice(0, 1) if pictures == 1 else slice(i, i + 1)
        alone = kept(record(run(maps[own], latent=latent[own])))
        result, energy = hold(alone, now=now[i : i + 1])
        assert torch.equal(result, together[i : i + 1])
        assert energy["all but circle"].tolist() == [energies["all but circle"][i]]


def test_it_acts_on_the_prediction_not_through_the_model() -> None:
    x = torch.rand(1, 3, *GRID, requires_grad=True)
    acting = always(kept(record(run(OBJECT)))).at(1.0, TABLE)
    assert acting.gradient(seen(x[:, 0]), x) == (None, {})
    assert not acting.energies and acting.holds


def test_a_reference_without_a_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="the reference of 'all but circle' holds no picture"):
        kept(record(seen(OBJECT)))


def test_the_energy_is_half_the_mean_square_of_what_is_held_before_the_pull() -> None:
    then, now = torch.full((1, 4, *GRID), 3.0), torch.ones(1, 4, *GRID)
    _, energies = hold(kept(record(run(OBJECT, latent=then)), transform=MOVE), now=now)
    share = 1 - 2 * 16 / 128  # two places of 4 x 4 cells are free
    assert energies["all but circle"].tolist() == pytest.approx([2**2 / 2 * share])


def test_a_reference_of_another_size_is_refused_with_both_sizes() -> None:
    other = box(slice(1, 3), slice(1, 3), (4, 4))
    latent = torch.zeros(1, 4, 4, 4)
    fits, term = kept(record(run(other, latent=latent))), kept(record(run(OBJECT)))
    with pytest.raises(ValueError, match=r"it has \(8, 16\), the latent \(4, 4\)"):
        hold(fits, term, now=latent)
