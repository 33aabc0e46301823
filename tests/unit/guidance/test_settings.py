"""What is asked in several places is followed at once."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from selfguidance.guidance.maps.affine import Affine
from selfguidance.guidance.recipes.combine import expanded
from selfguidance.guidance.recipes.transform import RECIPE_WINDOW, Balance, Recipe
from selfguidance.guidance.settings import Settings
from selfguidance.guidance.terms.appearance import Appearance
from selfguidance.guidance.terms.attention import Box, Presence
from selfguidance.guidance.terms.base import EnergyTerm, HoldTerm
from selfguidance.guidance.terms.hold import HoldBeside, HoldMask, HoldRest
from selfguidance.guidance.terms.mask import Mask
from selfguidance.guidance.terms.reference import Concentration, Position, Shape, Size
from selfguidance.guidance.terms.window import Window
from selfguidance.tests.unit.guidance.toys import left, pictured

HERE = Position(object="star", x=0.2, y=0.3, weight=3.0)
LARGE = Size(object="circle", size=0.1, weight=2.0)


def test_with_equal_strengths_both_are_one_chain() -> None:
    both = Settings((HERE,), 0.7).joined(Settings((LARGE,), 0.7))
    assert both == Settings((HERE, LARGE), 0.7)
    assert both.terms[0] is HERE and both.terms[1] is LARGE


@pytest.mark.parametrize("raw", [False, True])
def test_the_terms_of_the_weaker_count_less_in_proportion(raw: bool) -> None:
    weak, strong = Settings((HERE,), 0.5, raw), Settings((LARGE,), 2.0, raw)
    half = replace(HERE, weight=0.75, step_length=0.25)  # of 3 and 1, 0.5 / 2
    assert weak.joined(strong) == Settings((half, LARGE), 2.0, raw)
    assert strong.joined(weak) == Settings((LARGE, half), 2.0, raw)


THEN = pictured()
STAR: dict[str, Any] = {"object": "star", "weight": 0.8}
ENERGIES: dict[str, EnergyTerm] = {
    "position": Position(x=0.2, y=0.3, **STAR),
    "concentration": Concentration(x=0.2, y=0.3, **STAR),
    "size": Size(size=0.1, **STAR),
    "shape": Shape(reference=THEN, **STAR),
    "appearance": Appearance(reference=THEN, **STAR),
    "mask": Mask(mask=left(4, 8, 4), **STAR),
    "presence": Presence(**STAR),
    "box": Box(x=0.1, y=0.1, width=0.2, height=0.2, **STAR),
}
HOLDS: dict[str, HoldTerm] = {
    "rest": HoldRest(reference=THEN, **STAR),
    "removal": HoldRest(reference=THEN, gone=True, **STAR),
    "beside": HoldBeside(reference=THEN, box=(0.1, 0.1, 0.2, 0.2), **STAR),
    "mask": HoldMask(reference=THEN, mask=left(4, 8, 4), **STAR),
}


def check_same_but(joined: Any, own: Any, **changed: float) -> None:
    """Fails unless a term is the other one with these values changed."""
    assert type(joined) is type(own)
    assert {name: getattr(joined, name) for name in changed} == pytest.approx(changed)
    for name in ("object", "label", "group", "window", "references", "phrases"):
        assert getattr(joined, name) == getattr(own, name), name


@pytest.mark.parametrize("length", [None, 1.5])
@pytest.mark.parametrize("kind", ENERGIES)
def test_every_energy_term_of_the_weaker_weighs_and_steps_less(
    kind: str, length: float | None
) -> None:
    own = replace(ENERGIES[kind], step_length=length, group="left")
    (joined, _) = Settings((own,), 2.0).joined(Settings((LARGE,), 8.0)).terms
    check_same_but(joined, own, weight=0.2, step_length=0.2 if length is None else 0.375)


@pytest.mark.parametrize("kind", HOLDS)
def test_every_hold_term_of_the_weaker_holds_as_much_as_alone(kind: str) -> None:
    own = HOLDS[kind]
    for weak, strong, share in ((2.0, 8.0, 1.0), (0.5, 8.0, 0.5), (0.25, 0.5, 0.5)):
        (joined, _) = Settings((own,), weak).joined(Settings((LARGE,), strong)).terms
        check_same_but(joined, own, weight=share * 0.8)


def test_a_recipe_of_the_weaker_moves_and_keeps_less_but_holds_as_much() -> None:
    move = Recipe(
        object="star",
        reference=THEN,
        transform=Affine(dx=0.1),
        weight=0.8,
        balance=Balance(shape=3.0, others=2.0, rest=0.6),
        group="left",
    )
    (joined, _) = Settings((move,), 0.5).joined(Settings((LARGE,), 2.0)).terms
    assert isinstance(joined, Recipe)
    assert (joined.transform, joined.window, joined.group) == (
        move.transform,
        RECIPE_WINDOW,
        "left",
    )
    assert joined.weight == pytest.approx(0.2)
    assert joined.step_length == pytest.approx(1.5 * 0.8 / 4)  # a weight of 0.8 steers with 0.8
    assert joined.balance == Balance(shape=3.0, others=0.5, rest=0.3)


@pytest.mark.parametrize("strong", [1.0, 3.0, 10.0])
def test_where_the_stronger_does_not_act_the_weaker_steps_as_far_as_alone(strong: float) -> None:
    move = Recipe(object="star", reference=pictured(), transform=Affine(dx=0.1))
    weak = Settings((move, replace(HERE, weight=0.2)), 0.8)
    early = Settings((replace(LARGE, window=Window(0.0, 0.3)),), strong)
    both = weak.joined(early)

    def step(settings: Settings, sigma: float) -> float:
        plan = settings.plan(lambda percent: 1 - percent)
        acting = plan.at(sigma)
        far = dict.fromkeys(acting.energies, torch.full((1,), 9.0))
        return plan.strength * acting.step_length(far).item()

    assert step(both, 0.5) == pytest.approx(step(weak, 0.5)) == pytest.approx(0.8 * 1.5)
    assert step(both, 0.9) == pytest.approx(max(strong, 0.8 * 1.5))


@pytest.mark.parametrize(
    ("weak", "strong", "share"), [(1.0, 4.0, 1.0), (0.5, 1.0, 0.5), (0.5, 4.0, 0.5)]
)
def test_what_is_held_is_held_as_much_as_alone(weak: float, strong: float, share: float) -> None:
    """A strength above 1 holds no more than all, so beside it nothing is held less."""
    then = pictured()
    rest = HoldRest(object="star", reference=then, weight=0.8)
    move = Recipe(
        object="star", reference=then, transform=Affine(dx=0.1), balance=Balance(rest=0.8)
    )
    both = Settings((rest, move), weak).joined(Settings((LARGE,), strong))
    terms = expanded(both.terms)
    assert [t.weight for t in terms if isinstance(t, HoldRest)] == pytest.approx([0.8 * share] * 2)
    (goes,) = (t for t in terms if isinstance(t, Position))
    assert goes.weight == pytest.approx(2 * weak / strong)


@pytest.mark.parametrize("nothing", [Settings(), Settings((HERE,), 0.0), Settings((), 5.0, True)])
def test_what_asks_for_nothing_adds_nothing(nothing: Settings) -> None:
    own = Settings((LARGE,), 1.5)
    assert nothing.empty and not own.empty
    assert nothing.joined(own) is own and own.joined(nothing) is own
    assert nothing.joined(Settings()).empty


def test_two_weightings_at_once_are_refused() -> None:
    for raw in (True, False):
        with pytest.raises(ValueError, match=r"weighting .* choose one weighting"):
            Settings((HERE,), 1.0, raw).joined(Settings((LARGE,), 1.0, not raw))


def test_a_window_becomes_noise_levels_of_the_schedule_that_is_asked() -> None:
    settings = Settings((replace(HERE, window=Window(0.25, 0.5)),), 2.0, True)
    plan = settings.plan(lambda percent: 8 * (1 - percent))
    assert [(s.high, s.low) for s in plan.terms] == [(6.0, 4.0)]
    assert (plan.strength, plan.raw) == (2.0, True)


def test_raw_gradients_for_a_recipe_are_refused_and_for_single_terms_are_not() -> None:
    move = Recipe(object="star", reference=pictured(), transform=Affine(dx=0.1))
    with pytest.raises(ValueError, match=r"raw \(paper\)' cannot move or resize 'star'"):
        Settings((HERE, move), 100.0, raw=True)
    with pytest.raises(ValueError, match="set weighting to 'normalised'"):
        Settings((move,), 100.0, raw=True)
    assert Settings((HERE, LARGE), 100.0, raw=True).raw
    assert not Settings((HERE, move)).raw
