"""What guiders with other conditionings make of an applied model: the positive one is steered."""

from types import ModuleType
from typing import Any

import pytest
import torch
from selfguidance.tests.host.theirs import ran

SIGMA = 3.0
OTHER = ["green", "star"]


@pytest.fixture(scope="module")
def model(lab: ModuleType) -> Any:
    with torch.inference_mode():
        return lab.unet("shapes")


def separate(lab: ModuleType) -> type:
    """A guider that asks for the negative first and for the positive in a call of its own."""
    import comfy.samplers

    class Separate(comfy.samplers.CFGGuider):
        def predict_noise(self, x: Any, sigma: Any, model_options: Any, seed: Any = None) -> Any:
            negative, positive = (
                comfy.samplers.calc_cond_batch(
                    self.inner_model, [self.conds[name]], x, sigma, model_options
                )[0]
                for name in ("negative", "positive")
            )
            return negative + self.cfg * (positive - negative)

    return Separate


def made(lab: ModuleType, kind: str, model: Any) -> Any:
    """A guider of that kind, whose other conditionings have token tables of other words."""
    from comfy_extras import nodes_custom_sampler as custom
    from comfy_extras import nodes_perpneg as perp

    positive = lab.embedded()
    middle, negative = lab.embedded(5, words=OTHER), lab.embedded(6, words=OTHER)
    if kind == "basic":
        return ran(custom.BasicGuider, model=model, conditioning=positive)[0]
    if kind in ("regular", "nested"):
        conds = {"cond1": positive, "cond2": middle, "negative": negative}
        scales = {"cfg_conds": 3.0, "cfg_cond2_negative": 2.0}
        return ran(custom.DualCFGGuider, model=model, **conds, **scales, style=kind)[0]
    if kind in ("perpneg 1", "perpneg 0"):
        conds = {"positive": positive, "negative": negative, "empty_conditioning": middle}
        scales = {"cfg": 3.0, "neg_scale": float(kind[-1])}
        return ran(perp.PerpNegGuider, model=model, **conds, **scales)[0]
    if kind == "perpneg of the model":
        (model,) = ran(perp.PerpNeg, model=model, empty_conditioning=middle, neg_scale=1.0)
    guider = (separate(lab) if kind == "separate" else custom.comfy.samplers.CFGGuider)(model)
    guider.set_conds(positive, negative)
    guider.set_cfg(1.0 if kind == "cfg 1" else 4.0)
    return guider


def one_step(lab: ModuleType, guider: Any) -> torch.Tensor:
    """The denoised prediction at one noise level."""
    sigmas = torch.tensor([SIGMA, 0.0])
    latent = {"samples": torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(8))}
    return lab.custom(guider, sigmas, latent_image=latent)


KINDS = ("cfg", "basic", "regular", "nested", "perpneg 1", "perpneg 0", "separate")


@pytest.mark.compat("Front ends", "Apply in other guiders: {kind}")
@pytest.mark.parametrize("kind", [*KINDS, "perpneg of the model"])
def test_the_positive_is_steered_whatever_the_guider_adds(
    lab: ModuleType, model: Any, kind: str
) -> None:
    """With cfg 1 the model sees the positive alone: there the step is by the positive. It depends
    on nothing else, so that it is the same step in every other guider."""
    term = lab.position()

    def step(kind: str) -> torch.Tensor:
        applied = lab.applied(model, [term])
        return one_step(lab, made(lab, kind, applied)) - one_step(lab, made(lab, kind, model))

    expected, found = step("cfg 1"), step(kind)
    assert expected.square().mean().sqrt() > 0.1
    torch.testing.assert_close(found, expected, rtol=5e-3, atol=2e-2)


@pytest.mark.compat("Front ends", "Apply in other guiders: {kind}")
@pytest.mark.parametrize("kind", [*KINDS, "perpneg of the model"])
def test_without_strength_every_guider_is_as_it_was(lab: ModuleType, model: Any, kind: str) -> None:
    plain = lab.custom(made(lab, kind, model), lab.levels(model))
    applied = lab.applied(model, [lab.position()], 0.0)
    assert torch.equal(lab.custom(made(lab, kind, applied), lab.levels(model)), plain)
    guided = lab.custom(made(lab, kind, lab.applied(model, [lab.position()])), lab.levels(model))
    assert torch.isfinite(guided).all() and not torch.equal(guided, plain)


