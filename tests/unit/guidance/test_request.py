"""What is asked in several places is followed at once."""

from dataclasses import replace

import pytest
from selfguidance.guidance.energies import Position, Size
from selfguidance.guidance.request import Request
from selfguidance.guidance.window import Window

HERE = Position(object="star", x=0.2, y=0.3, weight=3.0)
LARGE = Size(object="circle", size=0.1, weight=2.0)


def test_with_equal_strengths_both_are_one_chain() -> None:
    both = Request((HERE,), 0.7).joined(Request((LARGE,), 0.7))
    assert both == Request((HERE, LARGE), 0.7)
    assert both.terms[0] is HERE and both.terms[1] is LARGE


@pytest.mark.parametrize("raw", [False, True])
def test_the_terms_of_the_weaker_count_less_in_proportion(raw: bool) -> None:
    weak, strong = Request((HERE,), 0.5, raw), Request((LARGE,), 2.0, raw)
    half = replace(HERE, weight=0.75)  # 3 * 0.5 / 2
    assert weak.joined(strong) == Request((half, LARGE), 2.0, raw)
    assert strong.joined(weak) == Request((LARGE, half), 2.0, raw)


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
