"""HoldMask: a region as in the reference, wherever its object is."""

import pytest
import torch
from selfguidance.guidance.terms.hold import HoldMask
from selfguidance.tests.unit.guidance.holding import (
    AWAY,
    GRID,
    OBJECT,
    box,
    hold,
    masked,
    random,
    run,
)
from selfguidance.tests.unit.guidance.toys import record, seen
from torch import Tensor


def test_a_mask_holds_exactly_where_it_is_1_half_where_it_is_half_and_nothing_where_it_is_0() -> (
    None
):
    then, now = random(1, 1, 4, *GRID), 1e6 * random(2, 1, 4, *GRID)
    mask = torch.zeros(GRID)
    mask[:, :4], mask[:, 4:8] = 1, 0.5
    result, _ = hold(masked(mask, then), now=now)
    assert torch.equal(result[..., :4], then[..., :4])
    torch.testing.assert_close(result[..., 4:8], (then + now)[..., 4:8] / 2)
    assert torch.equal(result[..., 8:], now[..., 8:])


@pytest.mark.parametrize("scale", [8, 3])
def test_a_mask_of_pixels_is_brought_to_the_grid_of_the_latent(scale: int) -> None:
    then, now = torch.ones(1, 4, *GRID), torch.zeros(1, 4, *GRID)
    mask = box(slice(0, 8), slice(0, 6)).repeat_interleave(scale, 0).repeat_interleave(scale, 1)
    result = hold(masked(mask, then), now=now)[0][0, 0]
    torch.testing.assert_close(result[:, :5], torch.ones(8, 5))
    assert (result[:, 7:] == 0).all()
    # at its edge the mask counts by a triangle as wide as two cells: 1/8 of it lies beyond
    torch.testing.assert_close(
        result[:, 5:7], torch.tensor([7 / 8, 1 / 8]).expand(8, 2), atol=0.02, rtol=0
    )


def test_a_mask_in_half_precision_is_brought_to_the_grid_too() -> None:
    then, mask = torch.ones(1, 4, *GRID), random(0, 40, 50).sigmoid().half()
    results = [hold(masked(m, then), now=torch.zeros(1, 4, *GRID))[0] for m in (mask, mask.float())]
    assert torch.equal(*results)


@pytest.mark.parametrize("pictures", [1, 2], ids=["one for all", "one each"])
def test_masks_hold_in_their_own_pictures(pictures: int) -> None:
    then, now = random(4, 2, 4, *GRID), random(5, 2, 4, *GRID)
    masks = torch.stack([OBJECT, AWAY])[:pictures]
    maps = OBJECT.expand(2, *GRID)
    term = HoldMask(mask=masks, reference=record(run(maps, latent=then)))
    result, energies = hold(term, now=now)
    for i, mask in enumerate([OBJECT, AWAY] if pictures == 2 else [OBJECT] * 2):
        held = mask.bool().expand(4, *GRID)
        assert torch.equal(result[i][held], then[i][held])
        assert torch.equal(result[i][~held], now[i][~held])
        expected = (held * (then - now)[i]).square().mean() / 2
        assert energies["preserved"][i].item() == pytest.approx(expected.item())


@pytest.mark.parametrize(
    ("weight", "strength", "share"), [(0.5, 1, 0.5), (1, 0.25, 0.25), (3, 1, 1)]
)
def test_weight_and_strength_say_how_far_a_mask_holds(
    weight: float, strength: float, share: float
) -> None:
    term = masked(OBJECT, torch.ones(1, 4, *GRID), weight=weight)
    result, _ = hold(term, now=torch.zeros(1, 4, *GRID), strength=strength)
    torch.testing.assert_close(result, (share * OBJECT).expand_as(result))


def test_a_mask_needs_no_word_of_the_prompt_and_its_object_is_only_a_name() -> None:
    then = torch.ones(1, 4, *GRID)
    assert masked(OBJECT, then).label == "preserved"
    assert masked(OBJECT, then, object="the sky").label == "preserved the sky"
    assert masked(OBJECT, then, object="the sky").phrases == ()


@pytest.mark.parametrize(
    ("mask", "reason"),
    [(0 * OBJECT, "is empty"), (OBJECT / 0, "holds NaN"), (OBJECT[0], "must be .* got")],
)
def test_a_mask_that_holds_nothing_is_refused(mask: Tensor, reason: str) -> None:
    with pytest.raises(ValueError, match=f"the mask of 'preserved sky' {reason}"):
        masked(mask, torch.ones(1, 4, *GRID), object="sky")


def test_a_mask_over_a_reference_without_a_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="the reference of 'preserved' holds no picture"):
        HoldMask(mask=OBJECT, reference=record(seen(OBJECT)))
