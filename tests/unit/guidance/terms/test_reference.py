"""Values of the energies, worked out by hand."""

from typing import Any

import pytest
import torch
from selfguidance.guidance.maps.affine import Affine
from selfguidance.guidance.maps.properties import Properties
from selfguidance.guidance.terms.appearance import Appearance
from selfguidance.guidance.terms.base import EnergyTerm, HoldTerm, Term
from selfguidance.guidance.terms.reference import Concentration, Position, Shape, Size
from selfguidance.tests.unit.guidance.terms.examples import LOOK
from selfguidance.tests.unit.guidance.toys import SITE, cell, left, record, seen, table

HALF = left(4, 8, 4)
OTHER_HALF = HALF.flip(1)
SPLIT = torch.tensor([[1.0, 0.0, 0.0, 1.0]])  # x = 1/8 and 7/8
MIDDLE = torch.tensor([[0.0, 1.0, 1.0, 0.0]])  # x = 3/8 and 5/8


def looks(*circle: float, square: tuple[float, ...] = ()) -> Properties:
    """A pass that shows these features of the objects."""
    features = torch.tensor([[circle, circle, square or circle]])
    return seen(torch.rand(2, 2), features=features)


def test_position_is_the_mean_distance_along_x_and_y() -> None:
    shown = seen(cell(2, 4, 1, 2))  # at (5/8, 3/4)
    term = Position(object="circle", x=1 / 8, y=1 / 2)
    assert term(shown).tolist() == [(4 / 8 + 1 / 4) / 2]
    exact = Position(object="circle", x=0.1, y=0.2)(seen(cell(2, 4, 1, 2).double()))
    assert exact.item() == pytest.approx((5 / 8 - 0.1 + 3 / 4 - 0.2) / 2, abs=1e-14)


def test_position_is_averaged_over_the_sites() -> None:
    shown = seen(cell(2, 4, 1, 2), cell(3, 1, 1, 0))  # at (5/8, 3/4) and (1/2, 1/2)
    term = Position(object="circle", x=1 / 2, y=1 / 2)
    assert term(shown).item() == pytest.approx((1 / 8 + 1 / 4 + 0 + 0) / 4)


def test_position_with_a_reference_is_an_offset_to_its_centroid() -> None:
    then = record(seen(cell(2, 4, 0, 0)))  # at (1/8, 1/4)
    term = Position(object="circle", x=1 / 2, y=1 / 2, reference=then)
    assert term(seen(cell(2, 4, 1, 2))).tolist() == [0.0]
    assert term(seen(cell(2, 4, 0, 0))).tolist() == [1 / 2]


def test_concentration_sees_two_halves_that_position_takes_for_one() -> None:
    assert Position(object="circle", x=1 / 2, y=1 / 2)(seen(SPLIT)).tolist() == [0.0]
    term = Concentration(object="circle", x=1 / 2, y=1 / 2)
    assert term(seen(SPLIT)).item() == pytest.approx((3 / 8) ** 2)
    assert term(seen(MIDDLE)).item() == pytest.approx((1 / 8) ** 2)


def test_concentration_with_a_reference_counts_only_what_exceeds_its_spread() -> None:
    term = Concentration(object="circle", x=0, y=0, reference=record(seen(MIDDLE)))
    assert term(seen(SPLIT)).item() == pytest.approx((3 / 8) ** 2 - (1 / 8) ** 2)
    assert term(seen(MIDDLE)).item() == 0
    assert term(seen(torch.ones(1, 1))).item() == 0


def test_concentration_with_a_reference_is_about_its_shifted_centroid() -> None:
    term = Concentration(object="circle", x=1 / 4, y=0, reference=record(seen(MIDDLE)))
    assert term(seen(MIDDLE)).item() == pytest.approx((1 / 4) ** 2)  # parallel axis theorem


def test_size_is_the_distance_of_the_covered_fraction() -> None:
    term = Size(object="circle", size=0.125)
    assert term(seen(HALF)).item() == pytest.approx(0.375)
    near = Size(object="circle", size=0.5 + 0.003)  # half of where it fades, d u (2 - u)
    assert near(seen(HALF)).item() == pytest.approx(0.003 * 0.5 * 1.5, rel=1e-4)


def test_size_with_a_reference_is_a_factor_of_its_size() -> None:
    term = Size(object="circle", size=2.0, reference=record(seen(left(4, 8, 2))))
    assert term(seen(HALF)).item() == pytest.approx(0)
    assert term(seen(left(4, 8, 1))).item() == pytest.approx(1 / 2 - 1 / 8)


def test_shape_is_the_fraction_of_the_picture_that_differs() -> None:
    for target in ({"mask": left(4, 8, 2)[None]}, {"reference": record(seen(left(4, 8, 2)))}):
        term = Shape(object="circle", **target)
        assert term(seen(HALF)).item() == pytest.approx(2 / 8)
        assert term(seen(OTHER_HALF)).item() == pytest.approx(6 / 8)


