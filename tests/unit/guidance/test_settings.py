"""What is asked in several places is followed at once."""

from dataclasses import replace

import pytest
from selfguidance.guidance.maps.affine import Affine
from selfguidance.guidance.recipes.transform import Balance, Recipe, resolved
from selfguidance.guidance.settings import Request
from selfguidance.guidance.terms.hold import PreserveRest
from selfguidance.guidance.terms.reference import Position, Size
from selfguidance.guidance.terms.window import Window
from selfguidance.tests.unit.guidance.toys import pictured

HERE = Position(object="star", x=0.2, y=0.3, weight=3.0)
LARGE = Size(object="circle", size=0.1, weight=2.0)


def test_with_equal_strengths_both_are_one_chain() -> None:
    both = Request((HERE,), 0.7).joined(Request((LARGE,), 0.7))
    assert both == Request((HERE, LARGE), 0.7)
    assert both.terms[0] is HERE and both.terms[1] is LARGE


@pytest.mark.parametrize("raw", [False, True])
def test_the_terms_of_the_weaker_count_less_in_proportion(raw: bool) -> None:
    weak, strong = Request((HERE,), 0.5, raw), Request((LARGE,), 2.0, raw)
    half = replace(HERE, weight=0.75, stride=0.25)  # of 3 and 1, 0.5 / 2
    assert weak.joined(strong) == Request((half, LARGE), 2.0, raw)
    assert strong.joined(weak) == Request((LARGE, half), 2.0, raw)


@pytest.mark.parametrize("strong", [1.0, 3.0, 10.0])
def test_where_the_stronger_does_not_act_the_weaker_steps_as_far_as_alone(strong: float) -> None:
    move = Recipe(object="star", reference=pictured(), transform=Affine(dx=0.1))
    weak = Request((move, replace(HERE, weight=0.2)), 0.8)
    early = Request((replace(LARGE, window=Window(0.0, 0.3)),), strong)
    both = weak.joined(early)

    def step(request: Request, sigma: float) -> float:
        guide = request.guide(lambda percent: 1 - percent)
        return guide.strength * guide.stride(sigma)

    assert step(both, 0.5) == pytest.approx(step(weak, 0.5)) == pytest.approx(0.8 * 1.5)
    assert step(both, 0.9) == pytest.approx(max(strong, 0.8 * 1.5))


@pytest.mark.parametrize(
    ("weak", "strong", "share"), [(1.0, 4.0, 1.0), (0.5, 1.0, 0.5), (0.5, 4.0, 0.5)]
)
def test_what_is_held_is_held_as_much_as_alone(weak: float, strong: float, share: float) -> None:
    """A strength above 1 holds no more than all, so beside it nothing is held less."""
    then = pictured()
    rest = PreserveRest(object="star", reference=then, weight=0.8)
    move = Recipe(
        object="star", reference=then, transform=Affine(dx=0.1), balance=Balance(rest=0.8)
    )
    both = Request((rest, move), weak).joined(Request((LARGE,), strong))
    terms = resolved(both.terms)
    assert [t.weight for t in terms if isinstance(t, PreserveRest)] == pytest.approx(
        [0.8 * share] * 2
    )
    (goes,) = (t for t in terms if isinstance(t, Position))
    assert goes.weight == pytest.approx(2 * weak / strong)


@pytest.mark.parametrize("nothing", [Request(), Request((HERE,), 0.0), Request((), 5.0, True)])
def test_what_asks_for_nothing_adds_nothing(nothing: Request) -> None:
    own = Request((LARGE,), 1.5)
    assert nothing.empty and not own.empty
    assert nothing.joined(own) is own and own.joined(nothing) is own
    assert nothing.joined(Request()).empty


def test_two_weightings_at_once_are_refused() -> None:
    for raw in (True, False):
        with pytest.raises(ValueError, match=r"weighting .* choose one weighting"):
            Request((HERE,), 1.0, raw).joined(Request((LARGE,), 1.0, not raw))


def test_a_window_becomes_noise_levels_of_the_schedule_that_is_asked() -> None:
    request = Request((replace(HERE, window=Window(0.25, 0.5)),), 2.0, True)
    guide = request.guide(lambda percent: 8 * (1 - percent))
    assert [levels for _, *levels in guide.terms] == [[6.0, 4.0]]
    assert (guide.strength, guide.raw) == (2.0, True)
