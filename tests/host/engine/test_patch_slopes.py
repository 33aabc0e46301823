"""The gradient of a guided step through ComfyUI's patch nodes, against finite differences."""

from collections.abc import Callable
from itertools import cycle
from types import ModuleType
from typing import Any

import pytest
import torch
from selfguidance.tests.host.engine.test_patches import NODES, patched
from selfguidance.tests.host.theirs import there

SHAPE = (1, 4, 12, 12)
TOME = "Tome Patch Model"
# These change what the model computes of the positive prompt; the others act after it.
INSIDE = (
    "HyperTile",
    "FreeU",
    "FreeU V2",
    "Kohya Deep Shrink",
    "Kohya Deep Shrink before the skip",
    "Normalized Attention Guidance",
    "UNet Self Attention Multiply",
    "UNet Cross Attention Multiply",
    "UNet Temporal Attention Multiply",
)


@pytest.fixture(scope="module")
def exact(lab: ModuleType) -> Any:
    with torch.inference_mode():
        return lab.unet("sd15", dtype=torch.float64)


@pytest.fixture(scope="module")
def unpatched(exact: Any) -> torch.Tensor:
    """The gradient without a patch."""
    return slope(exact)


def slope(model: Any) -> torch.Tensor:
    from selfguidance.tests.host.slopes import check_slope

    return check_slope(model, shape=SHAPE, cfg=4.0)


@pytest.mark.compat("Other packs and nodes", "{name}")
@pytest.mark.parametrize("name", [name for name in NODES if name != TOME])
def test_the_gradient_of_a_patched_model_is_right(
    exact: Any, unpatched: torch.Tensor, name: str
) -> None:
    difference = (slope(patched(name, exact)) - unpatched).norm() / unpatched.norm()
    assert difference > 0.1 if name in INSIDE else difference < 1e-6


@pytest.mark.compat("Other packs and nodes", TOME)
def test_the_gradient_takes_which_tokens_are_merged_as_given(
    lab: ModuleType, exact: Any, unpatched: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The node draws them by chance in every pass, so here they stay those of a first one."""
    from selfguidance.tests.host import slopes

    there("comfy_extras.nodes_tomesd", "TomePatchModel")
    import comfy_extras.nodes_tomesd as theirs

    merged, original = [], theirs.bipartite_soft_matching_random2d

    def drawn(*args: Any) -> tuple[Callable, Callable]:
        merged.append(original(*args))
        return merged[-1]

    model = patched(TOME, exact)
    monkeypatch.setattr(theirs, "bipartite_soft_matching_random2d", drawn)
    conds = {"positive": lab.embedded(), "negative": lab.empty(), "cfg": 4.0}
    plan = lab.always(lab.position())
    lab.one_step(model, plan, 3.0, slopes.noise(0, *SHAPE), **conds)
    again = cycle(merged)
    monkeypatch.setattr(theirs, "bipartite_soft_matching_random2d", lambda *_: next(again))
    assert (slope(model) - unpatched).norm() > 0.1 * unpatched.norm()
    assert len(merged) > 1


@pytest.mark.compat("Other packs and nodes", "{name}")
@pytest.mark.parametrize(
    ("name", "changes"), [(TOME, {}), ("HyperTile", {"swap_size": 4})], ids=[TOME, "HyperTile"]
)
def test_what_a_patch_draws_by_chance_is_the_same_where_blocks_are_computed_twice(
    lab: ModuleType, name: str, changes: dict[str, Any]
) -> None:
    """Which tokens are merged and where tiles end must not change between the two."""
    with torch.inference_mode():
        model = patched(name, lab.unet("sd15"), **changes)
    run = {"steps": 1, "latent_image": lab.latent(1, 16, 16)}
    terms = [lab.position()]
    once, _ = lab.guided(model, terms, memory="fast", **run)
    twice, _ = lab.guided(model, terms, memory="save memory", **run)
    torch.testing.assert_close(twice, once, rtol=1e-4, atol=1e-4)
    assert not torch.equal(once, lab.plain(model, **run))


@pytest.mark.compat(
    "Other packs and nodes",
    "Patches that change shapes from call to call, with recomputation",
    refuses=True,
)
def test_a_patch_that_is_another_one_the_second_time_is_refused_by_name(lab: ModuleType) -> None:
    calls = []

    def fading(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, _: Any) -> tuple[Any, Any, Any]:
        calls.append(len(q))
        seen = max(1, k.shape[1] - len(calls))
        return q, k[:, :seen], v[:, :seen]

    with torch.inference_mode():
        model = lab.unet("shapes").clone()
    model.set_model_attn1_patch(fading)
    run = {"steps": 1, "latent_image": lab.latent(1, 8, 8)}
    assert torch.isfinite(lab.guided(model, [lab.position()], memory="fast", **run)[0]).all()
    with pytest.raises(ValueError, match=r"set memory to 'fast'.*\.fading"):
        lab.guided(model, [lab.position()], memory="save memory", **run)
