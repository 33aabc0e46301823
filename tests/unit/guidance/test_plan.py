"""The plan: which terms act at which noise level, and where they want their objects."""

import pytest
import torch
from selfguidance.guidance.maps.affine import Affine
from selfguidance.guidance.plan import Plan, Scheduled
from selfguidance.guidance.recipes.transform import Recipe
from selfguidance.guidance.terms.appearance import Appearance
from selfguidance.guidance.terms.attention import Box
from selfguidance.guidance.terms.hold import HoldRest
from selfguidance.guidance.terms.reference import Position, Size
from selfguidance.guidance.terms.window import Window
from selfguidance.tests.unit.guidance.bowls import Bowl, acting, inputs, shown
from selfguidance.tests.unit.guidance.toys import (
    TABLE,
    always,
    blob,
    cell,
    pictured,
    record,
    seen,
    table,
)


def test_windows_select_the_terms_of_a_noise_level() -> None:
    early = Bowl(object="circle", window=Window(0, 0.5))
    late = Bowl(object="square", window=Window(0.5, 1))
    plan = Plan.of([early, late], lambda percent: 10 * (1 - percent))
    assert [tuple(plan.at(sigma).energies.values()) for sigma in (10, 8, 5, 2, 0)] == [
        (early,),
        (early,),
        (early, late),
        (late,),
        (late,),
    ]
    assert not plan.at(10.1)
    assert [plan.acts(sigma) for sigma in (10.1, 10, 0)] == [False, True, True]
    x = inputs()
    assert list(plan.at(8.0, TABLE).gradient(shown(x, 8.0), x)[1]) == ["bowl of circle"]


def test_terms_wait_while_the_prompt_does_not_name_their_object() -> None:
    circle, moon = Bowl(object="circle"), Bowl(object="moon")
    rest = HoldRest(object="star", reference=pictured())
    plan = always(circle, moon, rest)
    whole = plan.at(1.0)
    assert list(whole.energies) == ["bowl of circle", "bowl of moon"] and whole.holds == (rest,)
    part = plan.at(1.0, TABLE)
    assert dict(part.energies) == {"bowl of circle": circle}
    assert part.holds == (rest,)  # pixels are held whatever the prompt names
    x = inputs()
    assert list(part.gradient(shown(x), x)[1]) == ["bowl of circle"]
    nothing = plan.at(1.0, table("heart"))
    assert not nothing.energies and nothing
    assert not always(circle, moon).at(1.0, table("heart"))


def test_what_is_held_counts_the_regions_of_the_whole_run() -> None:
    """A recipe that does not act now has still set its region free."""
    first, second = (HoldRest(object=name, reference=pictured()) for name in ("star", "circle"))
    plan = Plan((*always(first).terms, Scheduled(second, 9.0, 5.0)))
    now = plan.at(1.0, TABLE)
    assert now.holds == (first,)
    regions = zip(now.regions, (first, second), strict=True)
    assert all(region is term.region for region, term in regions)


def test_features_are_read_where_a_term_that_acts_reads_them() -> None:
    then = pictured()
    looks = Appearance(object="star", reference=then)
    plan = Plan((Scheduled(looks, 9.0, 5.0), *always(Position(object="star", x=0, y=0)).terms))
    assert plan.reads_features
    assert [plan.at(sigma).reads_features for sigma in (6.0, 1.0)] == [True, False]


def test_terms_without_effect_are_left_out() -> None:
    terms = [Bowl(object="circle", weight=0), Bowl(object="circle", window=Window(0.3, 0.3))]
    assert Plan.of(terms, float).terms == ()
    assert Plan.of([Bowl(object="circle")], float, strength=0).terms == ()
    assert Plan.of([], float).terms == ()
    kept = Plan.of([*terms, Bowl(object="square")], float, 2.0, raw=True)
    assert [scheduled.term.object for scheduled in kept.terms] == ["square"]
    assert (kept.strength, kept.raw) == (2.0, True)


def test_what_acts_now_knows_its_noise_level_and_how_the_run_steps() -> None:
    plain = Plan.of([Bowl(object="circle")], float).at(0.7)
    assert (plain.sigma, plain.strength, plain.raw) == (0.7, 1.0, False)
    raw = Plan.of([Bowl(object="circle")], float, strength=2.0, raw=True).at(0.2)
    assert (raw.sigma, raw.strength, raw.raw) == (0.2, 2.0, True)


def test_without_an_active_term_there_is_no_gradient() -> None:
    x = inputs()
    assert acting().gradient(shown(x), x) == (None, {})
    late = Plan((Scheduled(Bowl(object="circle"), 0.5, 0.0),))
    assert late.at(1.0, TABLE).gradient(shown(x, sigma=1.0), x) == (None, {})


def test_the_weightiest_term_of_an_object_counts() -> None:
    terms = [
        Position(object="circle", x=0.1, y=0.1),
        Box(object="circle", x=0.5, y=0.5, width=0.2, height=0.2, weight=3.0),
        Position(object="square", x=0.9, y=0.9, weight=0.0),
        Size(object="circle", size=0.2, weight=9.0),
    ]
    now = seen(blob(8, 8, 0.5, 0.5), sigma=10.0)
    found = always(*terms).goals(now)
    assert list(found) == ["circle"]
    assert found["circle"][0].tolist() == pytest.approx([0.6, 0.6])


def test_a_target_relative_to_a_reference_is_that_of_the_noise_level() -> None:
    then = record(seen(cell(1, 4, 0, 0), sigma=4.0), seen(cell(1, 4, 0, 3), sigma=1.0))
    plan = always(Position(object="circle", x=0, y=0, reference=then))
    for sigma, x in ((4.0, 1 / 8), (1.0, 7 / 8)):
        now = seen(cell(1, 4, 0, 1), sigma=sigma)
        torch.testing.assert_close(plan.goals(now)["circle"], torch.tensor([[x, 1 / 2]]))


def test_a_recipe_wants_its_object_moved_and_the_others_where_they_ended_up() -> None:
    run = pictured()
    move = Recipe(object="red circle", reference=run, transform=Affine(0.2, -0.1))
    found = Plan.of([move], float).goals(run.last)
    ended = {name: run.settled().centroid(name).mean(1) for name in found}
    assert list(ended) == ["red circle", "blue square", "star"]
    moved = ended["red circle"] + torch.tensor([0.2, -0.1])
    assert torch.allclose(found["red circle"], moved)
    assert torch.allclose(found["star"], ended["star"])
