"""Guidance beside LoRAs, ControlNets and adapters, by ComfyUI's own loaders and nodes."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from selfguidance.tests.host.theirs import ran, there

SHAPE = (1, 4, 8, 8)
INPUTS = {"steps": 2}


@pytest.fixture(scope="module")
def model(lab: ModuleType) -> Any:
    with torch.inference_mode():
        return lab.unet("sd15")


@pytest.fixture(scope="module")
def exact(lab: ModuleType) -> Any:
    with torch.inference_mode():
        return lab.unet("sd15", dtype=torch.float64)


@pytest.fixture
def files(lab: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which ComfyUI finds LoRAs and hypernetworks."""
    import folder_paths

    for kind, endings in (("loras", {".safetensors"}), ("hypernetworks", {".pt"})):
        places = {**folder_paths.folder_names_and_paths, kind: ([str(tmp_path)], endings)}
        monkeypatch.setattr(folder_paths, "folder_names_and_paths", places)
    return tmp_path


def check_company(lab: ModuleType, model: Any, patched: Any, **conds: Any) -> None:
    """Fails unless guidance and what was added count, and nothing of guidance without strength."""
    terms = [lab.position()]
    plain = lab.plain(patched, **INPUTS, **conds)
    alone = lab.plain(model, **INPUTS)
    effect = (plain - alone).abs().max()
    assert effect > 0
    assert torch.equal(lab.guided(patched, terms, 0.0, **INPUTS, **conds)[0], plain)
    guided, record = lab.guided(patched, terms, **INPUTS, **conds)
    assert torch.isfinite(guided).all() and not torch.equal(guided, plain)
    assert record.steps and all(step.guided for step in record)
    hardly, _ = lab.guided(patched, terms, 1e-6, **INPUTS, **conds)
    assert (hardly - plain).abs().max() < 0.02 * effect
    assert torch.equal(lab.plain(model, **INPUTS), alone)


LORAS = {
    "Load LoRA": ("nodes", "LoraLoaderModelOnly"),
    "Load LoRA (bypass)": ("comfy_extras.nodes_lora_debug", "LoraLoaderBypassModelOnly"),
}


@pytest.mark.compat("Other packs and nodes", "{kind}")
@pytest.mark.parametrize("kind", LORAS)
def test_a_lora_counts(lab: ModuleType, model: Any, exact: Any, files: Path, kind: str) -> None:
    from selfguidance.tests.host.adapters import lora_file
    from selfguidance.tests.host.slopes import check_slope

    name = lora_file(files, model)
    loader = there(*LORAS[kind])

    def loaded(model: Any) -> Any:
        with torch.inference_mode():
            return ran(loader, model=model, lora_name=name, strength_model=1.0)[0]

    check_company(lab, model, loaded(model))
    terms = [lab.position()]
    after = lab.plain(lab.applied(loaded(model), terms), **INPUTS)
    assert torch.equal(after, lab.plain(loaded(lab.applied(model, terms)), **INPUTS))
    if kind == "Load LoRA":  # the other one computes in single precision
        check_slope(loaded(exact), shape=SHAPE)


@pytest.mark.compat("Other packs and nodes", "Load Hypernetwork")
def test_a_hypernetwork_counts(lab: ModuleType, model: Any, files: Path) -> None:
    from selfguidance.tests.host.adapters import hypernetwork_file

    name = hypernetwork_file(files)
    loader = there("comfy_extras.nodes_hypernetwork", "HypernetworkLoader")
    with torch.inference_mode():
        patched = ran(loader, model=model, hypernetwork_name=name, strength=1.0)[0]
    check_company(lab, model, patched)


MERGES: dict[str, dict[str, float]] = {
    "ModelMergeSimple": {"ratio": 0.6},
    "ModelMergeBlocks": {"input": 0.6, "middle": 0.2, "out": 0.3},
}


@pytest.mark.compat("Other packs and nodes", "{kind}")
@pytest.mark.parametrize("kind", MERGES)
def test_a_merged_model_is_guided(lab: ModuleType, kind: str) -> None:
    with torch.inference_mode():
        merge = there("comfy_extras.nodes_model_merging", kind)
        model, other = lab.unet("shapes"), lab.unet("shapes", 7)  # merging is slow for many weights
        merged = ran(merge, model1=model, model2=other, **MERGES[kind])[0]
    check_company(lab, model, merged)


def controlled(lab: ModuleType, net: Any, **window: float) -> dict[str, Any]:
    import nodes

    picture = torch.rand(1, 128, 128, 3, generator=torch.Generator().manual_seed(1))
    inputs = {"positive": lab.embedded(), "negative": lab.empty(), "control_net": net}
    with torch.inference_mode():
        positive, negative = ran(nodes.ControlNetApplyAdvanced, **inputs, image=picture, **window)
    return {"positive": positive, "negative": negative}


WINDOWS = {
    "throughout": {"strength": 0.8},
    "for a while": {"strength": 0.8, "start_percent": 0.0, "end_percent": 0.3},
}


@pytest.mark.compat("Other packs and nodes", "{kind}, Apply ControlNet {window}")
@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("kind", ["ControlNet", "T2I adapter"])
def test_a_controlnet_counts(lab: ModuleType, model: Any, kind: str, window: str) -> None:
    from selfguidance.tests.host import adapters

    with torch.inference_mode():
        net = adapters.controlnet() if kind == "ControlNet" else adapters.t2i_adapter()
    check_company(lab, model, model, **controlled(lab, net, **WINDOWS[window]))


