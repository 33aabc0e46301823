"""Masks as other nodes send them: grey, blurred, with an axis of channels."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor

SOFT = torch.zeros(1, 12, 10)
SOFT[:, 3:9, 2:7] = 0.3
SOFT[:, 4:8, 3:6] = 0.6
SHAPED: dict[str, Callable[[Tensor], Tensor]] = {
    "[H, W]": lambda m: m[0],
    "[B, 1, H, W]": lambda m: m[:, None],
    "[B, H, W, 1]": lambda m: m[..., None],
}


@pytest.fixture(scope="module")
def record(lab: ModuleType) -> Any:
    return lab.guided(lab.unet("shapes"), steps=2)[1]


def made(node: str, record: Any, mask: Tensor, **more: Any) -> Any:
    from selfguidance.tools.quality.studio import call

    wires = {"record": record} if node in ("Feature", "FitHead") else {"reference": record}
    return call(f"SelfGuidance{node}", mask=mask, **wires, **more)


def read(node: str, record: Any, mask: Tensor, **more: Any) -> Tensor:
    """What a node makes of a mask."""
    output = made(node, record, mask, **more)
    if node == "Feature":
        return output.vectors
    if node == "FitHead":
        return output.weights
    (term,) = output
    return term.mask


NODES = ("Mask", "Shape", "Feature", "FitHead")


@pytest.mark.parametrize("node", NODES)
@pytest.mark.parametrize("peak", [0.6, 0.01])
def test_the_brightest_part_of_an_outline_is_the_object(
    record: Any, node: str, peak: float
) -> None:
    whole, pale = (read(node, record, m) for m in (SOFT / 0.6, SOFT * peak / 0.6))
    torch.testing.assert_close(pale, whole, rtol=1e-3, atol=1e-5)


def test_an_outline_is_whole_before_it_is_inverted(record: Any) -> None:
    around = read("Mask", record, SOFT, invert=True)
    torch.testing.assert_close(around, 1 - SOFT / 0.6)


def test_what_is_preserved_is_held_in_part_where_the_mask_is_grey(record: Any) -> None:
    for invert, expected in ((False, SOFT), (True, 1 - SOFT)):
        (kept,) = made("Mask", record, SOFT, mode="preserve", invert=invert)
        torch.testing.assert_close(kept.region[:, 0], expected)


@pytest.mark.parametrize("node", NODES)
@pytest.mark.parametrize("form", SHAPED)
def test_an_axis_of_one_channel_may_stand_anywhere(record: Any, node: str, form: str) -> None:
    assert torch.equal(read(node, record, SHAPED[form](SOFT)), read(node, record, SOFT))


@pytest.mark.parametrize("node", NODES)
@pytest.mark.parametrize("shape", [(1, 12, 10, 3), (1, 4, 12, 10), (1, 1, 1, 12, 10), (12,)])
def test_what_is_no_mask_is_refused_by_its_shape(
    record: Any, node: str, shape: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match=r"mask must be \[batch, height, width\], got .* wire a"):
        made(node, record, torch.rand(shape))


@pytest.mark.parametrize("node", ["Mask", "Shape"])
def test_the_nodes_that_place_refuse_the_same_masks(record: Any, node: str) -> None:
    for value in (1.0, 0.3):
        with pytest.raises(ValueError, match=r"the mask of .* covers the whole picture"):
            made(node, record, torch.full((1, 8, 8), value))


def test_a_head_says_which_mask_leaves_no_room(record: Any) -> None:
    with pytest.raises(ValueError, match=r"marks the object of record_2 covers the whole picture"):
        made("FitHead", record, SOFT, record_2=record, mask_2=torch.ones(1, 8, 8))
