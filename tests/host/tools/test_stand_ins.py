"""The small networks of the tests: the same in every run."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import torch
from selfguidance.tests.host.engine.test_transformers import each_net
from selfguidance.tests.host.engine.test_transformers_control import NETWORKS


def in_used_memory(monkeypatch: pytest.MonkeyPatch, value: float) -> None:
    """Whatever is not set is of that value, as memory that was used before holds anything."""
    original = torch.empty

    def empty(*args: Any, **kwargs: Any) -> torch.Tensor:
        return original(*args, **kwargs).fill_(value)

    monkeypatch.setattr(torch, "empty", empty)


def check_same_in_any_memory(
    monkeypatch: pytest.MonkeyPatch, make: Callable[[], torch.nn.Module]
) -> None:
    made = []
    for value in (1, 2):
        with monkeypatch.context() as patch, torch.inference_mode():
            in_used_memory(patch, value)
            made.append(make())
    parts = (dict([*net.named_parameters(), *net.named_buffers()]) for net in made)
    for (name, mine), theirs in zip(next(parts).items(), next(parts).values(), strict=True):
        assert torch.equal(mine, theirs), name


@each_net
def test_a_transformer_is_the_same_whatever_memory_held(
    nets: ModuleType, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    check_same_in_any_memory(monkeypatch, lambda: nets.built(name).model.diffusion_model)


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_controlnet_is_the_same_whatever_memory_held(
    nets: ModuleType, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    from selfguidance.tests.host import controls

    check_same_in_any_memory(monkeypatch, lambda: controls.NETWORKS[kind][1]().control_model)
