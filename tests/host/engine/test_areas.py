"""Conditionings of an area: their maps stand where the area is, and guidance acts there."""

from types import ModuleType
from typing import Any

import pytest
import torch
from selfguidance.tests.host.theirs import ran

SIGMA = 3.0
ROWS, COLUMNS = slice(4, 12), slice(6, 16)  # of a latent of 16 x 16


@pytest.fixture(scope="module")
def model(lab: ModuleType) -> Any:
    with torch.inference_mode():
        return lab.unet("shapes")


def area(conditioning: list[Any], strength: float = 1.0) -> list[Any]:
    """The conditioning for the rows and columns above, by ComfyUI's node, which counts pixels."""
    import nodes

    return nodes.ConditioningSetArea().append(conditioning, 80, 64, 48, 32, strength)[0]


def noise(batch: int = 1, seed: int = 0) -> torch.Tensor:
    return torch.randn(batch, 4, 16, 16, generator=torch.Generator().manual_seed(seed))


def seen(
    lab: ModuleType, model: Any, x: torch.Tensor, *conditionings: Any, cfg: float = 1.0
) -> Any:
    """What one step records, with float maps."""

    positive, negative = conditionings if len(conditionings) == 2 else (*conditionings, lab.empty())
    return lab.one_step(model, lab.always(), SIGMA, x, positive, negative, cfg).record.last


@pytest.mark.compat("Conditionings", "Areas: read in their place, {family}")
@pytest.mark.parametrize("family", ["shapes", "sd15", "sdxl"])
def test_the_maps_of_an_area_are_those_of_its_crop_in_its_place(
    lab: ModuleType, family: str
) -> None:
    from selfguidance.guidance.maps.areas import placed

    with torch.inference_mode():
        model = lab.unet(family)
    x = noise(batch=2)
    prompt = lab.embedded(width=128, height=128)  # of which SDXL's model is told
    record = seen(lab, model, x, area(prompt))
    alone = seen(lab, model, x[..., ROWS, COLUMNS], prompt)
    assert record.table == alone.table
    for site, maps in alone.maps.items():
        expected = placed(maps.float(), record.maps[site].shape[-2:], (4, 6), (8, 10), (16, 16))
        torch.testing.assert_close(record.maps[site].float(), expected, rtol=5e-3, atol=1e-4)
        assert record.maps[site].shape[0] == 2
    grid = record.feature_grid[..., ROWS, COLUMNS]
    torch.testing.assert_close(grid, alone.feature_grid)
    assert grid.abs().sum() == record.feature_grid.abs().sum()
    assert record.features.shape == alone.features.shape and record.features.isfinite().all()


def test_a_cell_of_several_areas_holds_the_mean_of_their_features(
    lab: ModuleType, model: Any
) -> None:
    first = seen(lab, model, noise(), area(lab.embedded()))
    second = seen(lab, model, noise(), lab.embedded(5))
    both = seen(lab, model, noise(), area(lab.embedded()) + lab.embedded(5))
    covered = (first.feature_grid != 0).any(1, keepdim=True)
    assert 0 < covered.float().mean() < 1
    mean = (first.feature_grid.float() + second.feature_grid.float()) / 2
    expected = torch.where(covered, mean, second.feature_grid.float())
    torch.testing.assert_close(both.feature_grid.float(), expected, rtol=1e-2, atol=1e-2)


@pytest.mark.compat("Conditionings", "Areas by {kind}")
@pytest.mark.parametrize("kind", ["percentage", "mask bounds"])
def test_every_way_to_an_area_is_read_alike(lab: ModuleType, model: Any, kind: str) -> None:
    import nodes

    if kind == "percentage":
        node = nodes.ConditioningSetAreaPercentage()
        limited = node.append(lab.embedded(), 10 / 16, 0.5, 6 / 16, 0.25, 1.0)[0]
    else:
        mask = torch.zeros(1, 16, 16)
        mask[:, ROWS, COLUMNS] = 1
        limited = nodes.ConditioningSetMask().append(lab.embedded(), mask, kind, 1.0)[0]
    expected = seen(lab, model, noise(), area(lab.embedded()))
    record = seen(lab, model, noise(), limited)
    assert all(torch.equal(record.maps[site], maps) for site, maps in expected.maps.items())


@pytest.mark.compat("Conditionings", "Areas in the negative")
def test_the_counterpart_of_an_area_in_the_negative_is_not_read(
    lab: ModuleType, model: Any
) -> None:
    """ComfyUI gives the negative an area of its own, with the uuid and table of the positive's."""
    expected = seen(lab, model, noise(), area(lab.embedded()))
    record = seen(lab, model, noise(), area(lab.embedded()), lab.empty(), cfg=4.0)
    for site, maps in expected.maps.items():
        torch.testing.assert_close(record.maps[site], maps, rtol=5e-3, atol=1e-3)


def test_a_counterpart_that_a_guider_asks_for_first_is_not_read_either(
    lab: ModuleType, model: Any
) -> None:
    from comfy_extras import nodes_custom_sampler as custom
    from selfguidance.nodes.engine.attach import recorded

    records: list[Any] = []
    watched = recorded(model, records.append)
    whole = {"latent_image": lab.latent(1, 16, 16)}
    conds = {"cond1": area(lab.embedded()), "cond2": lab.empty(), "negative": lab.empty()}
    with torch.inference_mode():
        (guider,) = ran(custom.DualCFGGuider, model=watched, style="regular", **conds)
    lab.custom(guider, torch.tensor([SIGMA, 0.0]), **whole)
    with torch.inference_mode():
        (plain,) = ran(custom.BasicGuider, model=watched, conditioning=conds["cond1"])
    lab.custom(plain, torch.tensor([SIGMA, 0.0]), **whole)
    for site, maps in records[1].last.maps.items():
        torch.testing.assert_close(records[0].last.maps[site], maps, rtol=5e-3, atol=1e-3)


