"""The gradient of the whole guided path, and what becomes of it."""

from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest
import torch
from selfguidance.tests.combined import combined

PREDICTIONS = {"eps": 3.0, "v": 3.0, "flow": 0.7}
CASES = [(family, p) for family in ("shapes", "sd15", "sdxl") for p in PREDICTIONS]
SHAPE = (1, 4, 8, 12)
STEP = 3e-5  # so short that no distance changes its sign on the way


class Watch:
    """The gradient that was taken in one guided call, where, and of what energy."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from selfguidance.guidance.acting import Acting
        from selfguidance.nodes.engine import capture

        self._original, self._pooled = Acting.gradient, capture.pooled
        self._held: Any = None
        monkeypatch.setattr(Acting, "gradient", lambda acting, *args: self._gradient(acting, *args))
        monkeypatch.setattr(capture, "pooled", self._pool)

    def _gradient(self, acting: Any, seen: Any, x: torch.Tensor, *more: Any) -> Any:
        self.gradient, energies = self._original(acting, seen, x, *more)
        self.x = x.detach()
        weights = [term.weight for term in acting.energies.values()]
        assert len(weights) == len(energies)
        parts = zip(weights, energies.values(), strict=True)
        self.energy = float(sum(weight * energy.double().sum() for weight, energy in parts))
        return self.gradient, energies

    def hold_shapes(self) -> None:
        """From now on appearance is pooled under the shapes of the last call, as constants."""
        self._held = {site: maps.detach() for site, maps in self._pooled_under.items()}

    def _pool(self, maps: Any, features: torch.Tensor) -> torch.Tensor:
        self._pooled_under = maps
        return self._pooled(maps if self._held is None else self._held, features)


@pytest.fixture
def watch(lab: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Watch:
    return Watch(monkeypatch)


def random(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(shape or SHAPE, generator=torch.Generator().manual_seed(seed)).double()


def every_term(lab: ModuleType, model: Any, sigma: float) -> list[Any]:
    """Position, Size, Shape and Appearance, absolute and relative to another picture's record."""
    from selfguidance.guidance.terms import reference as energies
    from selfguidance.guidance.terms.appearance import Appearance

    record = lab.one_step(model, lab.always(), sigma, random(9), lab.embedded(), lab.empty()).record
    mask = torch.zeros(1, 40, 40)
    mask[:, 5:20, 15:30] = 1
    return [
        lab.position(weight=1.5),
        energies.Position(object="blue square", x=-0.2, y=0.1, reference=record),
        energies.Size(object="red circle", size=0.2, weight=0.7),
        energies.Size(object="square", size=1.4, reference=record),
        energies.Shape(object="blue square", reference=record, weight=2.0),
        energies.Shape(object="red circle", mask=mask),
        Appearance(object="red circle", reference=record, reference_object="blue square"),
    ]


def made(lab: ModuleType, family: str, prediction: str, inference: bool, **rest: Any) -> Any:
    with torch.inference_mode(inference):
        model = lab.predicting(lab.unet(family, **rest), prediction)
    assert all(p.is_inference() == inference for p in model.model.parameters())
    return model


@pytest.mark.compat("Weights", "Gradient against finite differences, 1 %: {case[0]}, {case[1]}")
@pytest.mark.parametrize(("case", "inference"), combined(CASES, (False, True)))
def test_the_gradient_agrees_with_finite_differences(
    lab: ModuleType, watch: Watch, case: tuple[str, str], inference: bool
) -> None:
    family, prediction = case
    model = made(lab, family, prediction, inference, dtype=torch.float64)
    sigma = PREDICTIONS[prediction]
    plan = lab.always(*every_term(lab, model, sigma))
    conds = {"positive": lab.embedded(), "negative": lab.empty()}
    lab.one_step(model, plan, sigma, random(0), **conds)
    gradient = watch.gradient.double()
    assert gradient.shape == SHAPE
    watch.hold_shapes()
    # all of it uphill, so that no part cancels another and the result is far above rounding
    direction = random(1).abs() * gradient.sign()
    lab.one_step(model, plan, sigma, random(0) - STEP * direction, **conds)
    low, below = watch.x, watch.energy
    lab.one_step(model, plan, sigma, random(0) + STEP * direction, **conds)
    expected = float((gradient * (watch.x - low)).sum())
    assert expected > 1e-4
    assert watch.energy - below == pytest.approx(expected, rel=0.01)


@pytest.mark.compat("Models", "Correction by the formula: {prediction}")
@pytest.mark.parametrize("raw", [True, False], ids=["raw", "normalised"])
@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_the_denoised_prediction_is_corrected_by_the_formula(
    lab: ModuleType, watch: Watch, prediction: str, raw: bool
) -> None:
    from selfguidance.guidance.acting import UNIT
    from selfguidance.guidance.prediction import FLOW_FLOOR

    model = made(lab, "shapes", prediction, True).clone()
    before = []
    model.set_model_sampler_post_cfg_function(
        lambda args: (before.append(args["denoised"].clone()), args["denoised"])[1]
    )
    sigma, strength = PREDICTIONS[prediction], 30.0 if raw else 0.7
    noise = torch.cat([random(0), random(5)]).float()
    after = []
    lab.one_step(
        model,
        lab.always(replace(lab.position(), weight=0.4), strength=strength, raw=raw),
        sigma,
        noise,
        lab.embedded(),
        lab.empty(),
        cfg=4.0,
        callback=lambda step, denoised, x, total: after.append(denoised.clone()),
    )
    reach = sigma / max(1 - sigma, FLOW_FLOOR) if prediction == "flow" else sigma
    if raw:
        wanted = strength * sigma * reach * watch.gradient
    else:
        rms = watch.gradient.square().mean((1, 2, 3), keepdim=True).sqrt()
        wanted = strength * 0.4 * UNIT * reach * watch.gradient / rms  # steps by weight
    assert wanted.abs().max() > 1e-3
    torch.testing.assert_close(before[0] - after[0], wanted, rtol=1e-3, atol=1e-4)
