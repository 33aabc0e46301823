"""Wide, tall and many pictures at once."""

from types import ModuleType
from typing import Any

import pytest
import torch

# the model halves the latent once, so 18 x 26 is as odd as a size can be
SIZES = {"wide": (16, 32), "tall": (32, 16), "odd": (18, 26)}
each_size = pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)


def move(reference: Any, dx: float, dy: float) -> Any:
    """The recipe with the node's own defaults."""
    from selfguidance.nodes.recipes import MoveObject

    return MoveObject.execute(
        object="red circle",
        dx=dx,
        dy=dy,
        reference=reference,
        weight=1.0,
        start_percent=0.0,
        end_percent=1.0,
    ).args[0]


def place(record: Any) -> torch.Tensor:
    """Where the model's maps have the circle in the last half, (x, y) of every picture."""
    return record.settled().centroid("red circle").mean(1)


@pytest.mark.compat("Sizes", "Wide and tall pictures")
@pytest.mark.parametrize("axis", [0, 1], ids=["x", "y"])
@pytest.mark.parametrize("size", [SIZES["wide"], SIZES["tall"]], ids=["wide", "tall"])
def test_opposite_targets_pull_an_object_apart(
    lab: ModuleType,
    shapes: tuple[Any, Any, Any],
    pair: dict[str, Any],
    size: tuple[int, int],
    axis: int,
) -> None:
    from selfguidance.guidance.terms import reference as energies

    inputs = {**pair, "latent_image": lab.latent(1, *size)}
    before = place(lab.guided(shapes[0], **inputs)[1])[0]
    places = []
    for offset in (-0.15, 0.15):
        target = before.clone()
        target[axis] += offset
        term = energies.Position(object="red circle", x=float(target[0]), y=float(target[1]))
        samples, record = lab.guided(shapes[0], [term], **inputs)
        assert samples.shape == (1, 4, *size)
        places.append(float(place(record)[0, axis]))
    assert places[1] - places[0] > 0.075


@pytest.mark.compat("Sizes", "Wide and tall pictures")
@each_size
def test_every_recipe_and_preview_fits_the_size(
    lab: ModuleType, shapes: tuple[Any, Any, Any], pair: dict[str, Any], size: tuple[int, int]
) -> None:
    from selfguidance.nodes.preview import AttentionPreview

    inputs = {**pair, "latent_image": lab.latent(1, *size)}
    _, reference = lab.guided(shapes[0], **inputs)
    samples, record = lab.guided(shapes[0], move(reference, 0.1, 0.1), **inputs)
    assert samples.shape[-2:] == size and torch.isfinite(samples).all()
    picture, mask = AttentionPreview.execute(record, "red circle", -1).args
    assert picture.shape[1] / picture.shape[2] == pytest.approx(size[0] / size[1], abs=0.02)
    assert mask.shape == picture.shape[:3]
    image = torch.zeros(1, 8 * size[0], 8 * size[1], 3)
    picture, mask = AttentionPreview.execute(record, "red circle", 0, image).args
    assert picture.shape == image.shape and mask.shape == image.shape[:3]


@pytest.mark.compat("Sizes", "Batches")
@pytest.mark.parametrize("pictures", [1, 3], ids=["one reference", "own reference each"])
def test_a_batch_is_guided_as_its_pictures_one_by_one(
    lab: ModuleType, shapes: tuple[Any, Any, Any], pair: dict[str, Any], pictures: int
) -> None:
    def latent(indices: list[int]) -> dict[str, Any]:
        return lab.latent(len(indices), 16, 16, batch_index=indices)

    def run(indices: list[int], references: list[int]) -> Any:
        _, reference = lab.guided(shapes[0], latent_image=latent(references), **pair)
        terms = move(reference, 0.2, 0.1)
        return lab.guided(shapes[0], terms, latent_image=latent(indices), **pair)

    everyone = [0, 1, 2]
    samples, record = run(everyone, everyone[:pictures])
    assert samples.shape[0] == record.batch == 3
    plain = lab.plain(shapes[0], latent_image=latent(everyone), **pair)
    for i in everyone:
        alone, single = run([i], [i if pictures == 3 else 0])
        scale = (alone[0] - plain[i]).abs().mean()
        assert scale > 0.01
        own, other = ((samples[j] - alone[0]).abs().mean() for j in (i, i - 1))
        assert own < 0.005 * scale
        for name, values in record.steps[0].energies.items():
            assert values[i] == pytest.approx(single.steps[0].energies[name][0], rel=0.02, abs=1e-4)
        assert own < 0.1 * other  # one reference for all holds most of them alike


@pytest.mark.compat("Sizes", "Batches")
def test_every_picture_of_a_batch_is_guided_by_its_own_mask(
    lab: ModuleType, shapes: tuple[Any, Any, Any], pair: dict[str, Any]
) -> None:
    from selfguidance.guidance.terms import reference as energies

    masks = torch.zeros(3, 50, 70)
    masks[0, :, :20], masks[1, 10:40, 20:50], masks[2, 30:, 50:] = 1, 1, 1

    def run(pictures: list[int], own: torch.Tensor) -> torch.Tensor:
        term = energies.Shape(object="red circle", mask=own)
        latent = lab.latent(len(pictures), 16, 16, batch_index=pictures)
        return lab.guided(shapes[0], [term], latent_image=latent, **pair)[0]

    samples = run([0, 1, 2], masks)
    assert samples.shape == (3, 4, 16, 16)
    for i in range(3):
        alone, misled = run([i], masks[[i]])[0], run([i], masks[[i - 1]])[0]
        own, other = ((samples[i] - picture).abs().mean() for picture in (alone, misled))
        assert own < 0.1 * other and other > 0.1
