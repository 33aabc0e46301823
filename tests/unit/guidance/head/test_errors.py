"""What no head can be fitted on, and where a head cannot be used: one clear error each."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from selfguidance.guidance.families import FAMILIES
from selfguidance.guidance.head.fit import fit
from selfguidance.guidance.head.head import Head, check_head
from selfguidance.guidance.record.record import Record, Step
from selfguidance.tests.unit.guidance.toys import left, record, seen
from torch import Tensor

SHAPES, OTHER = FAMILIES[:2]
MASK = left(4, 4, 2)[None]
NAN, INF = float("nan"), float("inf")


def run(
    batch: int = 1, channels: int = 3, sigmas: tuple[float, ...] = (4.0, 1.0), **changes: Any
) -> Record:
    """A run with features."""
    grid = torch.arange(16.0).reshape(4, 4).repeat(batch, channels, 1, 1)
    shown = (seen(torch.ones(batch, 2, 2), sigma=sigma) for sigma in sigmas)
    return replace(record(*(replace(step, feature_grid=grid) for step in shown)), **changes)


def without_features(*, steps: tuple[int, ...]) -> Record:
    """A run whose steps of these numbers read no features."""
    whole = run()
    kept = tuple(
        Step(replace(step.properties, feature_grid=None)) if k in steps else step
        for k, step in enumerate(whole.steps)
    )
    return replace(whole, steps=kept)


def spoilt(value: float) -> Record:
    """A run with one broken feature in its first step."""
    whole = run()
    grid = whole.steps[0].properties.feature_grid.clone()
    grid[0, 1, 2, 3] = value
    first = Step(replace(whole.steps[0].properties, feature_grid=grid))
    return replace(whole, steps=(first, *whole.steps[1:]))


def mask(value: float, *, at: tuple[int, ...] = (0, 0, 0)) -> Tensor:
    """`MASK` with one value changed."""
    changed = MASK.clone()
    changed[at] = value
    return changed


def head(**changes: Any) -> Head:
    """A head of three channels and one knot."""
    parts = {
        "object": "ball",
        "family": "shapes",
        "feature_place": SHAPES.feature_place,
        "sigmas": (2.0,),
        "weights": torch.ones(1, 3),
        "bias": torch.ones(1),
        "axes": torch.ones(1, 2, 3),
        "offset": torch.ones(1, 2),
    }
    return Head(**{**parts, **changes})


FITS: dict[str, tuple[Callable[[], Any], tuple[str, ...]]] = {
    "no examples": (lambda: fit([], "ball"), ("no example", "record", "mask")),
    "no mask": (lambda: fit([(run(), None)], "ball"), ("no example has a mask",)),
    "empty record": (lambda: fit([(record(), MASK)], "ball"), ("empty", "Self-Guidance Prompt")),
    "no features": (
        lambda: fit([(run(), MASK), (without_features(steps=(0, 1)), MASK)], "ball"),
        ("record 2", "no features", "again"),
    ),
    "features in part": (
        lambda: fit([(without_features(steps=(0,)), MASK)], "ball"),
        ("record 1", "no features"),
    ),
    "named records": (
        lambda: fit([(run(), MASK), (run(), MASK * 0)], "ball", ["record", "record_3"]),
        ("record_3", "empty"),
    ),
    "families": (
        lambda: fit([(run(), MASK), (run(family=OTHER.name), MASK)], "ball"),
        ("record 1", "'shapes'", "record 2", repr(OTHER.name), "same model"),
    ),
    "widths": (
        lambda: fit([(run(), MASK), (run(channels=5), MASK)], "ball"),
        ("3 channels", "5 channels"),
    ),
    "unknown family": (
        lambda: fit([(run(family="new"), MASK)], "ball"),
        ("'new'", "'shapes'", "update"),
    ),
    "nan features": (lambda: fit([(spoilt(NAN), MASK)], "ball"), ("NaN", "sigma 4", "circle")),
    "infinite features": (lambda: fit([(spoilt(INF), MASK)], "ball"), ("infinite", "sigma 4")),
    "nan mask": (lambda: fit([(run(), mask(NAN))], "ball"), ("mask", "record 1", "NaN")),
    "empty mask": (lambda: fit([(run(), MASK * 0)], "ball"), ("mask", "record 1", "empty")),
    "empty in one picture": (
        lambda: fit([(run(2), torch.cat([MASK, MASK * 0]))], "ball"),
        ("the mask", "object of record 1 is empty", "picture 1", "without mask"),
    ),
    "mask of everything": (
        lambda: fit([(run(), MASK), (run(), torch.ones(1, 9, 9))], "ball"),
        ("the mask", "object of record 2 covers the whole picture", "picture 0"),
    ),
    "pictures": (
        lambda: fit([(run(), MASK.repeat(3, 1, 1))], "ball"),
        ("the mask of record 1", "3 pictures", "the record 1;"),
    ),
    "axes of the mask": (
        lambda: fit([(run(), MASK[None])], "ball"),
        ("mask", "[batch, height, width]"),
    ),
    "no common noise": (
        lambda: fit([(run(sigmas=(9, 5)), MASK), (run(sigmas=(4, 1)), MASK)], "ball"),
        ("share no noise levels", "9 to 5", "4 to 1"),
    ),
    "no noise": (lambda: fit([(run(sigmas=(0.0,)), MASK)], "ball"), ("no step with noise",)),
    "ridge": (lambda: fit([(run(), MASK)], "ball", ridge=0.0), ("ridge", "above 0")),
    "knots": (lambda: fit([(run(), MASK)], "ball", knots=0), ("knots", "at least 1")),
}

USES: dict[str, tuple[Callable[[], Any], tuple[str, ...]]] = {
    "width of a grid": (
        lambda: head().logits(torch.ones(1, 4, 2, 2), 1.0),
        ("head of 'ball'", "3 channels", "got 4"),
    ),
    "width of a look": (lambda: head().project(torch.ones(5), 1.0), ("3 channels", "got 5")),
    "another family": (
        lambda: check_head(head(), OTHER),
        ("head of 'ball'", "'shapes'", repr(OTHER.name), "fit a head"),
    ),
    "another block": (lambda: check_head(head(feature_place=1), SHAPES), ("block 1", "block 3")),
    "another width": (lambda: check_head(head(), SHAPES, 64), ("3 channels", "got 64")),
    "parts that do not fit": (
        lambda: head(axes=torch.ones(1, 2, 4)),
        ("head of 'ball'", "do not fit together"),
    ),
    "another number of knots": (lambda: head(sigmas=(2.0, 1.0)), ("do not fit", "2 noise levels")),
    "parts of no size": (lambda: head(axes=torch.ones(())), ("do not fit together",)),
    "no axes": (
        lambda: head(axes=torch.ones(1, 0, 3), offset=torch.ones(1, 0)),
        ("do not fit together",),
    ),
    "noise that is none": (lambda: head(sigmas=(0.0,)), ("noise levels", "positive")),
    "parts that are not finite": (lambda: head(bias=torch.tensor([NAN])), ("NaN",)),
}


@pytest.mark.parametrize("case", [*FITS.items(), *USES.items()], ids=lambda case: case[0])
def test_it_is_refused_with_a_sentence_for_a_user(
    case: tuple[str, tuple[Callable[[], Any], tuple[str, ...]]],
) -> None:
    action, named = case[1]
    with pytest.raises(ValueError) as info:
        action()
    message = str(info.value)
    assert all(text in message for text in named), message


def test_a_head_fits_its_own_model() -> None:
    fitted = fit([(run(), MASK)], "ball")
    assert (fitted.family, fitted.feature_place, fitted.channels) == (
        "shapes",
        SHAPES.feature_place,
        3,
    )
    assert fitted.label == "head of 'ball'"
    check_head(fitted, SHAPES)
    check_head(fitted, SHAPES, 3)
