"""What a picture shows, and what is taken from it: records of pictures, masks, looks, scenes."""

from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from selfguidance.tests.combined import combined
from torch import Tensor

PROMPT = "a red circle and a blue square"


@pytest.fixture(scope="module")
def studio(lab: ModuleType) -> Any:
    from selfguidance.tools.quality.studio import Studio

    return Studio()


def call(node: str, **inputs: Any) -> Any:
    """What a node gives with its defaults."""
    from selfguidance.tools.quality import studio

    return studio.call(f"SelfGuidance{node}", **inputs)


def scene(x: float = 0.25, y: float = 0.3, width: int = 128) -> Any:
    """A green heart at a place and a red star at the opposite one."""
    from selfguidance.demo import scenes

    heart = scenes.Thing("green", "heart", x, y, 20)
    return scenes.Scene((heart, scenes.Thing("red", "star", 1 - x, 1 - y, 22)), width=width)


def names(shown: Any) -> list[str]:
    from selfguidance.demo import scenes

    return [scenes.phrase(thing) for thing in shown.things]


def painted(shown: Any) -> tuple[np.ndarray, np.ndarray]:
    """Picture [H, W, 3] in 0..1 of a scene, and the mask [H, W] of each thing."""
    from selfguidance.demo import scenes

    return scenes.render(shown).astype(np.float32) / 255, scenes.masks(shown) > 0.5


def encoded(studio: Any, *shown: Any) -> dict[str, Tensor]:
    """LATENT of the pictures of scenes."""
    pictures = torch.from_numpy(np.stack([painted(one)[0] for one in shown]))
    with torch.inference_mode():
        return {"samples": studio.vae.encode(pictures)}


