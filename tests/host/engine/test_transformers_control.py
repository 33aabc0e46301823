"""Transformers with ControlNets, model patches and style references: both they and we count."""

from types import ModuleType
from typing import Any

import pytest
import torch
from selfguidance.tests.combined import combined

NETWORKS = ("flux", "sd3", "qwen-image", "qwen-image (Fun)")
PATCHES = (
    "Qwen Image DiffSynth ControlNet",
    "Z-Image Fun ControlNet",
    "Z-Image Fun ControlNet 2.1",
    "Wan Uni3C ControlNet",
    "USO Style Reference",
)
MEMORY = ("fast", "save memory")
STEP = 2e-4


@pytest.fixture(scope="module")
def controls(nets: ModuleType) -> ModuleType:
    """The module `controls.py`, which imports ComfyUI."""
    from selfguidance.tests.host import controls

    return controls


def inputs(nets: ModuleType, controls: ModuleType, name: str, **more: Any) -> dict[str, Any]:
    return nets.settings(name, steps=2, latent_image=nets.latent(name, size=controls.SIZE), **more)


def check_company(
    lab: ModuleType, patched: Any, alone: torch.Tensor, run: dict[str, Any]
) -> torch.Tensor:
    """Fails unless what was added and guidance both count; returns the guided samples.

    Args:
        lab: the module.
        patched: the MODEL with what was added, if it is added to a MODEL.
        alone: samples of its run without it.
        run: settings of the run, with what was added to conditionings.
    """
    terms = [lab.position()]
    plain = lab.plain(patched, **run)
    effect = (plain - alone).abs().max()
    assert effect > 0
    assert torch.equal(lab.guided(patched, terms, 0.0, **run)[0], plain)
    guided, record = lab.guided(patched, terms, **run)
    assert torch.isfinite(guided).all() and not torch.equal(guided, plain)
    assert record.steps and all(step.guided for step in record)
    hardly, _ = lab.guided(patched, terms, 1e-6, **run)
    assert (hardly - plain).abs().max() < 0.02 * effect
    return guided


@pytest.mark.compat("Other packs and nodes", "Transformers: ControlNet, {kind}")
@pytest.mark.parametrize("kind", NETWORKS)
def test_a_controlnet_of_a_transformer_counts(
    lab: ModuleType, nets: ModuleType, net: Any, controls: ModuleType, kind: str
) -> None:
    name = controls.NETWORKS[kind][0]
    conds = controls.controlled(kind, nets.embedded(name), nets.empty(name))
    model, plain = net(name), inputs(nets, controls, name)
    alone = lab.plain(model, **plain)
    run = inputs(nets, controls, name, **conds)
    guided = check_company(lab, model, alone, run)
    fast, _ = lab.guided(model, [lab.position()], memory="fast", **run)
    torch.testing.assert_close(guided, fast, rtol=1e-4, atol=1e-4)
    assert torch.equal(lab.plain(model, **plain), alone)


@pytest.mark.compat("Other packs and nodes", "Transformers: ControlNet, {kind}")
@pytest.mark.parametrize(("kind", "memory"), combined(NETWORKS[:3], MEMORY))
def test_the_gradient_is_right_at_what_a_controlnet_adds_to_a_transformer(
    lab: ModuleType,
    nets: ModuleType,
    net: Any,
    controls: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    memory: str,
) -> None:
    """What it adds is held as it is in the middle, since no gradient runs through the net."""
    import comfy.controlnet
    from selfguidance.guidance.settings import MemoryMode
    from selfguidance.tests.host.slopes import check_slope

    held: list[Any] = []
    original = comfy.controlnet.ControlNet.get_control

    def hold(self: Any, *args: Any) -> Any:
        held[:] = held or [original(self, *args)]
        return {place: [part.clone() for part in parts] for place, parts in held[0].items()}

    monkeypatch.setattr(comfy.controlnet.ControlNet, "get_control", hold)
    name = controls.NETWORKS[kind][0]
    conds = controls.controlled(kind, nets.embedded(name), nets.empty(name))
    own = nets.NETS[name]
    shape = (*own.shape()[:-2], *controls.SIZE)
    check_slope(net(name), own.sigma, shape, STEP, memory=MemoryMode(memory), **conds)


