"""One core, three front ends: the same run has the same bits through each of them."""

from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Any

import pytest
import torch
from selfguidance.tests.combined import combined
from selfguidance.tests.host.theirs import ran

SAMPLERS = ("euler", "heun", "dpmpp_2m", "dpmpp_sde", "uni_pc", "lcm")
STEPS = 3  # as many as these samplers look back on


@pytest.fixture(scope="module")
def model(lab: ModuleType) -> Any:
    with torch.inference_mode():
        return lab.unet("shapes")


@pytest.fixture(scope="module")
def plain(lab: ModuleType, model: Any) -> Callable[[str], torch.Tensor]:
    """Samples of ComfyUI's own KSampler node by the name of the sampler."""
    return cache(lambda sampler: lab.plain(model, steps=STEPS, sampler_name=sampler))


def picture(masked: bool = False) -> dict[str, Any]:
    samples = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(8))
    mask = torch.zeros(1, 128, 128)
    mask[:, 30:90, 20:100] = 1
    return {"samples": samples, "noise_mask": mask} if masked else {"samples": samples}


def zeroed(lab: ModuleType) -> list[Any]:
    import nodes

    return nodes.ConditioningZeroOut().zero_out(lab.embedded())[0]


def through_each(lab: ModuleType, model: Any, terms: Any, strength: float, **inputs: Any) -> Any:
    """Samples of our KSampler, of Apply in ComfyUI's KSampler, of our Guider and of Apply in
    ComfyUI's own guider, both in SamplerCustomAdvanced."""
    from comfy_extras.nodes_custom_sampler import CFGGuider

    applied = lab.applied(model, terms, strength)
    sigmas = lab.levels(model, **inputs)
    conds = {name: lab.settings(**inputs)[name] for name in ("positive", "negative", "cfg")}
    with torch.inference_mode():
        (theirs,) = ran(CFGGuider, model=applied, **conds)
    return (
        lab.guided(model, terms, strength, **inputs)[0],
        lab.plain(applied, **inputs),
        lab.custom(lab.guider(model, terms, strength, **inputs), sigmas, **inputs),
        lab.custom(theirs, sigmas, **inputs),
    )


@pytest.mark.compat("Front ends", "KSampler, Guider and Apply: the same bits, {sampler}")
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_same_run_has_the_same_bits(
    lab: ModuleType, model: Any, plain: Callable, sampler: str
) -> None:
    inputs = {"steps": STEPS, "sampler_name": sampler}
    first, *others = through_each(lab, model, [lab.position()], 1.0, **inputs)
    assert torch.isfinite(first).all() and not torch.equal(first, plain(sampler))
    assert all(torch.equal(first, other) for other in others)


@pytest.mark.compat("Front ends", "Nothing asked for ({without}): ComfyUI's own bits")
@pytest.mark.parametrize(
    ("sampler", "without"), combined(SAMPLERS, ["strength", "terms", "window", "weight"])
)
def test_what_shall_not_be_guided_is_comfyuis_own(
    lab: ModuleType, model: Any, plain: Callable, sampler: str, without: str
) -> None:
    from selfguidance.guidance.terms.window import Window

    terms = {
        "terms": [],
        "window": [lab.position(window=Window(0.3, 0.3))],
        "weight": [lab.position(weight=0.0)],
    }.get(without, [lab.position()])
    strength = 0.0 if without == "strength" else 1.0
    inputs = {"steps": STEPS, "sampler_name": sampler}
    results = through_each(lab, model, terms, strength, **inputs)
    assert all(torch.equal(result, plain(sampler)) for result in results)


@pytest.mark.compat(
    "Samplers and schedules",
    "Denoise below 1, cfg 1, zeroed negative, noise mask, batch: the same through each front end",
)
@pytest.mark.parametrize("case", ["denoise", "cfg", "zeroed", "masked", "batch"])
def test_other_inputs_mean_the_same_everywhere(lab: ModuleType, model: Any, case: str) -> None:
    negative = zeroed(lab) if case == "zeroed" else lab.empty()
    inputs: dict[str, Any] = {"positive": lab.embedded(), "negative": negative}
    inputs |= {
        "denoise": {"denoise": 0.5, "latent_image": picture()},
        "cfg": {"cfg": 1.0},
        "masked": {"latent_image": picture(masked=True)},
        "batch": {"latent_image": lab.latent(2, 8, 12)},
    }.get(case, {})
    plain = lab.plain(model, **inputs)
    first, *others = through_each(lab, model, [lab.position()], 1.0, **inputs)
    assert not torch.equal(first, plain)
    assert all(torch.equal(first, other) for other in others)
    if case == "masked":
        kept = picture()["samples"]
        assert torch.equal(first[:, :, :3], plain[:, :, :3])
        torch.testing.assert_close(first[:, :, :3], kept[:, :, :3])
    unguided = through_each(lab, model, [lab.position()], 0.0, **inputs)
    assert all(torch.equal(result, plain) for result in unguided)