def test_objects_of_another_conditioning_are_not_in_the_prompt(lab: ModuleType, model: Any) -> None:
    applied = lab.applied(model, [lab.position("green star")])
    for kind in ("cfg", "regular", "perpneg 1"):
        with pytest.raises(ValueError, match="green star"):
            lab.custom(made(lab, kind, applied), lab.levels(model))


@pytest.mark.compat("Front ends", "A guider without a positive conditioning", refuses=True)
def test_a_guider_without_positive_is_refused_clearly(lab: ModuleType, model: Any) -> None:
    import comfy.samplers

    class Foreign(comfy.samplers.CFGGuider):
        def predict_noise(self, x: Any, sigma: Any, model_options: Any, seed: Any = None) -> Any:
            return comfy.samplers.calc_cond_batch(
                self.inner_model, [self.conds["style"]], x, sigma, model_options
            )[0]

    def sample(strength: float) -> torch.Tensor:
        guider = Foreign(lab.applied(model, [lab.position()], strength))
        guider.inner_set_conds({"style": lab.embedded(), "content": lab.embedded(5)})
        return lab.custom(guider, lab.levels(model))

    assert torch.isfinite(sample(0.0)).all()
    with pytest.raises(ValueError, match=r"'positive'.* only: 'style', 'content'; .*CFGGuider"):
        sample(1.0)


@pytest.mark.compat("Front ends", "A guider that never asks for the positive", refuses=True)
def test_a_guider_that_never_asks_for_the_positive_is_refused(lab: ModuleType, model: Any) -> None:
    import comfy.samplers

    class Idle(comfy.samplers.CFGGuider):
        def predict_noise(self, x: Any, *_: Any, **__: Any) -> Any:
            return torch.zeros_like(x)

    guider = Idle(lab.applied(model, [lab.position()]))
    guider.set_conds(lab.embedded(), lab.empty())
    with pytest.raises(ValueError, match="saw no attention of the positive"):
        lab.custom(guider, lab.levels(model))


@pytest.mark.compat("Other packs and nodes", "Context Windows", refuses=True)
def test_context_windows_are_refused_where_they_cut_the_latent(lab: ModuleType, model: Any) -> None:
    from comfy_extras.nodes_context_windows import ContextWindowsManualNode

    def windowed(length: int, strength: float) -> Any:
        applied = lab.applied(model, [lab.position()], strength)
        windows = {"context_length": length, "context_overlap": 0, "dim": 3}
        kinds = {"context_schedule": "standard_static", "fuse_method": "flat"}
        return ran(ContextWindowsManualNode, model=applied, **windows, **kinds)[0]

    plain = lab.plain(windowed(4, 0.0))
    assert not torch.equal(plain, lab.plain(model))
    recorded, record = lab.guided(windowed(4, 0.0))
    assert torch.equal(recorded, plain) and not record.steps
    with pytest.raises(ValueError, match="context_length"):
        lab.plain(windowed(4, 1.0))
    whole = lab.plain(lab.applied(model, [lab.position()]))
    assert torch.equal(lab.plain(windowed(8, 1.0)), whole)


@pytest.mark.compat("Conditionings", "A negative limited to an area")
def test_a_negative_limited_to_an_area_needs_no_gradient(
    lab: ModuleType, model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ComfyUI then adds a part of the positive's list that bears the negative's name."""
    import nodes

    seen = []
    original = type(model.model).apply_model

    def spy(self: Any, x: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        seen.append((x.requires_grad, len(x)))
        return original(self, x, *args, **kwargs)

    part = nodes.ConditioningSetArea().append(lab.embedded(5, words=OTHER), 32, 32, 0, 0, 1.0)[0]
    negative = lab.empty() + part
    monkeypatch.setattr(type(model.model), "apply_model", spy)
    applied = lab.applied(model, [lab.position()])
    lab.plain(applied, positive=lab.embedded(), negative=negative, steps=1)
    # the positive, which shows all, the part on the area, the negative, its part
    assert seen == [(True, 1), (False, 1), (False, 1), (False, 1)]
