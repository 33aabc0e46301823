"""What holds for every energy: its gradient, its sign, its minimum, its batch."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from selfguidance.guidance.maps.properties import Properties, pooled
from selfguidance.guidance.record.record import Record, moved
from selfguidance.guidance.terms.attention import Box
from selfguidance.guidance.terms.base import EnergyTerm
from selfguidance.guidance.terms.mask import Mask
from selfguidance.guidance.terms.reference import Concentration, Position, Shape, Size
from selfguidance.tests.unit.guidance.terms.examples import ABSOLUTE, RELATIVE, STILL
from selfguidance.tests.unit.guidance.toys import OTHER, SITE, TABLE, blob, left, record, seen
from torch import Tensor

EACH = pytest.mark.parametrize("name", [*ABSOLUTE, *(f"relative {name}" for name in RELATIVE)])


def made(name: str, then: Record) -> EnergyTerm:
    """The term of this name, against a reference if it is relative."""
    kind = name.removeprefix("relative ")
    return ABSOLUTE[kind]() if kind == name else RELATIVE[kind](then)


def random(seed: int, *shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def shown(seed: int, batch: int = 2, dtype: torch.dtype = torch.float64) -> Properties:
    """A pass of random maps on two grids that are not square, with random features."""
    maps = {SITE: random(seed, batch, 3, 4, 6), OTHER: random(seed + 1, batch, 3, 5, 3)}
    maps = {site: m.to(dtype) for site, m in maps.items()}
    return Properties(1.0, TABLE, maps, random(seed + 2, batch, 3, 5).to(dtype))


def picture(properties: Properties, rows: slice) -> Properties:
    maps = {site: m[rows] for site, m in properties.maps.items()}
    return Properties(properties.sigma, properties.table, maps, properties.features[rows])


@EACH
def test_the_gradient_is_that_of_finite_differences(name: str) -> None:
    term = made(name, record(shown(10)))
    now = shown(20)
    inputs = [m.clone().requires_grad_() for m in (*now.maps.values(), now.features)]

    def energy(first: Tensor, second: Tensor, features: Tensor) -> Tensor:
        return term(Properties(1.0, TABLE, {SITE: first, OTHER: second}, features))

    assert (energy(*inputs) > 0).all()
    assert torch.autograd.gradcheck(energy, inputs, fast_mode=True)
    grads = torch.autograd.grad(energy(*inputs).sum(), inputs, allow_unused=True)
    assert any(g is not None and (g != 0).any() for g in grads)


@pytest.mark.parametrize("name", STILL)
@given(seed=st.integers(0, 2**31), batch=st.integers(1, 3))
def test_a_run_equal_to_its_reference_has_no_energy(name: str, seed: int, batch: int) -> None:
    now = shown(seed, batch, torch.float32)
    term = STILL[name][0](record(now))
    assert term(shown(seed, batch, torch.float32)).abs().max() < 1e-6


@EACH
@pytest.mark.parametrize("pictures", [1, 3], ids=["one for all", "one each"])
def test_a_batch_gives_what_its_pictures_give_alone(name: str, pictures: int) -> None:
    now, then = shown(30, 3), shown(40, pictures, torch.float32)
    together = made(name, record(then))(now)
    assert together.shape == (3,)
    for i in range(3):
        own = picture(then, slice(0, 1) if pictures == 1 else slice(i, i + 1))
        alone = made(name, record(own))(picture(now, slice(i, i + 1)))
        torch.testing.assert_close(alone, together[i : i + 1])


@EACH
def test_an_energy_is_worked_out_where_the_maps_of_the_pass_are(name: str) -> None:
    """On the device without values, which mixes with no other."""
    now = moved(shown(20), torch.device("meta"), torch.float32)
    energy = made(name, record(shown(10, dtype=torch.float32)))(now)
    assert energy.device.type == "meta" and energy.shape == (2,)


def test_masks_act_on_their_own_pictures() -> None:
    masks = torch.stack([left(4, 8, 4), left(4, 8, 4).flip(1)])
    energy = Shape(object="circle", mask=masks)(seen(left(4, 8, 4).expand(2, 4, 8)))
    torch.testing.assert_close(energy, torch.tensor([0.0, 1.0]))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Position(object="circle", x=0.7, y=0.4),
        lambda: Concentration(object="circle", x=0.7, y=0.4),
        lambda: Shape(object="circle", mask=blob(12, 20, 0.7, 0.4)[None]),
        lambda: Mask(object="circle", mask=(blob(12, 20, 0.7, 0.4) > 0.5).float()),
        lambda: Box(object="circle", x=0.6, y=0.2, width=0.2, height=0.4),
        lambda: Box(object="circle", x=0.6, y=0.2, width=0.2, height=0.4, corners=True),
    ],
    ids=["position", "concentration", "shape", "mask", "box", "corners"],
)
def test_energy_falls_as_the_object_comes_to_its_target(make: Callable[[], EnergyTerm]) -> None:
    way = [(0.3, 0.6), (0.45, 0.55), (0.55, 0.5), (0.65, 0.42), (0.7, 0.4)]
    energies = [make()(seen(blob(12, 20, x, y))).item() for x, y in way]
    assert energies == sorted(energies, reverse=True)
    assert len(set(energies)) == len(energies)


@pytest.mark.parametrize("radii", [(0.05, 0.1, 0.15, 0.2), (0.4, 0.35, 0.3, 0.25)])
def test_energy_falls_as_the_size_comes_to_its_target(radii: tuple[float, ...]) -> None:
    term = Size(object="circle", size=0.2)
    energies = [
        term(seen((blob(40, 60, 0.5, 0.5, r) > 0.5).float() + blob(40, 60, 0.5, 0.5, r))).item()
        for r in radii
    ]
    assert energies == sorted(energies, reverse=True)


@EACH
def test_a_small_step_down_the_gradient_lowers_the_energy(name: str) -> None:
    then = record(shown(50))
    grid, logits = (4, 6), random(60, 2, 3, 24).requires_grad_()
    pixels = random(70, 2, 5, 8, 12).requires_grad_()

    def energy(logits: Tensor, pixels: Tensor) -> Tensor:
        maps = {SITE: logits.softmax(1).unflatten(-1, grid)}
        maps[OTHER] = maps[SITE][..., :3]
        now = Properties(1.0, TABLE, maps, pooled(maps, pixels))
        return made(name, then)(now).sum()

    before = energy(logits, pixels)
    slopes = torch.autograd.grad(before, (logits, pixels), allow_unused=True)
    steps = [
        p if g is None else p - 1e-3 * g for p, g in zip((logits, pixels), slopes, strict=True)
    ]
    assert energy(*steps) < before


@EACH
@pytest.mark.parametrize("empty", ["now", "reference", "both"])
def test_an_object_that_is_nowhere_has_a_finite_energy_and_gradient(name: str, empty: str) -> None:
    now, then = shown(80), shown(90)
    for properties, which in ((now, "now"), (then, "reference")):
        if empty in (which, "both"):
            for tensor in (*properties.maps.values(), properties.features):
                tensor.zero_()
    inputs = [m.requires_grad_() for m in (*now.maps.values(), now.features)]
    energy = made(name, record(then))(now)
    assert torch.isfinite(energy).all()
    for gradient in torch.autograd.grad(energy.sum(), inputs, allow_unused=True):
        assert gradient is None or torch.isfinite(gradient).all()