def test_shape_moves_its_target() -> None:
    move = Affine(dx=0.5)
    for target in ({"mask": HALF[None]}, {"reference": record(seen(HALF))}):
        term = Shape(object="circle", transform=move, **target)
        torch.testing.assert_close(term(seen(OTHER_HALF)), torch.zeros(1), atol=1e-5, rtol=0)
        torch.testing.assert_close(term(seen(HALF)), torch.ones(1), atol=1e-5, rtol=0)


def test_shape_scales_its_target_about_the_targets_own_centroid() -> None:
    column = torch.zeros(1, 1, 12)
    column[..., 2:4] = 1.0
    wide = torch.zeros(1, 12)
    # sampled at steps of 1/2 between cells: 0, 1/4, 3/4, 1, 1, 3/4, 1/4, 0
    wide[0, :7] = torch.tensor([0.25, 0.75, 1, 1, 0.75, 0.25, 0])
    term = Shape(object="circle", mask=column, transform=Affine(scale_x=2))
    (target,) = term.targets(seen(torch.zeros(1, 12)))
    torch.testing.assert_close(target[0], wide, atol=1e-5, rtol=0)


def test_a_mask_of_another_aspect_is_turned_in_the_geometry_of_the_picture() -> None:
    # a bar over 4 of 18 columns and 2 of 6 rows: turned, over 2 columns and 4 rows
    bar, upright = torch.zeros(6, 18), torch.zeros(6, 18)
    bar[2:4, 7:11], upright[1:5, 8:10] = 1, 1
    square = bar.repeat_interleave(3, 0)  # the same bar on a grid of 18 x 18
    then = record(seen(square))
    for target in ({"mask": bar[None]}, {"mask": square[None]}, {"reference": then}):
        term = Shape(object="circle", transform=Affine(rotation=90), **target)
        assert term(seen(upright)).item() < 0.02, target
        assert term(seen(bar)).item() > 0.05


@pytest.mark.parametrize("mask", [left(64, 64, 32), left(2, 2, 1), left(1, 10, 5)])
def test_a_mask_of_another_size_is_brought_to_the_grid(mask: torch.Tensor) -> None:
    term = Shape(object="circle", mask=mask[None])
    fits, misses = term(seen(HALF)).item(), term(seen(OTHER_HALF)).item()
    assert fits < 0.15  # the border is soft
    assert misses == pytest.approx(1 - fits, abs=1e-5)


def test_a_reference_on_another_grid_is_averaged_to_this_one() -> None:
    term = Shape(object="circle", reference=record(seen(HALF)))
    # 8 columns to 4: a tent over four columns gives 1, 7/8, 1/8, 0 at the border
    assert term(seen(left(2, 4, 2))).item() == pytest.approx((1 / 8 + 1 / 8) / 4)


