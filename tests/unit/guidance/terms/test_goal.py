"""Where terms want their objects: known from toy maps."""

import pytest
from selfguidance.guidance.maps.affine import Affine
from selfguidance.guidance.maps.properties import Properties
from selfguidance.guidance.terms.attention import Box, Presence
from selfguidance.guidance.terms.base import EnergyTerm
from selfguidance.guidance.terms.mask import Mask
from selfguidance.guidance.terms.reference import Concentration, Position, Shape, Size
from selfguidance.tests.unit.guidance.toys import SITE, blob, cell, left, record, seen, table

HIGH, LOW = seen(cell(8, 8, 1, 1), sigma=10.0), seen(cell(8, 8, 5, 3), sigma=1.0)
RUN = record(HIGH, LOW)  # its circle was at (.1875, .1875), and ended up at (.4375, .6875)
NOW = seen(blob(8, 8, 0.5, 0.5), sigma=10.0)


@pytest.mark.parametrize(
    ("term", "expected"),
    [
        (Position(object="circle", x=0.2, y=0.9), (0.2, 0.9)),
        (Position(object="circle", x=0.1, y=-0.1, reference=RUN), (0.2875, 0.0875)),
        (Position(object="circle", x=0.1, y=0, reference=RUN, settled=True), (0.5375, 0.6875)),
        (Concentration(object="circle", x=0.3, y=0.4), (0.3, 0.4)),
        (Box(object="circle", x=0.1, y=0.2, width=0.4, height=0.2), (0.3, 0.3)),
        (Mask(object="circle", mask=left(4, 8, 2)), (0.125, 0.5)),
        (Shape(object="circle", mask=left(4, 8, 2), transform=Affine(dx=0.5)), (0.625, 0.5)),
        (Shape(object="circle", reference=RUN, transform=Affine(0, 0.2)), (0.1875, 0.3875)),
    ],
    ids=lambda value: value.label if isinstance(value, EnergyTerm) else "",
)
def test_a_term_says_where_it_wants_the_middle(
    term: EnergyTerm, expected: tuple[float, float]
) -> None:
    found = term.goal(NOW)
    assert found is not None
    assert found[0].tolist() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("term", [Size(object="circle", size=0.2), Presence(object="circle")])
def test_other_terms_say_nothing_about_places(term: EnergyTerm) -> None:
    assert term.goal(NOW) is None


def test_a_step_whose_prompt_lacks_the_object_says_nothing_of_its_place() -> None:
    """Prompts of a timestep range come and go in the run of a reference."""
    star = Properties(1.0, table("star"), {SITE: cell(8, 8, 5, 3)[None, None]})
    found = Position(object="circle", x=0, y=0, reference=record(HIGH, star)).goal(star)
    assert found.tolist() == [[0.1875, 0.1875]]
