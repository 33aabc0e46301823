"""Records: what a run tells about itself, and its use as reference of another run."""

import math
from types import ModuleType
from typing import Any

import pytest
import torch
from selfguidance.tests.combined import combined

MEGABYTE = 2**20
# channels of the real model's features over those of the narrow one, by width of the first level
REAL_WIDTH = 320 / 32


@pytest.mark.compat("Models", "UNets of the family {family}")
@pytest.mark.parametrize(("family", "terms"), combined(["shapes", "sd15", "sdxl"], [False, True]))
def test_every_step_shows_maps_features_and_picture(
    lab: ModuleType, family: str, terms: bool
) -> None:
    from selfguidance.guidance.families import FAMILIES

    (sites,) = [known.sites for known in FAMILIES if known.name == family]
    latent = lab.latent(2, 8, 12)
    _, record = lab.guided(lab.unet(family), [lab.position()] * terms, steps=3, latent_image=latent)
    assert record.family == family and record.batch == 2 and len(record.steps) == 3
    assert list(record.sigmas) == sorted(record.sigmas, reverse=True)
    assert record.table.words == tuple(lab.WORDS)
    scale = 1 if family == "shapes" else 4
    for step in record:
        seen = step.properties
        assert list(seen.maps) == list(sites)
        for maps in seen.maps.values():
            assert maps.shape == (2, len(lab.WORDS), 8 // scale, 12 // scale)
            assert maps.min() >= 0 and maps.max() <= 1 and maps.std() > 0
        assert seen.features.shape[:2] == (2, len(lab.WORDS)) and seen.features.std() > 0
        assert seen.denoised.shape == (2, 4, 8, 12)
        assert step.guided == terms and bool(step.energies) == terms


def test_the_last_picture_of_a_record_is_the_result(lab: ModuleType) -> None:
    samples, record = lab.guided(lab.unet("shapes"), [lab.position()])
    last = record.steps[-1].properties.denoised.float()
    import comfy.latent_formats

    expected = comfy.latent_formats.SD15().process_out(last)
    torch.testing.assert_close(samples, expected, rtol=2e-3, atol=1e-2)


def test_the_maps_are_those_of_the_prompts_own_words(lab: ModuleType) -> None:
    """A table that points at other tokens shows other maps, of the same pictures."""
    model = lab.unet("shapes")
    first, second = (
        lab.guided(model, steps=1, positive=lab.embedded(1, first=at), negative=lab.empty())
        for at in (1, 2)
    )
    assert torch.equal(first[0], second[0])
    for site in first[1].steps[0].properties.maps:
        ours, theirs = (run[1].steps[0].properties.maps[site] for run in (first, second))
        torch.testing.assert_close(ours[:, 1:], theirs[:, :-1])


def test_a_step_at_the_size_of_stable_diffusion_is_at_most_a_megabyte(lab: ModuleType) -> None:
    """512 x 512 pixels, a prompt that fills its 75 tokens; the narrow model's features scaled."""
    words = [f"word{i}" for i in range(75)]
    _, record = lab.guided(
        lab.unet("sd15"),
        steps=1,
        cfg=1.0,
        positive=lab.embedded(words=words),
        negative=lab.empty(),
        latent_image=lab.latent(1, 64, 64),
    )
    seen = record.steps[0].properties
    assert [tuple(maps.shape) for maps in seen.maps.values()] == [(1, 75, 16, 16)] * 3
    tensors = [*seen.maps.values(), seen.denoised]
    size = sum(tensor.untyped_storage().nbytes() for tensor in tensors)
    size += (
        sum(t.untyped_storage().nbytes() for t in (seen.features, seen.feature_grid)) * REAL_WIDTH
    )
    assert seen.features.shape[2] == 32 and seen.feature_grid.shape == (1, 32, 16, 16)
    assert size <= MEGABYTE


def test_every_run_has_a_record_of_its_own(lab: ModuleType) -> None:
    model = lab.unet("shapes")
    _, first = lab.guided(model, steps=3)
    _, second = lab.guided(model, steps=5)
    assert (len(first.steps), len(second.steps)) == (3, 5)


@pytest.fixture(scope="module")
def pair(shapes: tuple[Any, Any, Any]) -> dict[str, Any]:
    """Both prompts of the Shapes model."""
    from selfguidance.nodes.prompts import Prompt

    with torch.inference_mode():
        (positive,) = Prompt.execute(shapes[1], "a red circle and a blue square").args
        (negative,) = Prompt.execute(shapes[1], "").args
    return {"positive": positive, "negative": negative}


def test_a_run_may_refer_to_one_with_other_steps_and_another_sampler(
    lab: ModuleType, shapes: tuple[Any, Any, Any], pair: dict[str, Any]
) -> None:
    from selfguidance.nodes.recipes import MoveObject

    _, reference = lab.guided(shapes[0], steps=10, **pair)
    terms = MoveObject.execute(
        object="red circle",
        dx=0.2,
        dy=0.0,
        reference=reference,
        weight=1.0,
        start_percent=0.0,
        end_percent=1.0,
    ).args[0]
    inputs = {"steps": 6, "sampler_name": "dpmpp_2m", **pair}
    plain = lab.plain(shapes[0], **inputs)
    samples, record = lab.guided(shapes[0], terms, **inputs)
    assert not set(record.sigmas[1:-1]) & set(reference.sigmas)
    assert torch.isfinite(samples).all() and not torch.equal(samples, plain)
    values = [value for step in record for energy in step.energies.values() for value in energy]
    assert values and all(map(math.isfinite, values))


def test_a_reference_is_read_at_the_noise_level_of_the_step(lab: ModuleType) -> None:
    """A target relative to the run itself, by no distance, is met at every step from the start."""
    from selfguidance.guidance.terms import reference as energies

    model = lab.unet("shapes")
    _, reference = lab.guided(model, steps=6)
    still = energies.Position(object="blue square", x=0.0, y=0.0, reference=reference)
    _, record = lab.guided(model, [still], 1e-6, steps=6)
    worst = max(step.energies["position of blue square"][0] for step in record)
    assert worst < 1e-3
