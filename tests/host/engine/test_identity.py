"""A run that shall not be guided is ComfyUI's own run, bit for bit; a guided one repeats itself."""

from types import ModuleType
from typing import Any

import pytest
import torch

USUAL = ("euler", "euler_ancestral", "heun", "dpmpp_2m", "dpmpp_sde", "uni_pc", "lcm")
each_family = pytest.mark.parametrize("family", ["shapes", "sd15", "sdxl"])


@pytest.fixture(scope="module")
def model(lab: ModuleType) -> Any:
    with torch.inference_mode():
        return lab.unet("shapes")


def with_mask(lab: ModuleType, **extra: Any) -> dict[str, Any]:
    samples = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(8))
    mask = torch.zeros(1, 128, 128)
    mask[:, 30:90, 20:100] = 1
    return {"samples": samples, "noise_mask": mask, **extra}


@pytest.mark.parametrize("sampler", USUAL)
def test_without_strength_or_terms_the_result_is_ksamplers(
    lab: ModuleType, model: Any, sampler: str
) -> None:
    plain = lab.plain(model, sampler_name=sampler)
    for terms, strength in (([lab.position()], 0.0), ([], 1.0)):
        samples, record = lab.guided(model, terms, strength, sampler_name=sampler)
        assert torch.equal(samples, plain)
        assert len(record.steps) >= 4
        assert not any(step.guided or step.energies for step in record)


@pytest.mark.compat("Models", "UNets of the family {family}")
@each_family
def test_the_family_does_not_matter(lab: ModuleType, family: str) -> None:
    with torch.inference_mode():
        model = lab.unet(family)
    plain = lab.plain(model, steps=2)
    assert torch.equal(lab.guided(model, steps=2)[0], plain)
    samples, record = lab.guided(model, [lab.position()], steps=2)
    assert not torch.equal(samples, plain)
    assert record.family == family


@pytest.mark.compat("Models", "Prediction: {prediction}")
@pytest.mark.parametrize("prediction", ["v", "flow"])
def test_the_parametrisation_does_not_matter(lab: ModuleType, model: Any, prediction: str) -> None:
    other = lab.predicting(model, prediction)
    plain = lab.plain(other)
    assert torch.equal(lab.guided(other, [lab.position()], 0.0)[0], plain)
    assert not torch.equal(lab.guided(other, [lab.position()])[0], plain)


@pytest.mark.compat("Samplers and schedules", "Twice the same inputs: the same bits")
@pytest.mark.parametrize("sampler", ["euler", "euler_ancestral", "dpmpp_sde"])
def test_a_guided_run_twice_is_the_same(lab: ModuleType, model: Any, sampler: str) -> None:
    first, record = lab.guided(model, [lab.position()], sampler_name=sampler)
    second, again = lab.guided(model, [lab.position()], sampler_name=sampler)
    assert torch.equal(first, second)
    assert [s.energies for s in record] == [s.energies for s in again]
    assert not torch.equal(first, lab.plain(model, sampler_name=sampler))


@pytest.mark.compat("Samplers and schedules", "Denoise below 1, cfg 1, another schedule")
@pytest.mark.parametrize(
    "changes", [{"denoise": 0.5}, {"cfg": 1.0}, {"scheduler": "karras"}], ids=str
)
def test_other_settings_are_kept_too(lab: ModuleType, model: Any, changes: dict[str, Any]) -> None:
    inputs = {"latent_image": {"samples": with_mask(lab)["samples"]}, **changes}
    plain = lab.plain(model, **inputs)
    assert torch.equal(lab.guided(model, [lab.position()], 0.0, **inputs)[0], plain)
    guided, record = lab.guided(model, [lab.position()], **inputs)
    assert not torch.equal(guided, plain)
    assert len(record.steps) == 4 and all(step.guided for step in record)


@pytest.mark.compat("Samplers and schedules", "Inpainting by a noise mask")
def test_a_noise_mask_keeps_what_it_covers(lab: ModuleType, model: Any) -> None:
    latent = with_mask(lab)
    plain = lab.plain(model, latent_image=latent)
    assert torch.equal(lab.guided(model, latent_image=latent)[0], plain)
    guided, _ = lab.guided(model, [lab.position()], latent_image=latent)
    changed = (guided != plain).any(1)[0]
    assert changed[5:10, 4:12].all()
    assert not changed[:3].any() and not changed[12:].any()


def test_the_output_keeps_what_the_latent_carries(lab: ModuleType, model: Any) -> None:
    from selfguidance.nodes.sampling import KSampler

    latent = with_mask(lab, batch_index=[4])
    with torch.inference_mode():
        result = KSampler.execute(
            model, **lab.settings(latent_image=latent), strength=1.0, terms=[lab.position()]
        ).args[0]
    assert result["batch_index"] == [4] and result["noise_mask"] is latent["noise_mask"]


def test_outside_its_window_a_term_changes_nothing(lab: ModuleType, model: Any) -> None:
    from selfguidance.guidance.terms.window import Window

    _, record = lab.guided(model, [lab.position(window=Window(0.2, 0.6))], steps=8)
    guided = [step.guided for step in record]
    assert guided == sorted(guided[:4]) + sorted(guided[4:], reverse=True)
    assert 0 < sum(guided) < 8
    never = lab.position(window=Window(0.3, 0.3))
    assert torch.equal(lab.guided(model, [never])[0], lab.plain(model))
