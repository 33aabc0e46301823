"""Workflows for transformers, node by node, with narrow nets and text encoders of their form.

What loads files is replaced; every other node of the graph runs, those of ComfyUI as well.
"""

import importlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest
import torch
from selfguidance.tests.host.gallery import read
from selfguidance.tests.host.text import encoders
from selfguidance.tests.host.vae import Vae
from selfguidance.tools.workflows import kinds

STEPS, SIZES = 2, {"width": 128, "height": 96}
# by key of the kind: net, text encoder, and settings of the net that fit the narrow encoder
FORMS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "z_image": ("z-image", "zimage", {}),
    "qwen_image": ("qwen-image", "qwen", {}),
    "flux1": ("flux", "flux", {"vec_in_dim": encoders.WIDTH}),
    "sd35": (
        *("sd35-large", "sd3"),
        {
            "adm_in_channels": 2 * encoders.WIDTH,
            "context_size": 4096,
            "context_embedder_config": {
                "target": "torch.nn.Linear",
                "params": {"in_features": 4096, "out_features": 128},
            },
        },
    ),
}
NAMES = [
    f"{kind.key}_{recipe}" for kind in kinds.KINDS if kind.key in FORMS for recipe in kind.recipes
]
THEIRS = {
    "EmptySD3LatentImage": "comfy_extras.nodes_sd3",
    "ModelSamplingAuraFlow": "comfy_extras.nodes_model_advanced",
    "FluxGuidance": "comfy_extras.nodes_flux",
    "ConditioningZeroOut": "nodes",
    "ImageScale": "nodes",
    "VAEEncode": "nodes",
    "VAEDecode": "nodes",
}


class Graph:
    """Results of the nodes of a graph in the API form, each run once.

    Args:
        nodes: by id.
        given: results by the type of a node, instead of running it.
    """

    def __init__(self, nodes: dict[str, Any], given: dict[str, tuple[Any, ...]]) -> None:
        from selfguidance.nodes import NODES

        self.ours = {node.define_schema().node_id: node for node in NODES}
        self.nodes, self.given = nodes, given
        self.known: dict[str, tuple[Any, ...]] = {}

    def __getitem__(self, key: str) -> tuple[Any, ...]:
        if key not in self.known:
            self.known[key] = self._run(self.nodes[key])
        return self.known[key]

    def of(self, kind: str) -> Iterator[tuple[dict[str, Any], tuple[Any, ...]]]:
        """Inputs and results of all nodes of a type."""
        for key, node in self.nodes.items():
            if node["class_type"] == kind:
                yield node["inputs"], self[key]

    def _run(self, node: dict[str, Any]) -> tuple[Any, ...]:
        from selfguidance.tests.host.theirs import ran

        kind = node["class_type"]
        if kind in self.given:
            return self.given[kind]
        if kind.startswith("Primitive"):
            return (node["inputs"]["value"],)
        inputs = {
            name: self[value[0]][value[1]] if isinstance(value, list) else value
            for name, value in node["inputs"].items()
        }
        with torch.inference_mode():
            if kind in self.ours:
                results: tuple[Any, ...] = self.ours[kind].execute(**inputs).args
                return results
            return ran(getattr(importlib.import_module(THEIRS[kind]), kind), **inputs)


@pytest.fixture(scope="module")
def loaded(nets: ModuleType) -> Callable[[kinds.Kind], dict[str, tuple[Any, ...]]]:
    """What the loaders of a kind give, made once."""
    made: dict[str, tuple[Any, Any, Any]] = {}

    def load(kind: kinds.Kind) -> dict[str, tuple[Any, ...]]:
        name, encoder, settings = FORMS[kind.key]
        if not encoders.there(encoder):
            pytest.skip(f"this ComfyUI has no text encoder for {kind.title}")
        if kind.key not in made:
            net = nets.NETS[name]
            fitting = replace(net.build, real={**net.build.real, **settings})
            with pytest.MonkeyPatch.context() as patch, torch.inference_mode():
                patch.setitem(nets.NETS, name, replace(net, build=fitting))
                made[kind.key] = nets.built(name), encoders.clip(encoder), Vae(16, net.frames)
        model, clip, pixels = made[kind.key]
        gives = {"MODEL": model, "CLIP": clip, "VAE": pixels}
        parts = [part for part in kind.parts if part.files]
        return {part.type: tuple(gives[what] for what in part.gives) for part in parts}

    return load


@pytest.mark.parametrize("name", NAMES)
def test_a_workflow_guides_a_narrow_model_of_its_kind(loaded: Any, name: str) -> None:
    kind, recipe = kinds.of(name)
    picture = torch.rand(1, 80, 120, 3, generator=torch.Generator().manual_seed(0))
    given = {**loaded(kind), "LoadImage": (picture, picture[..., 0])}
    nodes = read("api", f"{name}.json")
    for node in nodes.values():
        shrunk = SIZES if "width" in node["inputs"] else {}
        node["inputs"] |= shrunk | ({"steps": STEPS} if "steps" in node["inputs"] else {})
    graph = Graph(nodes, given)
    samples = []
    for inputs, (latent, record) in graph.of("SelfGuidanceKSampler"):
        samples.append(latent["samples"])
        assert torch.isfinite(samples[-1]).all()
        assert record.family == FORMS[kind.key][0]
        assert len(record.steps) == STEPS
        assert {step.guided for step in record} == {"terms" in inputs}
    assert len(samples) == (2 if recipe == "move_an_object" else 1)
    assert all(not torch.equal(samples[0], other) for other in samples[1:])
    if recipe == "look_at_attention":
        previews = list(graph.of("SelfGuidanceAttentionPreview"))
        assert all(image.std() > 0.01 for _, (image, _) in previews) and len(previews) == 2
