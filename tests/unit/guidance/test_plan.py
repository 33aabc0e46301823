"""The plan: which terms act at which noise level, and their one gradient."""

from dataclasses import dataclass

import pytest
import torch
from selfguidance.guidance.maps.affine import Affine
from selfguidance.guidance.maps.properties import Properties
from selfguidance.guidance.plan import Plan, Scheduled
from selfguidance.guidance.recipes.transform import Recipe
from selfguidance.guidance.terms.appearance import Appearance
from selfguidance.guidance.terms.attention import Box
from selfguidance.guidance.terms.base import EnergyTerm
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
from torch import Tensor


def test_the_gradient_is_that_of_the_weighted_sum() -> None:
    x = inputs()
    first, second = Bowl(object="circle", weight=2), Bowl(object="square", level=3, weight=-0.5)
    gradient, energies = acting(first, second).gradient(shown(x), x)
    expected = torch.zeros_like(x)
    expected[:, 0], expected[:, 2] = 2 * x[:, 0], -0.5 * (x[:, 2] - 3)
    torch.testing.assert_close(gradient, expected.detach())
    assert list(energies) == ["bowl of circle", "bowl of square"]
    torch.testing.assert_close(energies["bowl of circle"], x[:, 0].square().sum((1, 2)) / 2)
    assert not energies["bowl of circle"].requires_grad


@pytest.mark.parametrize("scale", [1.0, 2.0**-6, 2.0**18])
def test_scaling_the_energies_changes_no_bit_of_the_gradient(scale: float) -> None:
    x = inputs()
    gradient, _ = acting(Bowl(object="circle")).gradient(shown(x), x, scale)
    expected = torch.zeros_like(x)
    expected[:, 0] = x[:, 0]
    assert torch.equal(gradient, expected)


def test_the_scale_keeps_a_small_gradient_from_vanishing_in_half_precision() -> None:
    x = torch.ones(1, 3, 2, 4, dtype=torch.float16, requires_grad=True)
    faint = acting(Bowl(object="circle", factor=1e-8))
    without, _ = faint.gradient(shown(x.float()), x, scale=1.0)
    scaled, _ = faint.gradient(shown(x.float()), x)
    assert not without.any()
    assert scaled[:, 0].all()


def test_a_small_gradient_survives_half_precision() -> None:
    x = torch.ones(1, 3, 2, 4, dtype=torch.float16, requires_grad=True)
    # half precision rounds 3.3e-8 to a multiple of 6e-8
    gradient, _ = acting(Bowl(object="circle", factor=3.3e-8)).gradient(shown(x.float()), x)
    assert gradient.dtype == torch.float32
    torch.testing.assert_close(gradient[:, 0], torch.full((1, 2, 4), 3.3e-8), rtol=2e-3, atol=0)


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


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_an_energy_that_is_not_finite_is_refused_by_its_name(value: float) -> None:
    x = inputs()
    bad = Bowl(object="square", factor=value)
    with pytest.raises(ValueError, match=r"at sigma 0.25 in: bowl of square; lower the weight"):
        acting(Bowl(object="circle"), bad).gradient(shown(x, 0.25), x)


def test_an_energy_that_is_not_finite_is_refused_though_its_gradient_is() -> None:
    x = inputs()

    @dataclass(frozen=True, kw_only=True)
    class Far(EnergyTerm):
        def __call__(self, seen: Properties) -> Tensor:
            return seen.map(self.object)[0].sum((1, 2)) * 0 + float("inf")

    with pytest.raises(ValueError, match="not finite at sigma 1 in: far of circle"):
        acting(Far(object="circle"), Bowl(object="square")).gradient(shown(x), x)


def test_a_gradient_that_is_not_finite_is_refused_though_every_energy_is() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Cliff(EnergyTerm):
        def __call__(self, seen: Properties) -> Tensor:
            return (seen.map(self.object)[0] * 0).abs().sqrt().sum((1, 2))

    x = inputs()
    with pytest.raises(ValueError, match="in: cliff of circle, bowl of square"):
        acting(Cliff(object="circle"), Bowl(object="square")).gradient(shown(x), x)


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
