"""Examples of every kind of energy term, on which the tests of all terms run.

A new kind gets a row in `ABSOLUTE` and, if it can be relative to a reference, rows in `RELATIVE`
and `STILL`. The examples are not at their minimum, except for those of `STILL`.
"""

from collections.abc import Callable

import torch
from selfguidance.guidance.head.head import Head
from selfguidance.guidance.maps.affine import Affine
from selfguidance.guidance.record.feature import Feature
from selfguidance.guidance.record.record import Record
from selfguidance.guidance.terms.appearance import Appearance
from selfguidance.guidance.terms.attention import Box, Presence
from selfguidance.guidance.terms.base import EnergyTerm
from selfguidance.guidance.terms.mask import Mask
from selfguidance.guidance.terms.reference import Concentration, Position, Shape, Size
from selfguidance.guidance.terms.wish import Aspect
from selfguidance.tests.unit.guidance.toys import left

TURN = Affine(dx=0.1, dy=-0.2, scale_x=1.3, scale_y=0.8, rotation=20)
LOOK = Feature("shapes", "ball", (4.0, 0.5), torch.linspace(-2, 3, 10).reshape(2, 1, 5))
AXES = torch.linspace(-1, 1, 10).reshape(1, 2, 5)
HEAD = Head("ball", "shapes", 3, (1.0,), torch.ones(1, 5), torch.ones(1), AXES, torch.ones(1, 2))
ABSOLUTE: dict[str, Callable[[], EnergyTerm]] = {
    "position": lambda: Position(object="circle", x=0.05, y=0.9),
    "concentration": lambda: Concentration(object="circle", x=0.3, y=0.6),
    "size": lambda: Size(object="circle", size=0.01),
    "shape": lambda: Shape(object="circle", mask=left(5, 3, 1)[None], transform=TURN),
    "mask": lambda: Mask(object="circle", mask=left(5, 3, 1)[None]),
    "feature": lambda: Appearance(object="circle", feature=LOOK),
    "head": lambda: Appearance(object="circle", feature=LOOK, head=HEAD),
    "presence": lambda: Presence(object="circle", sharpness=1.0),
    "box": lambda: Box(object="circle", x=0.1, y=0.3, width=0.35, height=0.45),
    "corners": lambda: Box(object="circle", x=0.1, y=0.3, width=0.35, height=0.45, corners=True),
}
RELATIVE: dict[str, Callable[[Record], EnergyTerm]] = {
    "position": lambda then: Position(object="circle", x=0.4, y=-0.4, reference=then),
    "concentration": lambda then: Concentration(object="circle", x=0.6, y=0.5, reference=then),
    "size": lambda then: Size(object="circle", size=0.1, reference=then),
    "shape": lambda then: Shape(object="circle", reference=then, transform=TURN),
    "appearance": lambda then: Appearance(object="circle", reference=then),
    "feature": lambda then: Appearance(object="circle", feature=Feature.of(then, "square")),
}
# terms whose target is the reference itself, and the aspect that they keep, if any
STILL: dict[str, tuple[Callable[[Record], EnergyTerm], Aspect | None]] = {
    "position": (
        lambda then: Position(object="circle", x=0, y=0, reference=then),
        Aspect.PLACE,
    ),
    "concentration": (
        lambda then: Concentration(object="circle", x=0, y=0, reference=then),
        Aspect.PLACE,
    ),
    "size": (lambda then: Size(object="circle", size=1, reference=then), Aspect.SIZE),
    "shape": (lambda then: Shape(object="circle", reference=then), Aspect.SHAPE),
    "appearance": (lambda then: Appearance(object="circle", reference=then), Aspect.LOOK),
    "feature": (
        lambda then: Appearance(object="circle", feature=Feature.of(then, "circle")),
        None,
    ),
}