def recorded(studio: Any, shown: Any, steps: int = 8) -> Any:
    """Record of a scene's picture, with its caption."""
    from selfguidance.demo import scenes

    caption = studio.encode(scenes.caption(shown))
    latent = encoded(studio, shown)
    return call(
        "RecordImage", model=studio.model, positive=caption, latent_image=latent, steps=steps
    )


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union."""
    return float((one & other).sum() / (one | other).sum())


def best(shot: Any, mask: np.ndarray, name: str = "") -> float:
    """Overlap of a mask with the object, of this name if any, that lies on it best."""
    found = [f.mask for f in shot.objects if name in ("", f"{f.colour} {f.shape}")]
    return max((overlap(mask, one) for one in found), default=0.0)


def away(shot: Any, name: str) -> np.ndarray:
    """A disc in a quarter of the picture that has nothing of the object."""
    rows, columns = (np.mgrid[:128, :128] + 0.5) / 128
    places = [(x, y) for y in (0.25, 0.75) for x in (0.25, 0.75)]
    discs = [(columns - x) ** 2 + (rows - y) ** 2 < 0.17**2 for x, y in places]
    return min(discs, key=lambda disc: best(shot, disc, name))


def as_mask(region: np.ndarray) -> Tensor:
    return torch.from_numpy(region).float()[None]


@pytest.mark.parametrize("width", [128, 192])
def test_the_record_of_a_picture_shows_each_object_where_it_is(studio: Any, width: int) -> None:
    from selfguidance.guidance.maps.properties import mean_shape, resample

    shown = scene(width=width)
    seen = recorded(studio, shown).at(2.0)
    for name, mask in zip(names(shown), painted(shown)[1], strict=True):
        shape = mean_shape(seen, name)
        cells = resample(as_mask(mask)[None], *shape.shape[-2:])[0]
        assert overlap((shape > 0.5).numpy(), (cells > 0.5).numpy()) > 0.6


def test_pictures_in_a_batch_are_recorded_as_one_by_one(studio: Any) -> None:
    latent = {**encoded(studio, scene(), scene(0.7, 0.6)), "batch_index": [5, 9]}
    caption = studio.encode("a green heart and a red star")
    inputs = {"model": studio.model, "positive": caption, "steps": 3, "seed": 4}
    both = call("RecordImage", latent_image=latent, **inputs)
    assert both.batch == 2
    for i in range(2):
        own = {
            "samples": latent["samples"][i : i + 1],
            "batch_index": latent["batch_index"][i : i + 1],
        }
        alone = call("RecordImage", latent_image=own, **inputs)
        for one, other in zip(alone, both, strict=True):
            ours, theirs = one.properties, other.properties
            pairs = [(ours.maps[s], theirs.maps[s]) for s in ours.maps]
            for name in ("features", "feature_grid", "denoised"):
                pairs.append((getattr(ours, name), getattr(theirs, name)))
            for a, b in pairs:
                torch.testing.assert_close(a[0], b[i], rtol=0.02, atol=0.01)
                assert (a[0].float() - b[1 - i].float()).abs().max() > 0.05


@pytest.mark.compat("Front ends", "Record Image: {family}")
@pytest.mark.parametrize(
    ("family", "prediction"), combined(["shapes", "sd15", "sdxl"], ["eps", "v", "flow"])
)
def test_every_model_records_the_clean_picture_at_every_noise_level(
    lab: ModuleType, family: str, prediction: str
) -> None:
    import comfy.sample
    import comfy.samplers
    from comfy.patcher_extension import WrappersMP

    model, inputs = lab.predicting(lab.unet(family), prediction), []

    def spy(executor: Any, x: Tensor, timestep: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        inputs.append((x, timestep))
        return executor(x, timestep, *args, **kwargs)

    model = model.clone()
    model.add_wrapper_with_key(WrappersMP.PREDICT_NOISE, "spy", spy)
    samples = torch.randn(2, 4, 8, 12, generator=torch.Generator().manual_seed(0))
    latent = {"samples": samples, "noise_mask": torch.zeros(1, 64, 96)}
    record = call(
        "RecordImage", model=model, positive=lab.embedded(), latent_image=latent, steps=3, seed=7
    )
    clean = model.model.process_latent_in(samples)
    noise = comfy.sample.prepare_noise(samples, 7)
    sampling = model.get_model_object("model_sampling")
    sigmas = comfy.samplers.calculate_sigmas(sampling, "normal", 3).tolist()[:-1]
    assert record.family == family and record.sigmas == pytest.approx(sigmas)
    assert len(inputs) == len(record.steps) == 3
    for (x, timestep), sigma, step in zip(inputs, sigmas, record, strict=True):
        assert timestep.tolist() == pytest.approx([sigma] * 2)
        keep = 1 - sigma if prediction == "flow" else 1
        torch.testing.assert_close(x, keep * clean + sigma * noise, rtol=1e-4, atol=1e-4)
        seen = step.properties
        assert torch.equal(seen.denoised, clean.half())
        for tensor in (*seen.maps.values(), seen.features, seen.feature_grid):
            assert len(tensor) == 2 and torch.isfinite(tensor).all() and tensor.std() > 0


@pytest.mark.parametrize("size", [(16, 16), (128, 128), (50, 70)], ids=str)
def test_a_mask_places_an_object(studio: Any, size: tuple[int, int]) -> None:
    from selfguidance.guidance.maps.properties import resample

    goal = away(studio.shoot(PROMPT, 0, steps=12), "red circle")
    with torch.inference_mode():  # as a node makes it
        mask = resample(as_mask(goal)[None], *size)[0]
    terms = call("Mask", object="red circle", mask=mask)
    assert best(studio.shoot(PROMPT, 0, terms, steps=12), goal, "red circle") > 0.5


def test_a_fitted_head_places_its_object(studio: Any) -> None:
    from selfguidance.guidance.head.fit import fit

    shown, name = scene(), "green heart"
    head = fit([(recorded(studio, shown), as_mask(painted(shown)[1][0]))], name)
    goal = away(studio.shoot(f"a {name}", 9, steps=12), name)
    terms = call("Mask", object=name, mask=as_mask(goal), head=head)
    shot = studio.shoot(f"a {name}", 9, terms, steps=12)
    assert best(shot, goal) > 0.5
    values = [value for step in shot.record for value in step.energies[f"mask of {name} by head"]]
    assert np.isfinite(values).all() and values[-1] < values[0] / 2


def test_what_a_mask_preserves_stays(studio: Any) -> None:
    left = torch.zeros(1, 128, 128)
    left[..., :64] = 1
    reference, other = studio.shoot(PROMPT, 0, steps=12), "a green star and a yellow heart"
    kept = {"mask": left, "mode": "preserve", "reference": reference.record}
    shots = [studio.shoot(other, 50, t, steps=12) for t in ((), call("Mask", object="", **kept))]
    free, held = ((shot.latent - reference.latent).abs() for shot in shots)
    assert held[..., :8].mean() < free[..., :8].mean() / 3
    assert held[..., 8:].mean() > free[..., 8:].mean() / 3


def test_a_look_is_taken_over(studio: Any) -> None:
    """By an object and by a region, that of the blue square."""
    reference = studio.shoot(PROMPT, 1, steps=8)
    (square,) = [found for found in reference.objects if found.shape == "square"]
    sources = ({"object": "blue square"}, {"object": "", "mask": as_mask(square.mask)})
    for source in sources:
        feature = call("Feature", record=reference.record, **source)
        terms = call("Appearance", object="red circle", feature=feature)
        shots = [studio.shoot(PROMPT, 21, terms, steps=8, strength=s) for s in (1e-6, 1.0)]
        left = [np.mean([[*s.energies.values()] for s in shot.record.steps[-4:]]) for shot in shots]
        assert left[1] < 0.9 * left[0]


def test_an_object_is_removed_and_the_rest_kept(studio: Any) -> None:
    shown = scene()
    (gone, kept), (picture, masks) = names(shown), painted(shown)
    terms = call("RemoveObject", object=gone, reference=recorded(studio, shown))
    after = studio.shoot(f"a {kept}", 6, terms, steps=12)
    assert [f"{f.colour} {f.shape}" for f in after.objects] == [kept]
    assert best(after, masks[1], kept) > 0.8
    assert np.abs(after.image - picture)[~masks[0]].mean() < 0.03


def test_one_object_is_removed_while_another_moves(studio: Any) -> None:
    shown = scene()
    (gone, moved), masks = names(shown), painted(shown)[1]
    then = {"reference": recorded(studio, shown)}
    terms = call("RemoveObject", object=gone, **then)
    terms = call("MoveObject", object=moved, dx=-0.3, dy=0.0, terms=terms, **then)
    after = studio.shoot(f"a {moved}", 6, terms, steps=12)
    assert [f"{f.colour} {f.shape}" for f in after.objects] == [moved]
    assert best(after, masks[1]) < 0.3 < best(after, np.roll(masks[1], round(-0.3 * 128), 1))


def test_an_object_is_copied_to_its_place_in_another_picture(studio: Any) -> None:
    """In two pictures of three; one may already show it there, or refuse."""
    shown, name = scene(), "green heart"
    place = painted(shown)[1][0]
    terms = call("CopyObject", object=name, reference=recorded(studio, shown))
    prompt = "a green heart and an orange triangle"
    plain, copied = (
        [best(studio.shoot(prompt, seed, t, steps=12), place, name) for seed in (1, 2, 3)]
        for t in ((), terms)
    )
    assert np.median(plain) < 0.3 and np.median(copied) > 0.5
