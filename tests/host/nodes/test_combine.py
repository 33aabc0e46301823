"""Combine gives what chaining the nodes gives, and one weight and one name on top."""

from collections.abc import Callable
from itertools import permutations
from types import ModuleType
from typing import Any

import pytest
import torch

TIMES = {"weight": 1.0, "start_percent": 0.0, "end_percent": 1.0}


@pytest.fixture(scope="module")
def model(lab: ModuleType) -> Any:
    return lab.unet("shapes")


@pytest.fixture(scope="module")
def sources(lab: ModuleType, model: Any) -> dict[str, Callable[..., Any]]:
    """Term nodes; each takes `terms` to chain to, and gives what it adds to them."""
    from selfguidance.nodes.attention_terms import Box
    from selfguidance.nodes.recipes import MoveObject, ResizeObject
    from selfguidance.nodes.reference_terms import Shape

    _, reference = lab.guided(model, steps=2)
    ours = {"reference": reference, **TIMES}

    def node(kind: Any, **inputs: Any) -> Callable[..., Any]:
        return lambda **chain: kind.execute(**inputs, **chain).args[0]

    side = {"dx": 0.0, "dy": 0.0, "scale_x": 1.0, "scale_y": 1.0, "rotation": 0.0}
    box = {"x": 0.1, "y": 0.2, "width": 0.4, "height": 0.5, "corners": True}
    return {
        "move": node(MoveObject, object="red circle", dx=0.2, dy=0.0, **ours),
        "resize": node(ResizeObject, object="red circle", scale=1.5, **ours),
        "other": node(
            MoveObject, object="blue square", dx=0.0, dy=0.2, keep_background=0.0, **ours
        ),
        "keep": node(Shape, object="blue square", **side, **ours),
        "box": node(Box, object="red circle", **box, **TIMES),
    }


def combine(*wires: Any, weight: float = 1.0, name: str = "") -> Any:
    from selfguidance.nodes.combine import NAMES, Combine

    return Combine.execute(weight, name, **dict(zip(NAMES, wires, strict=False))).args[0]


def chained(sources: dict[str, Callable[..., Any]]) -> Any:
    terms: Any = ()
    for source in sources.values():
        terms = source(terms=terms)
    return terms


def test_combined_nodes_give_bit_for_bit_what_the_chain_gives(
    lab: ModuleType, model: Any, sources: dict[str, Any]
) -> None:
    expected, shown = lab.guided(model, chained(sources), steps=2)
    together, record = lab.guided(model, combine(*(s() for s in sources.values())), steps=2)
    assert torch.equal(together, expected)
    assert record.steps[0].energies == shown.steps[0].energies
    first, second, *rest = sources.values()
    nested = combine(combine(first(), second()), *(s() for s in rest))
    assert torch.equal(lab.guided(model, nested, steps=2)[0], expected)


def test_the_order_of_the_inputs_and_of_the_chain_does_not_matter(
    lab: ModuleType, model: Any, sources: dict[str, Any]
) -> None:
    _, shown = lab.guided(model, chained(sources), steps=1)
    expected = energies(shown)
    assert len(expected["shape of blue square"]) == 1  # moved by one, kept by none
    assert len(expected["shape of red circle"]) == 1  # moved and resized at once
    for names in list(permutations(sources))[::17]:
        order = {name: sources[name] for name in names}
        for terms in (chained(order), combine(*(s() for s in order.values()))):
            found = energies(lab.guided(model, terms, steps=1)[1])
            assert found.keys() == expected.keys()
            assert all(found[n] == pytest.approx(expected[n], rel=1e-4, abs=1e-6) for n in found)


def energies(record: Any) -> dict[str, list[float]]:
    """Values of the first step, sorted among terms of one name."""
    result: dict[str, list[float]] = {}
    for name, (value,) in record.steps[0].energies.items():
        result.setdefault(name.split(" (")[0], []).append(value)
    return {name: sorted(values) for name, values in result.items()}


def test_the_weight_counts_for_every_term(lab: ModuleType, model: Any, sources: Any) -> None:
    both = [sources["box"](), sources["keep"]()]
    by_hand = tuple(t.combined(0.5) for terms in both for t in terms)
    assert [t.weight for t in by_hand] == [0.5, 0.5]
    raw = {"weighting": "raw (paper)", "strength": 100.0, "steps": 2}
    expected, _ = lab.guided(model, by_hand, **raw)
    halved, _ = lab.guided(model, combine(*both, weight=0.5), **raw)
    whole, _ = lab.guided(model, combine(*both), **raw)
    assert torch.equal(halved, expected) and not torch.equal(halved, whole)


def test_weight_0_is_the_same_as_not_wired(lab: ModuleType, model: Any, sources: Any) -> None:
    off = combine(sources["move"](), sources["box"](), weight=0.0)
    assert torch.equal(lab.guided(model, off, steps=2)[0], lab.plain(model, steps=2))
    beside, _ = lab.guided(model, sources["other"](terms=off), steps=2)
    assert torch.equal(beside, lab.guided(model, sources["other"](), steps=2)[0])


def test_names_tell_sources_apart_in_records(lab: ModuleType, model: Any, sources: Any) -> None:
    left = combine(sources["box"](), name="left")
    both = combine(left, combine(sources["box"](), sources["move"](), name=" right "), name="all")
    _, record = lab.guided(model, both, steps=1)
    names = list(record.steps[0].energies)
    assert names[:2] == ["all / left: box of red circle", "all / right: box of red circle"]
    assert "all / right: all but red circle" in names
    assert all(name.startswith("all / ") for name in names)