def test_the_gradient_is_right_at_what_a_controlnet_adds(
    lab: ModuleType, exact: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it adds is held as it is in the middle, since no gradient runs through the net."""
    from selfguidance.tests.host import adapters
    from selfguidance.tests.host.slopes import check_slope

    with torch.inference_mode():
        net = adapters.controlnet()
    held: list[Any] = []
    original = type(net).get_control

    def hold(self: Any, *args: Any) -> Any:
        held[:] = held or [original(self, *args)]
        return {
            place: [part if part is None else part.clone().double() for part in parts]
            for place, parts in held[0].items()
        }

    monkeypatch.setattr(type(net), "get_control", hold)
    conds = controlled(lab, net, strength=0.8)
    gradient = check_slope(exact, shape=SHAPE, **conds)
    assert not torch.allclose(gradient, check_slope(exact, shape=SHAPE), rtol=0.01)


@pytest.mark.compat("Other packs and nodes", "GLIGEN Textbox Apply")
def test_a_grounded_phrase_counts(lab: ModuleType, model: Any) -> None:
    import nodes
    from selfguidance.tests.host import adapters

    with torch.inference_mode():
        net = adapters.gligen()
        (positive,) = ran(
            nodes.GLIGENTextBoxApply,
            conditioning_to=lab.embedded(),
            clip=adapters.Phrases(),
            gligen_textbox_model=net,
            text="cat",
        )
    check_company(lab, model, model, positive=positive, negative=lab.empty())


def hooked(files: Path, model: Any, *conditionings: Any) -> list[Any]:
    """Conditionings with the hooks of a LoRA."""
    from selfguidance.tests.host.adapters import lora_file

    module = "comfy_extras.nodes_hooks"
    create, attach = there(module, "CreateHookLoraModelOnly"), there(module, "SetModelHooksOnCond")
    with torch.inference_mode():
        (hooks,) = ran(create, lora_name=lora_file(files, model), strength_model=1.0)
        return [ran(attach, conditioning=c, hooks=hooks)[0] for c in conditionings]


@pytest.mark.compat("Other packs and nodes", "Hook LoRA on {where}")
@pytest.mark.parametrize("where", ["positive", "negative", "both"])
def test_a_hook_lora_counts(lab: ModuleType, model: Any, files: Path, where: str) -> None:
    conds = {"positive": lab.embedded(), "negative": lab.empty()}
    sides = list(conds) if where == "both" else [where]
    conds |= zip(sides, hooked(files, model, *(conds[side] for side in sides)), strict=True)
    check_company(lab, model, model, **conds)


def test_the_gradient_is_that_of_the_hooked_weights(
    lab: ModuleType, exact: Any, files: Path
) -> None:
    from selfguidance.tests.host.slopes import check_slope

    (positive,) = hooked(files, exact, lab.embedded())
    gradient = check_slope(exact, shape=SHAPE, positive=positive)
    assert not torch.allclose(gradient, check_slope(exact, shape=SHAPE), rtol=0.01)


@pytest.mark.compat("Other packs and nodes", "Hook LoRAs that differ among positives", refuses=True)
def test_positives_with_different_hooks_are_refused(
    lab: ModuleType, model: Any, files: Path
) -> None:
    """Their weights change between two passes whose gradient is taken after both."""
    (first,) = hooked(files, model, lab.embedded())
    inputs = {"positive": first + lab.embedded(5, words=["star"]), "negative": lab.empty()}
    assert torch.equal(
        lab.guided(model, **INPUTS, **inputs)[0], lab.plain(model, **INPUTS, **inputs)
    )
    with pytest.raises(ValueError, match=r"different hooks.*same hooks, or load the LoRA"):
        lab.guided(model, [lab.position()], **INPUTS, **inputs)


def image_prompt(kernel: Callable) -> Callable[[Any], Any]:
    """A model with an adapter as image-prompt packs write it: keys and values made in a node."""
    made: dict[int, tuple[Any, Any]] = {}

    def replace(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, extra: Any) -> torch.Tensor:
        if q.shape[-1] not in made:
            from selfguidance.tests.host.adapters import drawn

            with torch.inference_mode():
                size = (1, 4, q.shape[-1])
                made[q.shape[-1]] = drawn(3, *size).to(q), drawn(4, *size).to(q)
        keys, values = (part.expand(len(q), -1, -1) for part in made[q.shape[-1]])
        heads = extra["n_heads"]
        return kernel(q, k, v, heads) + 0.5 * kernel(q, keys, values, heads)

    def patched(model: Any) -> Any:
        clone = model.clone()
        for part, blocks in (("input", (1, 2, 4, 5, 7, 8)), ("output", range(3, 12))):
            for block in blocks:
                clone.set_model_attn2_replace(replace, part, block)
        return clone

    return patched


@pytest.mark.compat("Other packs and nodes", "Image prompts cached by a node (stand-in)")
def test_an_image_prompt_made_in_a_node_counts(lab: ModuleType, model: Any, exact: Any) -> None:
    from comfy.ldm.modules.attention import optimized_attention
    from selfguidance.tests.host.slopes import check_slope

    check_company(lab, model, image_prompt(optimized_attention)(model))
    check_slope(image_prompt(optimized_attention)(exact), shape=SHAPE)


@pytest.mark.compat(
    "Other packs and nodes", "Adapters on attention without gradient (stand-in)", refuses=True
)
def test_an_adapter_that_loses_the_gradient_is_refused_by_name(lab: ModuleType, model: Any) -> None:
    from comfy.ldm.modules.attention import optimized_attention

    def kernel(*args: Any) -> torch.Tensor:
        return optimized_attention(*args).detach()

    patched = image_prompt(kernel)(model)
    plain = lab.plain(patched, **INPUTS)
    assert torch.equal(lab.guided(patched, [lab.position()], 0.0, **INPUTS)[0], plain)
    with pytest.raises(ValueError, match=r"image_prompt\.replace.*loses the gradient.*pytorch"):
        lab.guided(patched, [lab.position()], **INPUTS)
