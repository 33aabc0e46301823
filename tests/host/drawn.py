"""Hypothesis strategies for the inputs of nodes, from their schemas: all that graphs can send."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import torch
from hypothesis import strategies as st

PHRASES = (
    "red circle",
    "blue square",
    "circle",
    "Red  CIRCLE!",
    "(red circle:1.3)",
    "green star",
    "a",
    "",
    "  ",
    "\N{SLIGHTLY SMILING FACE}",
    "the second circle",
    "red circle, blue square",
    "circle circle",
    "red_circle",
    "red-circle; blue.square",
    "red circle\uff0cblue square",
    "(red:1.2) circle",
    "((blue) square:.7)",
    "and",
    "3.5",
    "<|endoftext|>",
    40 * "red circle ",
)
PAIRS = (
    "red circle \uff1d circle\u3001blue square",
    "red circle = blue square; blue square\ncircle",
    "(red circle:1.3) = red_circle",
    "",
    "red circle = blue square",
    "=",
    "red circle =",
    "a = a, a = a",
    "red circle",
    ",",
)
SIDES = st.sampled_from([1, 2, 3, 5, 8, 13, 20])
BAD = (float("nan"), float("inf"), -float("inf"), -1.0, 2.0, 1e30)


class Pool:
    """Values for inputs that are linked to other nodes, made once with a small model.

    Attributes:
        model: the MODEL that samples.
        wires: values by type of socket.
    """

    def __init__(self, lab: ModuleType) -> None:
        """Make records of several sizes, batches, prompts and models, and values from them."""
        from selfguidance.tools.quality.studio import call

        self.lab = lab
        self.wires: dict[str, list[Any]] = {}
        with torch.inference_mode():
            self.model, other = lab.unet("shapes"), lab.unet("sd15")
        term, latent = [lab.position()], lab.latent(1, 8, 8)
        runs: list[dict[str, Any]] = [
            {"terms": term, "latent_image": latent},
            {"latent_image": latent, "steps": 3, "sampler_name": "heun"},
            {"latent_image": latent, "denoise": 0.2},
            {"latent_image": lab.latent(2, 8, 8)},
            {"latent_image": lab.latent(1, 5, 13)},
            {"latent_image": latent, "positive": lab.embedded(3, ["green", "star"])},
            {"latent_image": latent, "positive": lab.empty()},
        ]
        settings = {"positive": lab.embedded(), "negative": lab.empty(), "steps": 2}
        records = [lab.guided(self.model, **{**settings, **run})[1] for run in runs]
        records.append(lab.guided(other, **settings, latent_image=latent)[1])
        self.wires["SELF_GUIDANCE_RECORD"] = records
        self.wires["SELF_GUIDANCE_TERMS"] = [(), (term[0],), (lab.position("blue square", 0.1),)]
        self.wires["SELF_GUIDANCE_FEATURE"] = [
            call("SelfGuidanceFeature", record=record, object="red circle")
            for record in (records[0], records[3], records[7])
        ]
        half = torch.zeros(1, 8, 8)
        half[:, :4] = 1
        self.wires["SELF_GUIDANCE_HEAD"] = [
            call("SelfGuidanceFitHead", record=record, mask=half)
            for record in (records[0], records[7])
        ]


@dataclass(frozen=True)
class Wire:
    """A value of the pool, as type and index, so that Hypothesis prints short examples."""

    kind: str
    index: int

    def made(self, pool: Pool) -> Any:
        """The value."""
        return pool.wires[self.kind][self.index]


@dataclass(frozen=True)
class Filled:
    """A MASK or IMAGE, described by shape and content."""

    shape: tuple[int, ...]
    kind: str
    bad: float
    seed: int

    def made(self, _: Pool) -> torch.Tensor:
        """The tensor."""
        values = torch.rand(self.shape, generator=torch.Generator().manual_seed(self.seed))
        if self.kind in ("zeros", "ones"):
            values.fill_(float(self.kind == "ones"))
        elif self.kind == "pale":
            values *= 0.01
        elif self.kind == "hard":
            values = values.round()
        elif self.kind == "bad" and values.numel():
            values.view(-1)[self.seed % values.numel()] = self.bad
        return values


def filled(shapes: st.SearchStrategy[tuple[int, ...]], *kinds: str) -> st.SearchStrategy[Filled]:
    """Descriptions of tensors of these shapes and kinds; "bad" ones contain a value of `BAD`."""
    bad = st.sampled_from(BAD)
    return st.builds(Filled, shapes, st.sampled_from(kinds), bad, st.integers(0, 99))


def masks() -> st.SearchStrategy[Filled]:
    """MASKs of all ranks, with sizes and values that nodes may send."""
    pictures = st.sampled_from([(), (1,), (1,), (2,), (3,), (0,), (1, 1), (1, 3), (1, 1, 1)])
    sizes = st.one_of(st.tuples(SIDES, SIDES), st.just((0, 4)))
    channels = st.sampled_from([(), (), (), (1,), (3,)])
    shapes = st.tuples(pictures, sizes, channels).map(lambda parts: sum(parts, ()))
    return filled(shapes, "soft", "soft", "pale", "hard", "zeros", "ones", "bad")


def images() -> st.SearchStrategy[Filled]:
    """IMAGEs [B, H, W, 3 or 4]."""
    shapes = st.tuples(st.integers(1, 3), SIDES, SIDES, st.sampled_from([3, 4]))
    return filled(shapes, "soft", "ones")


@dataclass(frozen=True)
class Run:
    """Inputs of the KSampler except model and terms."""

    size: tuple[int, int, int]
    settings: dict[str, Any]
    extra: tuple[int, ...] = ()

    def made(self, pool: Pool) -> dict[str, Any]:
        """The inputs."""
        conds = {"positive": pool.lab.embedded(), "negative": pool.lab.empty()}
        latent = pool.lab.latent(*self.size)
        if self.extra:  # of another kind of model
            batch, *_, height, width = latent["samples"].shape
            latent = {"samples": torch.ones(batch, *self.extra, height, width)}
        return {**conds, **self.settings, "latent_image": latent}


def number(kind: str, settings: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """A number in the range of a widget, often its minimum, maximum or default."""
    low, high = settings["min"], settings["max"]
    ends = st.sampled_from([low, high, settings["default"]])
    if kind == "INT":
        return st.one_of(ends, st.integers(low, high))
    none = st.sampled_from(BAD[:3])  # a request may send them
    return st.one_of(ends, ends, st.floats(low, high), st.floats(low, high), none)


def value(name: str, kind: Any, settings: Mapping[str, Any], pool: Pool) -> st.SearchStrategy[Any]:
    """A value for one input of a node."""
    if isinstance(kind, list) or kind == "COMBO":
        return st.sampled_from(kind if isinstance(kind, list) else settings["options"])
    if kind in ("FLOAT", "INT"):
        return number(kind, settings)
    if kind == "BOOLEAN":
        return st.booleans()
    if kind == "STRING":
        return st.sampled_from(PAIRS if name == "objects" else PHRASES)
    if kind in ("MASK", "IMAGE"):
        return masks() if kind == "MASK" else images()
    count = len(pool.wires[kind])
    return st.builds(Wire, st.just(kind), st.integers(0, count - 1))


def inputs(node: Any, pool: Pool) -> st.SearchStrategy[dict[str, Any]]:
    """All required and some optional inputs of a node."""
    groups = node.INPUT_TYPES()

    def group(name: str) -> dict[str, st.SearchStrategy[Any]]:
        return {
            key: value(key, kind, rest[0] if rest else {}, pool)
            for key, (kind, *rest) in groups.get(name, {}).items()
        }

    return st.fixed_dictionaries(group("required"), optional=group("optional"))


def runs() -> st.SearchStrategy[Run]:
    """Short runs of small pictures."""
    import comfy.samplers

    usual = ["euler", "euler_ancestral", "dpmpp_2m", "heun", "lcm", "uni_pc"]
    settings = st.fixed_dictionaries(
        {
            "steps": st.integers(1, 3),
            "seed": st.sampled_from([0, 5, 2**64 - 1]),
            "cfg": st.sampled_from([0.0, 1.0, 4.0, 100.0]),
            "denoise": st.sampled_from([1.0, 1.0, 0.5, 0.01]),
            "sampler_name": st.sampled_from(usual),
            "scheduler": st.sampled_from(comfy.samplers.SCHEDULER_NAMES),
            "strength": st.one_of(
                st.sampled_from([0.0, 1.0, 1.0, 1e5, -1.0, BAD[0]]), st.floats(0, 1e5)
            ),
            "weighting": st.sampled_from(["normalised", "normalised", "raw (paper)"]),
        }
    )
    sizes = st.tuples(st.sampled_from([1, 1, 2, 3]), SIDES, SIDES)
    # of one cell, PyTorch's group norm refuses the narrow network's 32 channels, guided or not
    sizes = sizes.filter(lambda size: size[1:] != (1, 1))
    extra = st.sampled_from([(), (), (), (), (), (), (), (16,), (4, 1)])
    return st.builds(Run, sizes, settings, extra)


def made(described: Mapping[str, Any], pool: Pool) -> dict[str, Any]:
    """The inputs, with values in place of descriptions."""
    return {
        name: value.made(pool) if isinstance(value, (Wire, Filled)) else value
        for name, value in described.items()
    }
