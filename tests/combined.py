"""Parameters of tests in all combinations, of which a plain run of the tests takes some.

All combinations are tests, and count in docs/compatibility.md. Those with the mark `exhaustive`
repeat a claim for one more pair of values that are known to work with others.
"""

from collections.abc import Sequence
from itertools import product
from typing import Any

import pytest


def combined(*axes: Sequence[Any]) -> list[Any]:
    """All combinations of one value of each axis, for `pytest.mark.parametrize`.

    Those without the mark are as many as the longest axis has values, and hold every value of
    every axis at least once: of a, b, c and 1, 2 they are (a, 1), (b, 2) and (c, 1).
    """
    count = max(map(len, axes))
    taken = {tuple(number % len(axis) for axis in axes) for number in range(count)}
    return [
        pytest.param(
            *(axis[place] for axis, place in zip(axes, places, strict=True)),
            marks=() if places in taken else pytest.mark.exhaustive,
        )
        for places in product(*(range(len(axis)) for axis in axes))
    ]
