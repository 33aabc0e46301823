"""Which noise levels a reference has to know, and that ordinary ones are never refused."""

from itertools import product
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

REFUSED = r"the reference of '.*' was seen at sigma .* but the term acts from .* denoise"


@pytest.fixture(scope="module")
def model(lab: ModuleType) -> Any:
    return lab.unet("shapes")


@pytest.fixture(scope="module")
def record(lab: ModuleType, model: Any) -> Any:
    """Of a run that starts from a picture, as in an image-to-image graph."""
    return lab.guided(model, denoise=0.2, steps=4, latent_image=picture(lab))[1]


def picture(lab: ModuleType) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(0)
    return {"samples": torch.randn(1, 4, 16, 16, generator=generator)}


def levels_of(model: Any, steps: int, sampler: str, scheduler: str, denoise: float) -> list[float]:
    """Noise levels of the steps, as ComfyUI's sampler will have them."""
    import comfy.samplers

    device = model.load_device
    run = comfy.samplers.KSampler(model, steps, device, sampler, scheduler, denoise)
    return run.sigmas.tolist()


def acting(lab: ModuleType, record: Any, start: float, end: float) -> Any:
    from selfguidance.guidance.terms.window import Window

    return lab.position("red circle", 0.1, 0.0, reference=record, window=Window(start, end))


@pytest.mark.parametrize("window", [(0.0, 1.0), (0.0, 0.7), (0.3, 0.6)])
def test_a_record_of_low_denoise_is_refused_where_a_term_acts_at_high_noise(
    lab: ModuleType, model: Any, record: Any, window: tuple[float, float]
) -> None:
    with pytest.raises(ValueError, match=REFUSED):
        lab.guided(model, [acting(lab, record, *window)], steps=10)


def test_a_recipe_with_such_a_record_is_refused(lab: ModuleType, model: Any, record: Any) -> None:
    from selfguidance.nodes.recipes import MoveObject

    times = {"weight": 1.0, "start_percent": 0.0, "end_percent": 0.7}
    terms = MoveObject.execute("red circle", 0.1, 0.0, record, **times).args[0]
    with pytest.raises(ValueError, match=REFUSED):
        lab.guided(model, terms, steps=10)
    lab.guided(model, terms, denoise=0.2, steps=2, latent_image=picture(lab))


def test_it_serves_late_terms_and_terms_that_read_where_objects_ended_up(
    lab: ModuleType, model: Any, record: Any
) -> None:
    from selfguidance.guidance.terms.reference import Shape

    settled = Shape(object="red circle", reference=record, settled=True)
    lab.guided(model, [acting(lab, record, 0.8, 1.0), settled], steps=5)


@pytest.mark.parametrize("sampler", ["heun", "dpm_2", "dpmpp_2s_ancestral", "uni_pc", "lcm"])
def test_records_of_every_kind_of_sampler_serve_each_other(
    lab: ModuleType, model: Any, sampler: str
) -> None:
    _, reference = lab.guided(model, sampler_name=sampler, steps=3)
    term = acting(lab, reference, 0.0, 1.0)
    lab.guided(model, [term], steps=4)
    _, other = lab.guided(model, steps=2)
    lab.guided(model, [acting(lab, other, 0.0, 1.0)], sampler_name=sampler, steps=3)


def test_no_schedule_refuses_the_full_record_of_another(lab: ModuleType, model: Any) -> None:
    import comfy.samplers
    from selfguidance.guidance.plan import Plan
    from selfguidance.nodes.engine.check import check_levels

    sampling = model.get_model_object("model_sampling")
    runs = [
        levels_of(model, steps, "euler", scheduler, 1.0)
        for scheduler, steps in product(comfy.samplers.KSampler.SCHEDULERS, (2, 4, 8, 25, 60))
    ]
    windows = [(0.0, 1.0), (0.0, 0.7), (0.0, 0.2), (0.4, 0.9)]
    for levels, (start, end) in product(runs, windows):
        seen = SimpleNamespace(sigmas=tuple(s for s in levels if s > 0))
        plan = Plan.of([acting(lab, seen, start, end)], sampling.percent_to_sigma)
        for run in runs:
            check_levels(plan, run)


@pytest.mark.parametrize(("denoise", "fits"), [(0.1, False), (0.2, False), (0.7, True)])
def test_a_record_serves_a_full_run_if_it_saw_most_of_its_noise_levels(
    lab: ModuleType, model: Any, denoise: float, fits: bool
) -> None:
    from selfguidance.guidance.plan import Plan
    from selfguidance.nodes.engine.check import check_levels

    to_sigma = model.get_model_object("model_sampling").percent_to_sigma
    for scheduler, steps in product(("normal", "karras", "simple"), (10, 25)):
        known = levels_of(model, steps, "euler", "normal", denoise)[:-1]
        term = acting(lab, SimpleNamespace(sigmas=tuple(known)), 0.0, 1.0)
        run = levels_of(model, steps, "euler", scheduler, 1.0)
        if fits:
            check_levels(Plan.of([term], to_sigma), run)
        else:
            with pytest.raises(ValueError, match=REFUSED):
                check_levels(Plan.of([term], to_sigma), run)
