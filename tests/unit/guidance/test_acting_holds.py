"""The regions that the terms of one model call hold together."""

import pytest
import torch
from selfguidance.guidance.plan import Plan, Scheduled
from selfguidance.guidance.terms.hold import HoldMask
from selfguidance.guidance.terms.reference import Size
from selfguidance.tests.unit.guidance.bowls import Bowl
from selfguidance.tests.unit.guidance.holding import (
    AWAY,
    FREE,
    GRID,
    MOVE,
    OBJECT,
    box,
    hold,
    kept,
    masked,
    random,
    run,
)
from selfguidance.tests.unit.guidance.toys import TABLE, always, pictured, record


def test_the_region_is_brought_to_the_grid_of_the_latent() -> None:
    then, now = random(0, 1, 4, 32, 64), random(1, 1, 4, 32, 64)
    after, _ = hold(kept(record(run(OBJECT, latent=then))), now=now)
    torch.testing.assert_close(after[..., 0, 0], then[..., 0, 0])
    assert torch.equal(after[..., 16, 12], now[..., 16, 12])


@pytest.mark.parametrize(
    ("weight", "strength", "share"), [(0.5, 1, 0.5), (1, 0.25, 0.25), (1, 9, 1), (0.5, 9, 0.5)]
)
def test_weight_and_strength_say_how_far_it_goes(
    weight: float, strength: float, share: float
) -> None:
    then, now = torch.ones(1, 4, *GRID), torch.zeros(1, 4, *GRID)
    term = kept(record(run(OBJECT, latent=then)), weight=weight)
    result, _ = hold(term, now=now, strength=strength)
    torch.testing.assert_close(result, (share * term.region).expand_as(now))


def test_the_reference_is_read_at_the_noise_level_of_the_pass() -> None:
    early, late = torch.ones(1, 4, *GRID), torch.full((1, 4, *GRID), 5.0)
    then = record(run(OBJECT, sigma=4, latent=early), run(OBJECT, sigma=1, latent=late))
    result, _ = hold(kept(then), now=torch.zeros(1, 4, *GRID), sigma=2.0)
    assert result[0, 0, 0, 0].item() == pytest.approx(3.0)


def test_parts_lead_nowhere_where_the_picture_is_held() -> None:
    reference, left = pictured(), torch.zeros(1, 6, 8)
    left[..., :4] = 1
    plan = always(Bowl(object="circle"), HoldMask(reference=reference, mask=left))
    step = torch.ones_like(plan.at(1.0).holds[0].target(1.0, torch.zeros(1, 4, 12, 16)))
    moved = plan.at(1.0, TABLE).ahead(step, 0.25)
    assert (moved[..., :7] == 0).all() and (moved[..., 9:] == -0.25).all()


def test_what_one_term_sets_free_no_other_holds() -> None:
    then, now = torch.ones(1, 4, *GRID), torch.zeros(1, 4, *GRID)
    maps = run(OBJECT, latent=then)
    first, second = kept(record(maps)), kept(record(run(AWAY, latent=then)))
    result, energies = hold(first, second, now=now)
    torch.testing.assert_close(result, (first.region * second.region).expand_as(now))
    assert list(energies) == ["all but circle", "all but circle (2)"]


@pytest.mark.parametrize("order", [1, -1])
def test_several_recipes_hold_the_rest_no_faster_than_the_strongest(order: int) -> None:
    then = record(run(OBJECT, latent=torch.ones(1, 4, *GRID)))
    terms = [kept(then, weight=0.25), kept(then, weight=0.5), kept(then, weight=0.5)][::order]
    result, energies = hold(*terms, now=torch.zeros(1, 4, *GRID))
    torch.testing.assert_close(result, 0.5 * terms[0].region.expand_as(result))
    assert len(energies) == 3


def test_a_region_is_held_while_no_prompt_with_words_takes_part() -> None:
    then, now = torch.ones(1, 4, *GRID), torch.zeros(1, 4, *GRID)
    term = kept(record(run(OBJECT, latent=then)))
    result, _ = always(term).at(1.0).held(now)
    torch.testing.assert_close(result, term.region.expand_as(now))


def test_what_a_term_sets_free_stays_free_outside_its_window() -> None:
    then, now = torch.ones(1, 4, *GRID), torch.zeros(1, 4, *GRID)
    over, active = (kept(record(run(maps, latent=then))) for maps in (OBJECT, AWAY))
    other = Size(object="circle", size=0.1)
    plan = Plan((Scheduled(over, 9.0, 5.0), *always(active, other).terms))
    result, energies = plan.at(1.0, TABLE).held(now)
    torch.testing.assert_close(result, (over.region * active.region).expand_as(now))
    assert list(energies) == ["all but circle"]


@pytest.mark.parametrize("first", ["mask", "recipe"])
def test_a_mask_has_the_last_word_beside_a_recipe_in_either_order(first: str) -> None:
    """Where the recipe moves its object and where it holds the rest, and nowhere else."""
    ours, theirs = torch.full((1, 4, *GRID), 2.0), torch.full((1, 4, *GRID), 3.0)
    mask = torch.maximum(OBJECT, box(slice(0, 1), slice(0, 16)))
    terms = [masked(mask, theirs), kept(record(run(OBJECT, latent=ours)), transform=MOVE)]
    result, energies = hold(*terms[:: 1 if first == "mask" else -1], now=torch.zeros(1, 4, *GRID))
    expected = torch.where(mask.bool(), 3.0, 2.0 * (1 - FREE))
    torch.testing.assert_close(result, expected.expand_as(result))
    assert energies.keys() == {"preserved", "all but circle"}