def advanced(lab: ModuleType, model: Any, latent: Any, *stretch: Any, **changes: Any) -> Any:
    """LATENT of KSampler (Advanced): add_noise, start, end, return_with_leftover_noise."""
    import nodes

    inputs = lab.settings(**changes)
    add_noise, start, end, leftover = stretch
    names = ("steps", "cfg", "sampler_name", "scheduler", "positive", "negative")
    values = [inputs[name] for name in names]
    with torch.inference_mode():
        return nodes.KSamplerAdvanced().sample(
            model, add_noise, inputs["seed"], *values, latent, start, end, leftover
        )[0]


@pytest.mark.compat("Samplers and schedules", "KSampler (Advanced) in two stretches, SplitSigmas")
@pytest.mark.parametrize("strength", [0.0, 1.0])
def test_a_run_in_two_stretches(lab: ModuleType, model: Any, strength: float) -> None:
    """KSampler (Advanced) twice is SplitSigmas with noise first and none then."""
    from comfy_extras.nodes_custom_sampler import SplitSigmas

    terms = [lab.position()]
    model_or_applied = lab.applied(model, terms, strength)
    begun = advanced(lab, model_or_applied, lab.latent(), "enable", 0, 2, "enable")
    ended = advanced(lab, model_or_applied, begun, "disable", 2, 10, "disable")
    high, low = ran(SplitSigmas, sigmas=lab.levels(model), step=2)
    guider = lab.guider(model, terms, strength)
    first = lab.custom(guider, high)
    second = lab.custom(guider, low, noise=False, latent_image={"samples": first})
    assert torch.equal(first, begun["samples"]) and torch.equal(second, ended["samples"])
    unguided = advanced(lab, model, lab.latent(), "enable", 0, 2, "enable")
    assert torch.equal(first, unguided["samples"]) == (strength == 0)


@pytest.mark.compat("Samplers and schedules", "KSampler (Advanced) in two stretches, SplitSigmas")
def test_a_run_cut_short_is_denoised_in_full(lab: ModuleType, model: Any) -> None:
    cut = lab.levels(model)[:3].clone()
    cut[-1] = 0
    applied = lab.applied(model, [lab.position()])
    theirs = advanced(lab, applied, lab.latent(), "enable", 0, 2, "disable")["samples"]
    assert torch.equal(theirs, lab.custom(lab.guider(model, [lab.position()]), cut))
    assert not torch.equal(theirs, lab.custom(lab.guider(model), cut))


@pytest.mark.compat("Samplers and schedules", "A stretch beyond all windows")
def test_a_stretch_beyond_the_windows_is_plain(lab: ModuleType, model: Any) -> None:
    from selfguidance.guidance.terms.window import Window

    sigmas = lab.levels(model)[2:]
    late = lab.guider(model, [lab.position(window=Window(0.0, 0.2))])
    plain = lab.guider(model)
    latent = {"latent_image": picture()}
    assert torch.equal(lab.custom(late, sigmas, **latent), lab.custom(plain, sigmas, **latent))


@pytest.mark.compat("Samplers and schedules", "No step at all")
@pytest.mark.parametrize("count", [0, 1])
def test_no_step_at_all_is_what_it_is_without_guidance(
    lab: ModuleType, model: Any, count: int
) -> None:
    sigmas = lab.levels(model)[:count]
    latent = {"latent_image": picture()}
    result = lab.custom(lab.guider(model, [lab.position()]), sigmas, **latent)
    assert torch.equal(result, lab.custom(lab.guider(model), sigmas, **latent))


@pytest.mark.compat("Models", "Windows after another prediction was set: {prediction}")
@pytest.mark.parametrize("prediction", ["v", "flow"])
def test_windows_are_those_of_the_schedule_that_samples(
    lab: ModuleType, model: Any, prediction: str
) -> None:
    from selfguidance.guidance.terms.window import Window

    terms = [lab.position(window=Window(0.2, 0.6))]
    before = lab.applied(lab.predicting(model, prediction), terms)
    plain = lab.plain(lab.predicting(model, prediction), steps=6)
    applied = lab.applied(model, terms)
    lab.plain(applied, steps=6)  # another schedule, of which nothing may stay
    result = lab.plain(lab.predicting(applied, prediction), steps=6)
    assert torch.equal(result, lab.plain(before, steps=6)) and not torch.equal(result, plain)
    expected, record = lab.guided(lab.predicting(model, prediction), terms, steps=6)
    assert torch.equal(result, expected)
    assert 0 < sum(step.guided for step in record) < 6
