"""Places and sizes that no picture has end in a ValueError that says how to ask for another."""

from types import ModuleType
from typing import Any

import pytest

TERM: dict[str, Any] = {
    "object": "red circle",
    "weight": 1.0,
    "start_percent": 0.0,
    "end_percent": 1.0,
}


@pytest.fixture(scope="module")
def record(lab: ModuleType) -> Any:
    return lab.guided(lab.unet("shapes"), steps=2)[1]


@pytest.mark.parametrize("size", [1.01, 10.0])
def test_a_size_above_the_whole_picture_is_a_factor_or_refused(record: Any, size: float) -> None:
    from selfguidance.nodes.terms import Size

    with pytest.raises(
        ValueError, match=f"size must lie between 0 and 1, got {size}.* switch relative on"
    ):
        Size.execute(size=size, relative=False, **TERM)
    (larger,) = Size.execute(size=size, relative=True, reference=record, **TERM).args[0]
    assert larger.size == size


@pytest.mark.parametrize("size", [0.0, 1.0])
def test_an_object_may_vanish_or_fill_the_picture(lab: ModuleType, size: float) -> None:
    from selfguidance.nodes.terms import Size

    (term,) = Size.execute(size=size, relative=False, **TERM).args[0]
    assert term.size == size


@pytest.mark.parametrize("place", [{"x": -0.1, "y": 0.5}, {"x": 0.5, "y": 1.5}])
def test_a_place_outside_the_picture_is_a_distance_or_refused(
    record: Any, place: dict[str, float]
) -> None:
    from selfguidance.nodes.terms import Position

    with pytest.raises(
        ValueError, match=r"(x|y) must lie between 0 and 1, got .* switch relative on"
    ):
        Position.execute(**place, relative=False, **TERM)
    term, _ = Position.execute(**place, relative=True, reference=record, **TERM).args[0]
    assert (term.x, term.y) == (place["x"], place["y"])
