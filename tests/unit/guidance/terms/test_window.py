"""Windows: fractions of the schedule, checked where the user types them."""

import pytest
from selfguidance.guidance.terms.window import Window


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        (-0.1, 1.0, "start_percent must lie between 0 and 1, got -0.1"),
        (1.5, 1.0, "start_percent must lie between 0 and 1, got 1.5"),
        (0.0, 1.01, "end_percent must lie between 0 and 1, got 1.01"),
        (0.0, float("nan"), "end_percent must lie between 0 and 1, got nan"),
        (0.6, 0.4, "start_percent must not be after end_percent, got 0.6 > 0.4"),
    ],
)
def test_a_bad_bound_is_refused_by_its_name(start: float, end: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Window(start, end)


@pytest.mark.parametrize(("start", "end", "empty"), [(0.0, 1.0, False), (0.5, 0.5, True)])
def test_a_window_without_extent_is_empty(start: float, end: float, empty: bool) -> None:
    assert Window(start, end).empty == empty


def test_the_start_is_the_highest_noise_level_and_the_end_the_lowest() -> None:
    assert Window(0.25, 0.75).sigmas(lambda percent: 8 * (1 - percent)) == (6.0, 2.0)


@pytest.mark.parametrize(
    ("window", "opened"),
    [((0.3, 0.7), (0.3, 1.0)), ((0.0, 1.0), (0.0, 1.0)), ((0.4, 0.4), (0.4, 0.4))],
)
def test_an_opened_window_goes_on_to_the_end_unless_it_is_empty(
    window: tuple[float, float], opened: tuple[float, float]
) -> None:
    assert Window(*window).opened() == Window(*opened)
