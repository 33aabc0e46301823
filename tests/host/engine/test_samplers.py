"""Every sampler and every scheduler of ComfyUI: guided, or exactly ComfyUI's own result."""

from types import ModuleType
from typing import Any

import pytest
import torch


@pytest.fixture(scope="module")
def model(lab: ModuleType) -> Any:
    with torch.inference_mode():
        return lab.unet("shapes")


def inputs(lab: ModuleType, **changes: Any) -> dict[str, Any]:
    return {"steps": 2, "latent_image": lab.latent(1, 8, 8), **changes}


def idle(lab: ModuleType, without: str) -> dict[str, Any]:
    """Terms and strength that leave a run as it is."""
    from selfguidance.guidance.terms.window import Window

    return {
        "strength": {"terms": [lab.position()], "strength": 0.0},
        "terms": {"terms": []},
        "a window": {"terms": [lab.position(window=Window(0.3, 0.3))]},
        "steps in the window": {"terms": [lab.position(window=Window(0.0005, 0.001))]},
    }[without]


@pytest.fixture(scope="module")
def unguided(lab: ModuleType, model: Any) -> dict[str, torch.Tensor]:
    """Samples of ComfyUI's own node by the name of the sampler."""
    import comfy.samplers

    names = comfy.samplers.SAMPLER_NAMES
    return {name: lab.plain(model, **inputs(lab, sampler_name=name, steps=3)) for name in names}


@pytest.mark.compat("Samplers and schedules", "Every sampler without {without}: ComfyUI's own bits")
@pytest.mark.parametrize("without", ["strength", "terms", "a window", "steps in the window"])
def test_every_sampler_is_left_as_it_is(
    lab: ModuleType, model: Any, unguided: dict[str, torch.Tensor], without: str
) -> None:
    asked, different = idle(lab, without), []
    for sampler, expected in unguided.items():
        run = inputs(lab, sampler_name=sampler, steps=3)
        samples, record = lab.guided(model, **asked, **run)
        if not (record.steps and torch.equal(samples, expected)):
            different.append(sampler)
    assert not different


@pytest.mark.compat("Samplers and schedules", "Every sampler, guided")
def test_every_sampler_can_be_guided(
    lab: ModuleType, model: Any, unguided: dict[str, torch.Tensor]
) -> None:
    wrong = []
    for sampler, plain in unguided.items():
        run = inputs(lab, sampler_name=sampler, steps=3)
        samples, record = lab.guided(model, [lab.position()], 0.2, **run)
        acts = record.steps and all(step.guided for step in record)
        if not (acts and torch.isfinite(samples).all() and not torch.equal(samples, plain)):
            wrong.append(sampler)
    assert not wrong


def test_a_seed_that_the_host_adds_to_is_refused_where_it_is_the_largest(
    lab: ModuleType, model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Newer hosts do so for samplers that draw noise of their own on the CPU."""
    import comfy.k_diffusion.sampling as theirs

    def noise(x: torch.Tensor, seed: int) -> Any:
        generator = torch.Generator().manual_seed(seed + 1)
        return lambda *_: torch.randn(x.shape, generator=generator)

    monkeypatch.setattr(theirs, "default_noise_sampler", noise)
    run = inputs(lab, sampler_name="euler_ancestral")
    with pytest.raises(ValueError, match=r"seed 18446744073709551615 .*'euler_ancestral'.* choose"):
        lab.guided(model, **run, seed=2**64 - 1)
    assert torch.isfinite(lab.guided(model, **run, seed=2**64 - 2)[0]).all()


@pytest.mark.compat("Samplers and schedules", "Every scheduler")
def test_every_scheduler_is_guided_and_left_alone_without_strength(
    lab: ModuleType, model: Any
) -> None:
    import comfy.samplers

    wrong = []
    for scheduler in comfy.samplers.SCHEDULER_NAMES:
        run = inputs(lab, scheduler=scheduler)
        plain = lab.plain(model, **run)
        same = torch.equal(lab.plain(lab.applied(model, [lab.position()], 0.0), **run), plain)
        guided, record = lab.guided(model, [lab.position()], **run)
        acts = record.steps and all(step.guided for step in record)
        if not (same and acts and torch.isfinite(guided).all() and not torch.equal(guided, plain)):
            wrong.append(scheduler)
    assert not wrong


@pytest.mark.compat("Samplers and schedules", "Pictures of a batch by their own noise")
def test_a_picture_of_a_batch_is_the_same_alone(lab: ModuleType, model: Any) -> None:
    """Latent From Batch picks the second of two; its noise goes with it."""
    import nodes

    both = lab.latent(2, 8, 8)
    (second,) = nodes.LatentFromBatch().frombatch(both, 1, 1)
    assert second["batch_index"] == [1]
    terms = [lab.position()]
    together, _ = lab.guided(model, terms, **inputs(lab, latent_image=both))
    alone, _ = lab.guided(model, terms, **inputs(lab, latent_image=second))
    torch.testing.assert_close(alone[0], together[1], rtol=1e-3, atol=1e-3)
    assert not torch.allclose(together[0], together[1], atol=0.1)


@pytest.mark.compat("Samplers and schedules", "Repeat Latent Batch")
def test_a_repeated_latent_is_guided(lab: ModuleType, model: Any) -> None:
    import nodes

    (repeated,) = nodes.RepeatLatentBatch().repeat(lab.latent(1, 8, 8), 3)
    run = inputs(lab, latent_image=repeated)
    guided, record = lab.guided(model, [lab.position()], **run)
    assert guided.shape[0] == 3 and torch.isfinite(guided).all()
    assert all(step.guided for step in record)
    assert torch.equal(lab.guided(model, [lab.position()], 0.0, **run)[0], lab.plain(model, **run))


@pytest.mark.compat("Samplers and schedules", "Differential Diffusion")
def test_differential_diffusion_keeps_what_its_mask_covers(lab: ModuleType, model: Any) -> None:
    """ComfyUI frees all in the last step of schedules that end at sigma_min; this one does not."""
    from comfy_extras.nodes_differential_diffusion import DifferentialDiffusion
    from selfguidance.tests.host.theirs import ran

    samples = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(8))
    mask = torch.zeros(1, 128, 128)
    mask[:, 32:88, 24:96] = torch.linspace(0.2, 1, 72)
    latent = {"samples": samples, "noise_mask": mask}
    run = inputs(lab, latent_image=latent, steps=4, scheduler="simple")
    with torch.inference_mode():
        (soft,) = ran(DifferentialDiffusion, model=model)
    plain = lab.plain(soft, **run)
    assert not torch.equal(plain, lab.plain(model, **run))
    assert torch.equal(lab.guided(soft, [lab.position()], 0.0, **run)[0], plain)
    guided, _ = lab.guided(soft, [lab.position()], **run)
    changed, freed = (guided != plain).any(1)[0], torch.zeros(16, 16, dtype=torch.bool)
    freed[4:11, 3:12] = True
    assert changed[5:10, 8:12].all() and not changed[~freed].any()
    torch.testing.assert_close(guided[0][:, ~freed], samples[0][:, ~freed])
