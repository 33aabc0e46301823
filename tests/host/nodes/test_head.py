"""Heads on the bundled model: fitted on its pictures, found again in others."""

from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from selfguidance.tests.host.nodes.test_bad_input import refused
from torch import Tensor

CIRCLE, SQUARE = ("red", "circle"), ("blue", "square")
SIGMA = 2.0


def fit(record: Any, mask: Any, object: str = "red circle", **further: Any) -> Any:
    from selfguidance.nodes.head import FitHead

    with torch.inference_mode():
        return FitHead.execute(object, record, mask, **further).args[0]


@pytest.fixture(scope="module")
def studio(lab: ModuleType) -> Any:
    from selfguidance.tools.quality.studio import Studio

    return Studio()


@pytest.fixture(scope="module")
def shots(studio: Any) -> list[Any]:
    """Pictures of both objects and of one of them with another, in other places each."""
    both, other = "a red circle and a blue square", "a red circle and a green triangle"
    return [studio.shoot(both, seed) for seed in (100, 106, 101)] + [studio.shoot(other, 100)]


def marked(shot: Any, kind: tuple[str, str]) -> Tensor:
    """Where things of a colour and shape are in a picture, [1, H, W]."""
    masks = [thing.mask for thing in shot.objects if (thing.colour, thing.shape) == kind]
    assert masks, f"the picture shows no {' '.join(kind)}"
    return torch.from_numpy(np.logical_or.reduce(masks)).float()[None]


def found(head: Any, shot: Any, sigma: float = SIGMA) -> Tensor:
    """Where a head sees its object in a picture at a noise level, bool [1, H, W]."""
    odds = head.logits(shot.record.at(sigma).feature_grid, sigma)
    side = shot.image.shape[:2]
    return F.interpolate(odds[:, None], side, mode="bilinear", align_corners=False)[:, 0] > 0


def overlap(head: Any, shot: Any, sigma: float = SIGMA) -> float:
    there, seen = marked(shot, CIRCLE) > 0, found(head, shot, sigma)
    return ((there & seen).sum() / (there | seen).sum()).item()


def lit(head: Any, shot: Any, kind: tuple[str, str]) -> float:
    """The share of a thing that a head takes for its object."""
    there = marked(shot, kind) > 0
    return ((there & found(head, shot)).sum() / there.sum()).item()


def test_one_example_is_enough_to_find_the_object_in_other_pictures(shots: list[Any]) -> None:
    head = fit(shots[0].record, marked(shots[0], CIRCLE))
    for sigma in (4.0, SIGMA, 1.0):
        assert np.mean([overlap(head, shot, sigma) for shot in shots[1:]]) > 0.6
    assert min(overlap(head, shot) for shot in shots[1:]) > 0.5
    assert max(lit(head, shot, SQUARE) for shot in shots[1:3]) < 0.05


def test_two_objects_of_one_picture_have_heads_of_their_own(shots: list[Any]) -> None:
    head = fit(shots[0].record, marked(shots[0], SQUARE), object="blue square")
    for shot in shots[1:3]:
        assert lit(head, shot, SQUARE) > 0.6
        assert lit(head, shot, CIRCLE) < 0.05


def test_a_counter_example_takes_a_lookalike_out(studio: Any, shots: list[Any]) -> None:
    lookalikes = [studio.shoot("a red square and a blue circle", seed) for seed in range(100, 104)]
    examples = {
        "record": shots[0].record,
        "mask": marked(shots[0], CIRCLE),
        "record_2": shots[1].record,
        "mask_2": marked(shots[1], CIRCLE),
    }
    plain = fit(**examples)
    told = fit(**examples, record_3=lookalikes[0].record, record_4=lookalikes[1].record)
    before, after = (
        np.mean([lit(head, shot, ("red", "square")) for shot in lookalikes[2:]])
        for head in (plain, told)
    )
    assert before > 0.5 and after < before / 2


def test_looks_of_one_object_are_nearer_than_those_of_two(shots: list[Any]) -> None:
    """Not only that of the object itself, in pictures that the head has not seen."""
    from selfguidance.guidance.maps.properties import pool

    head = fit(shots[0].record, marked(shots[0], CIRCLE))
    looks = {}
    for name, kind in (("circle", CIRCLE), ("square", SQUARE)):
        for number, shot in enumerate(shots[1:3]):
            vector = pool(shot.record.at(SIGMA).feature_grid, marked(shot, kind)[:, None])
            looks[name, number] = head.project(vector[0, 0], SIGMA)
    same = [(looks[name, 0] - looks[name, 1]).norm() for name in ("circle", "square")]
    others = [(looks["circle", k] - looks["square", n]).norm() for k in (0, 1) for n in (0, 1)]
    assert max(same) < min(others) / 2


@pytest.mark.parametrize(
    ("family", "sides"), [("shapes", (8, 12)), ("sd15", (8, 12)), ("sdxl", (16, 24))]
)
def test_records_of_every_family_and_shape_can_be_read(
    lab: ModuleType, family: str, sides: tuple[int, int]
) -> None:
    size = lab.latent(2, *sides)
    _, record = lab.guided(lab.unet(family), steps=2, latent_image=size)
    mask = torch.zeros(2, 30, 50)
    mask[0, :, 10:20] = mask[1, 5:20] = 1
    head = fit(record, mask)
    odds = head.logits(record.last.feature_grid, record.last.sigma)
    assert odds.shape == (2, *record.last.feature_grid.shape[2:])
    inside = F.interpolate(mask[:, None], odds.shape[1:], mode="area")[:, 0]
    assert odds[inside == 1].mean() > 0.5 and odds[inside == 0].mean() < -0.5


MASK = torch.zeros(1, 8, 8)
MASK[:, :4] = 1


def test_what_is_wired_wrongly_is_refused(lab: ModuleType) -> None:
    _, record = lab.guided(lab.unet("shapes"), steps=2)
    _, other = lab.guided(lab.unet("sd15"), steps=2)
    _, pair = lab.guided(lab.unet("shapes"), steps=2, latent_image=lab.latent(2))
    _, nothing = lab.guided(
        lab.unet("shapes"), steps=1, positive=lab.empty(1), negative=lab.empty()
    )
    refused(lambda: fit(record, MASK, object="  "), "object")
    refused(lambda: fit(record, MASK, mask_3=MASK), "mask_3", "record_3")
    refused(lambda: fit(record, MASK, record_3=other, mask_3=MASK), "record_3", "sd15")
    refused(lambda: fit(record, MASK, record_4=record, mask_4=MASK * 0), "record_4", "empty")
    refused(lambda: fit(pair, MASK.repeat(3, 1, 1)), "mask", "3 pictures")
    refused(lambda: fit(nothing, MASK), "record", "Self-Guidance Prompt")
    refused(lambda: fit(record, MASK * float("nan")), "mask", "NaN")


def test_a_head_of_another_family_is_refused_before_the_first_step(lab: ModuleType) -> None:
    from selfguidance.guidance.terms.mask import HeadMask

    _, record = lab.guided(lab.unet("sd15"), steps=2)
    term = HeadMask(object="red circle", mask=MASK, head=fit(record, MASK))
    refused(lambda: lab.guided(lab.unet("shapes"), [term]), "red circle", "sd15", "shapes")