@pytest.mark.compat("Conditionings", "Areas in the negative")
@pytest.mark.parametrize("cfg", [1.0, 4.0])
def test_an_area_of_the_negative_lends_the_positive_no_words(
    lab: ModuleType, model: Any, cfg: float
) -> None:
    negative = area(lab.embedded(5, words=["green", "star"]))
    record = seen(lab, model, noise(), lab.embedded(), negative, cfg=cfg)
    expected = seen(lab, model, noise(), lab.embedded())
    assert record.table == expected.table
    for site, maps in expected.maps.items():
        torch.testing.assert_close(record.maps[site], maps, rtol=5e-3, atol=1e-3)


def test_recording_changes_no_bit(lab: ModuleType, model: Any) -> None:
    inputs = {
        "positive": lab.embedded(3) + area(lab.embedded(), 0.7),
        "negative": area(lab.embedded(5, words=["green", "star"])) + lab.empty(),
        "latent_image": lab.latent(2, 16, 16),
    }
    samples, record = lab.guided(model, **inputs)
    assert torch.equal(samples, lab.plain(model, **inputs))
    assert len(record.steps) == 4


@pytest.mark.compat("Conditionings", "A positive limited to an area")
@pytest.mark.parametrize("negative_too", [False, True])
def test_the_gradient_of_areas_agrees_with_finite_differences(
    lab: ModuleType, monkeypatch: pytest.MonkeyPatch, negative_too: bool
) -> None:
    from selfguidance.guidance.acting import Acting
    from selfguidance.guidance.terms import reference as energies

    with torch.inference_mode():
        model = lab.unet("shapes", dtype=torch.float64)
    positive = area(lab.embedded()) + lab.embedded(5, words=["green", "star"])
    negative = area(lab.empty(), 0.5) if negative_too else lab.empty()
    terms = [
        lab.position(x=0.3, y=0.7),
        lab.position("green star", x=0.2),
        energies.Size(object="blue square", size=0.1),
    ]
    plan = lab.always(*terms)
    calls: list[tuple[torch.Tensor, torch.Tensor, float]] = []
    original = Acting.gradient

    def spy(acting: Acting, shown: Any, x: torch.Tensor, *more: Any) -> Any:
        gradient, values = original(acting, shown, x, *more)
        calls.append((x.detach(), gradient, sum(float(v.double().sum()) for v in values.values())))
        return gradient, values

    monkeypatch.setattr(Acting, "gradient", spy)
    start = noise().double()
    lab.one_step(model, plan, SIGMA, start, positive, negative, 4.0)
    gradient = calls[0][1].double()
    outside = gradient.clone()
    outside[..., ROWS, COLUMNS] = 0
    assert 0 < outside.norm() < gradient.norm()
    direction = noise(seed=1).double().abs() * gradient.sign()
    for sign in (-1, 1):
        moved = start + sign * 3e-5 * direction
        lab.one_step(model, plan, SIGMA, moved, positive, negative, 4.0)
    expected = float((gradient * (calls[2][0] - calls[1][0])).sum())
    assert expected > 1e-6
    assert calls[2][2] - calls[1][2] == pytest.approx(expected, rel=0.01)


def test_an_area_alone_is_steered_only_where_it_is(
    lab: ModuleType, model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from selfguidance.guidance.acting import Acting

    found = []
    original = Acting.gradient
    monkeypatch.setattr(Acting, "gradient", lambda *a: found.append(original(*a)) or found[-1])
    plan = lab.always(lab.position())
    positive = area(lab.embedded()) + lab.empty()
    lab.one_step(model, plan, SIGMA, noise(), positive, lab.empty(), 4.0)
    ((gradient, _),) = found
    inside, outside = gradient[..., ROWS, COLUMNS], gradient.clone()
    outside[..., ROWS, COLUMNS] = 0
    assert (inside != 0).all() and not outside.any()


@pytest.mark.compat("Conditionings", "A positive limited to an area")
@pytest.mark.parametrize("strength", [1.0, 0.6])
def test_objects_of_two_areas_go_where_they_are_sent(
    lab: ModuleType, shapes: tuple[Any, Any, Any], strength: float
) -> None:
    """In fractions of the whole picture, whatever the area."""
    import nodes
    from selfguidance.nodes.prompts import Prompt

    def part(text: str, x: int) -> list[Any]:
        with torch.inference_mode():
            encoded = Prompt.execute(shapes[1], text).args[0]
        return nodes.ConditioningSetArea().append(encoded, 64, 128, x, 0, strength)[0]

    with torch.inference_mode():
        everywhere, none = (Prompt.execute(shapes[1], t).args[0] for t in ("a scene", ""))
    inputs = {
        "positive": everywhere + part("a red circle", 0) + part("a blue square", 64),
        "negative": none,
        "steps": 8,
        "latent_image": lab.latent(1, 16, 16),
    }
    targets = {"red circle": (0.25, 0.2), "blue square": (0.75, 0.8)}
    terms = [lab.position(name, *target) for name, target in targets.items()]
    _, before = lab.guided(shapes[0], **inputs)
    _, after = lab.guided(shapes[0], terms, **inputs)
    for name, target in targets.items():
        wanted = torch.tensor(target)
        missed = [(r.settled().centroid(name).mean(1)[0] - wanted).norm() for r in (before, after)]
        assert missed[0] > 0.1 and missed[1] < missed[0] / 2
        energies = [step.energies[f"position of {name}"][0] for step in after]
        assert energies[-1] < energies[0] / 2