def test_shape_is_averaged_over_the_sites() -> None:
    term = Shape(object="circle", mask=HALF[None])
    assert term(seen(HALF, OTHER_HALF)).item() == pytest.approx(1 / 2)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ({}, "the shape of object 'circle' needs a reference or a mask as its target"),
        (
            {"mask": torch.ones(1, 2, 2), "reference": record(seen(HALF))},
            "the shape of object 'circle' needs a reference or a mask",
        ),
        ({"mask": torch.zeros(1, 2, 2)}, "mask of 'shape of circle' is empty"),
        ({"mask": torch.full((1, 2, 2), torch.nan)}, "mask of 'shape of circle' holds NaN"),
        ({"mask": torch.full((1, 2, 2), torch.inf)}, "mask of 'shape of circle' holds NaN"),
    ],
)
def test_a_shape_without_one_good_target_is_refused(target: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Shape(object="circle", **target)


def test_appearance_is_relative_to_the_magnitude_of_its_target() -> None:
    then = record(looks(2.0, -4.0))
    assert Appearance(object="circle", reference=then)(looks(1.0, -6.0)).item() == pytest.approx(
        ((1 + 2) / 2) / ((2 + 4) / 2)
    )


@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_appearance_ignores_the_scale_of_the_features(scale: float) -> None:
    now, then = looks(1.0, -6.0, 2.0), looks(2.0, -4.0, 0.5)
    value = Appearance(object="circle", reference=record(then))(now)
    now, then = looks(*(scale * v for v in (1, -6, 2))), looks(*(scale * v for v in (2, -4, 0.5)))
    torch.testing.assert_close(Appearance(object="circle", reference=record(then))(now), value)


def test_appearance_is_bounded_where_its_target_shows_nothing() -> None:
    features = torch.tensor([[[3.0, -5.0], [0.0, 0.0], [1.0, 3.0]]])  # level (4 + 0 + 2) / 3 = 2
    now = seen(HALF, features=features)
    for nothing in (0.0, 1e-9):
        term = Appearance(object="circle", reference=record(looks(nothing, -nothing)))
        assert term(now).item() == pytest.approx(4 / (0.1 * 2))
    assert Appearance(object="circle", reference=record(looks(0.0)))(looks(0.0)).item() == 0
    both = seen(HALF.expand(2, 4, 8), features=torch.cat([features, 3 * features]))
    term = Appearance(object="circle", reference=record(looks(0.0, 0.0)))
    assert term(both).tolist() == pytest.approx([4 / (0.1 * 2)] * 2)  # each by its own level


@pytest.mark.parametrize("both", [True, False])
def test_an_appearance_without_one_target_is_refused(both: bool) -> None:
    then = record(looks(1.0, 2.0)) if both else None
    with pytest.raises(ValueError, match="the appearance of object 'circle' needs a reference or"):
        Appearance(object="circle", reference=then, feature=LOOK if both else None)


def test_an_appearance_of_another_width_is_refused_with_both_widths() -> None:
    term = Appearance(object="circle", reference=record(looks(1.0, 2.0)))
    with pytest.raises(ValueError, match="has 2 channels but this model's features have 3; take"):
        term(looks(1.0, 2.0, 3.0))


def test_appearance_can_come_from_another_object() -> None:
    then = record(looks(9.0, 9.0, square=(1.0, 3.0)))
    term = Appearance(object="circle", reference=then, reference_object="square")
    assert term(looks(1.0, 3.0)).item() == 0


def test_place_size_and_shape_can_come_from_another_object() -> None:
    then = record(seen(HALF, square=cell(4, 8, 1, 2)[None]))
    now = seen(cell(4, 8, 1, 2))
    rest = {"object": "circle", "reference": then}
    terms = {
        Position: {"x": 0, "y": 0},
        Concentration: {"x": 0, "y": 0},
        Size: {"size": 1},
        Shape: {},
    }
    for kind, target in terms.items():
        assert kind(reference_object="square", **target, **rest)(now).item() == pytest.approx(
            0, abs=1e-6
        )
        if kind is not Concentration:  # which half the picture allows any spread
            assert kind(**target, **rest)(now).item() > 0.05


def test_a_pass_without_features_cannot_be_compared_in_appearance() -> None:
    term = Appearance(object="circle", reference=record(looks(1.0, 2.0)))
    with pytest.raises(ValueError, match="no features were read"):
        term(seen(HALF))


def test_a_term_reads_the_reference_at_the_noise_level_of_the_pass() -> None:
    then = record(seen(cell(1, 4, 0, 0), sigma=4.0), seen(cell(1, 4, 0, 3), sigma=1.0))
    term = Position(object="circle", x=0, y=0, reference=then)
    assert term(seen(cell(1, 4, 0, 0), sigma=4.0)).item() == 0
    assert term(seen(cell(1, 4, 0, 3), sigma=1.0)).item() == 0
    assert term(seen(torch.ones(1, 1), sigma=2.0)).item() == pytest.approx(0)  # halfway


def test_a_settled_term_reads_where_the_references_object_ended_up() -> None:
    then = record(
        seen(cell(2, 4, 0, 0), sigma=8), seen(cell(2, 4, 1, 3), sigma=1)
    )  # ends (7/8, 3/4)
    now = seen(cell(2, 4, 1, 3), sigma=8)
    place = {"object": "circle", "reference": then}
    assert Position(x=0, y=0, settled=True, **place)(now).tolist() == [0.0]
    assert Position(x=0, y=0, **place)(now).tolist() == [(6 / 8 + 1 / 2) / 2]
    assert Shape(settled=True, **place)(now).tolist() == [0.0]
    assert Shape(**place)(now).item() == pytest.approx(2 / 8)  # two of the eight cells differ


def test_a_reference_may_have_another_prompt() -> None:
    maps = torch.stack([cell(1, 4, 0, 3), cell(1, 4, 0, 0)])[None]
    then = record(Properties(1.0, table("ball circle"), {SITE: maps}))
    term = Position(object="circle", x=0, y=0, reference=then)
    assert term(seen(cell(1, 4, 0, 0))).item() == 0


def test_a_term_is_labelled_by_its_kind_and_object() -> None:
    assert Size(object="red circle", size=1).label == "size of red circle"


def test_a_term_tells_the_records_it_compares_with() -> None:
    then = record(seen(HALF))
    assert Size(object="circle", size=1).references == ()
    assert Size(object="circle", size=1, reference=then).references == (then,)
    assert Shape(object="circle", mask=HALF[None]).references == ()
    assert Appearance(object="circle", reference=then).references == (then,)


@pytest.mark.parametrize("kind", [Term, EnergyTerm, HoldTerm])
def test_a_bare_term_cannot_be_made(kind: Any) -> None:
    with pytest.raises(TypeError, match="abstract"):
        kind(object="circle")