@pytest.mark.compat("Other packs and nodes", "Transformers: {kind}")
@pytest.mark.parametrize("kind", PATCHES)
def test_a_model_patch_and_guidance_both_count_in_any_order(
    lab: ModuleType, nets: ModuleType, net: Any, controls: ModuleType, kind: str
) -> None:
    name = controls.PATCHES[kind][0]
    model, terms = net(name), [lab.position()]
    run = inputs(nets, controls, name)
    if kind.startswith("USO"):
        run["cfg"] = 1.0  # ComfyUI's patch takes a batch of one
    patched = controls.patched(kind, model)
    alone = lab.plain(model, **run)
    guided = check_company(lab, patched, alone, run)
    after = controls.patched(kind, lab.applied(model, terms))
    assert torch.equal(lab.plain(after, **run), guided)
    fast, _ = lab.guided(patched, terms, memory="fast", **run)
    torch.testing.assert_close(guided, fast, rtol=1e-4, atol=1e-4)
    assert torch.equal(lab.plain(model, **run), alone)


@pytest.mark.compat("Other packs and nodes", "Transformers: {kind}")
@pytest.mark.parametrize(("kind", "memory"), combined(PATCHES, MEMORY))
def test_the_gradient_runs_through_a_model_patch(
    lab: ModuleType, nets: ModuleType, net: Any, controls: ModuleType, kind: str, memory: str
) -> None:
    from selfguidance.guidance.settings import MemoryMode
    from selfguidance.tests.host.slopes import check_slope

    name = controls.PATCHES[kind][0]
    own, patched = nets.NETS[name], controls.patched(kind, net(name))
    shape = (*own.shape()[:-2], *controls.SIZE)
    conds = {"positive": nets.embedded(name), "negative": nets.empty(name)}
    check_slope(patched, own.sigma, shape, STEP, memory=MemoryMode(memory), **conds)


def test_the_weights_of_a_model_patch_are_not_kept(
    lab: ModuleType,
    nets: ModuleType,
    net: Any,
    controls: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What a patch of another pack keeps is copied; its weights would be there a second time."""
    from selfguidance.nodes.engine import foreign
    from selfguidance.tests.host.traces import Snapshot

    shapes, original = set(), foreign.saved_tensors_hooks

    def hooks(pack: Any, unpack: Any) -> Any:
        return original(lambda saved: shapes.add(tuple(saved.shape)) or pack(saved), unpack)

    monkeypatch.setattr(foreign, "saved_tensors_hooks", hooks)
    patched = controls.patched("Qwen Image DiffSynth ControlNet", net("qwen-image"))
    (other,) = patched.model_patches_models()
    run = inputs(nets, controls, "qwen-image")
    lab.plain(patched, **run)
    before = Snapshot(other)
    lab.guided(patched, [lab.position()], **run)
    assert shapes and (64, 64) not in shapes
    before.check(other)


@pytest.mark.compat("Other packs and nodes", "Transformers: tokens added to the text, {name}")
@pytest.mark.parametrize("name", ["flux", "flux2-klein-4b"])
def test_words_are_read_where_a_patch_has_put_them(
    lab: ModuleType, nets: ModuleType, net: Any, name: str
) -> None:
    """Tokens without a place of their own: in front of the text or behind it, the maps agree."""
    width = net(name).model.diffusion_model.hidden_size
    tokens = torch.randn(1, 5, width, generator=torch.Generator().manual_seed(3))

    def adding(in_front: bool) -> Any:
        def patch(args: dict[str, Any]) -> dict[str, Any]:
            text, ids = args["txt"], args["txt_ids"]
            parts = [tokens.expand(len(text), -1, -1), text]
            more = [torch.zeros_like(ids[:, :5]), ids]
            order = slice(None, None, 1 if in_front else -1)
            args["txt"], args["txt_ids"] = torch.cat(parts[order], 1), torch.cat(more[order], 1)
            return args

        patched = net(name).clone()
        patched.set_model_post_input_patch(patch)
        return patched

    run = nets.settings(name, steps=1)
    front, behind = (lab.guided(adding(side), **run)[1].last for side in (True, False))
    _, without = lab.guided(net(name), **run)
    for site, maps in front.maps.items():
        torch.testing.assert_close(maps, behind.maps[site], rtol=5e-3, atol=1e-4)
        assert not torch.allclose(maps, without.last.maps[site], rtol=0.05)
    guided, record = lab.guided(adding(True), [lab.position()], **run)
    assert torch.isfinite(guided).all() and record.steps[0].guided
