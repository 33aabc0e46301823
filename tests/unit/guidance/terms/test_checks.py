"""What a term refuses of a run: another family, other sites, another number of pictures."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from selfguidance.guidance.families import Family
from selfguidance.guidance.record.feature import Feature
from selfguidance.guidance.record.record import Record
from selfguidance.guidance.terms.appearance import Appearance
from selfguidance.guidance.terms.base import Term
from selfguidance.guidance.terms.hold import HoldMask, HoldRest
from selfguidance.guidance.terms.mask import HeadMask, Mask
from selfguidance.guidance.terms.reference import Position, Shape
from selfguidance.tests.unit.guidance.terms.examples import ABSOLUTE, HEAD
from selfguidance.tests.unit.guidance.toys import OTHER, SITE, left, pictured
from torch import Tensor

FAMILY = Family("shapes", "Shapes", "unet", None, (SITE,), 3, (0, 0), "measured")


def run(pictures: int = 1) -> Record:
    return pictured("circle and square", pictures=pictures)


def masks(pictures: int) -> Tensor:
    return left(4, 8, 4).expand(pictures, 4, 8)


# terms whose target has so many pictures
RECORDS: dict[str, Callable[[int], Term]] = {
    "position": lambda n: Position(object="circle", x=0, y=0, reference=run(n)),
    "shape": lambda n: Shape(object="circle", reference=run(n)),
    "appearance": lambda n: Appearance(object="circle", reference=run(n)),
    "rest": lambda n: HoldRest(object="circle", reference=run(n)),
}
TARGETS: dict[str, Callable[[int], Term]] = {
    **RECORDS,
    "feature": lambda n: Appearance(object="circle", feature=Feature.of(run(n), "circle")),
    "mask": lambda n: Mask(object="circle", mask=masks(n)),
    "mask of a shape": lambda n: Shape(object="circle", mask=masks(n)),
    "mask of a head": lambda n: HeadMask(object="circle", mask=masks(n), head=HEAD),
    "held mask": lambda n: HoldMask(object="sky", mask=masks(n), reference=run()),
    "reference of a held mask": lambda n: HoldMask(mask=masks(1), reference=run(n)),
}
# terms with one part of another model
FOREIGN_RUN, FOREIGN_HEAD = replace(run(), family="other"), replace(HEAD, family="other")
LOOK = Feature.of(run(), "circle")
FOREIGN: dict[str, Term] = {
    "position": Position(object="circle", x=0, y=0, reference=FOREIGN_RUN),
    "shape": Shape(object="circle", reference=FOREIGN_RUN),
    "appearance": Appearance(object="circle", reference=FOREIGN_RUN),
    "rest": HoldRest(object="circle", reference=FOREIGN_RUN),
    "held mask": HoldMask(mask=masks(1), reference=FOREIGN_RUN),
    "feature": Appearance(object="circle", feature=replace(LOOK, family="other")),
    "head": Appearance(object="circle", feature=LOOK, head=FOREIGN_HEAD),
    "mask of a head": HeadMask(object="circle", mask=masks(1), head=FOREIGN_HEAD),
}


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_shows_one_picture_or_as_many_as_the_run(name: str) -> None:
    for pictures in (1, 3):
        TARGETS[name](pictures).check(FAMILY, 3)
    term = TARGETS[name](2)
    expected = f"'{term.label}' holds 2 pictures but the latent holds 3; use (one|a) "
    with pytest.raises(ValueError, match=expected):
        term.check(FAMILY, 3)


@pytest.mark.parametrize("name", FOREIGN)
def test_every_part_is_of_the_family_of_the_run(name: str) -> None:
    term = FOREIGN[name]
    who = "head of 'ball'" if "head" in name else f"'{term.label}'"
    with pytest.raises(
        ValueError, match=f"{who} .*family 'other'.* this model (is|are of) 'shapes'"
    ):
        term.check(FAMILY, 1)


@pytest.mark.parametrize("name", RECORDS)
def test_a_reference_was_read_at_the_sites_of_the_run(name: str) -> None:
    term, family = RECORDS[name](1), replace(FAMILY, sites=(OTHER, SITE))
    expected = f"of '{term.label}' .* sites output 0 0, but .* reads output 1 0, output 0 0; record"
    with pytest.raises(ValueError, match=expected):
        term.check(family, 1)


def test_a_term_without_a_target_of_its_own_suits_every_run() -> None:
    for name in ("position", "concentration", "size", "presence", "box"):
        ABSOLUTE[name]().check(FAMILY, 3)
