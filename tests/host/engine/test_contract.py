"""What the contract of architectures promises to a kind of network that is no UNet.

The toy has what diffusion transformers have: picture and text in one sequence, blocks that take and
return both by name, residuals added in place behind norms, operations that a mode has to replace.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import ModuleType, SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

TEXT, HEADS, WIDTH = 3, 2, 8
GRID = (2, 4)
CELLS = GRID[0] * GRID[1]
ONE, OTHER = UUID(int=1), UUID(int=2)


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(WIDTH)
        self.mix = nn.Linear(WIDTH, WIDTH)

    def forward(self, img: Tensor, txt: Tensor) -> tuple[Tensor, Tensor]:
        seen = torch.cat([txt, img], 1)
        out = torch.roll(self.mix(self.norm(seen)), 1, -1).tanh()
        normed = self.norm(img)
        img += out[:, TEXT:] * normed.sin()
        return img, txt + out[:, :TEXT]


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.ModuleList(Block() for _ in range(3))
        self.requires_grad_(False)

    def forward(self, img: Tensor, txt: Tensor) -> Tensor:
        img = img * 1
        for layer in self.layers:
            img, txt = layer(img=img, txt=txt)
        return img


class Counted(TorchFunctionMode):
    """A mode that an architecture needs inside each block."""

    calls = 0

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None):
        if function is torch.roll:
            Counted.calls += 1
        return function(*args, **(kwargs or {}))


def exchanging(pairs: Any) -> Any:
    from selfguidance.nodes.engine.forwards import exchanged

    return exchanged(pairs)


def reading(forward: Callable, seen: list[Tensor]) -> Callable:
    def call(img: Tensor, txt: Tensor) -> Any:
        seen.append(torch.cat([txt, img], 1).square().mean())
        return forward(img=img, txt=txt)

    return call


def own(forward: Callable) -> Callable:
    def call(img: Tensor, txt: Tensor) -> Any:
        with Counted():
            return forward(img=img.clone(), txt=txt)

    return call


def copied(forward: Callable) -> Callable:
    return lambda x: forward(x.clone())


def architecture(seen: list[Tensor]) -> Any:
    """The toy's, which shows `seen` what its middle block is given."""
    from selfguidance.nodes.engine.architectures.base import Architecture

    class Joint(Architecture):
        name = "toy"

        def match(self, network: nn.Module) -> None:
            return None

        def described(self, network: nn.Module) -> str:
            return "it is a toy"

        @contextmanager
        def listening(self, network: Any, options: Any, *_: Any, **__: Any) -> Iterator[Any]:
            with exchanging([(network.layers[1], reading(network.layers[1].forward, seen))]):
                yield options

        def blocks(self, network: Any) -> list[nn.Module]:
            return list(network.layers)

        @contextmanager
        def gradient_context(self, network: Any) -> Iterator[None]:
            with ExitStack() as stack:
                stack.enter_context(
                    exchanging((b.norm, copied(b.norm.forward)) for b in network.layers)
                )
                stack.enter_context(exchanging((b, own(b.forward)) for b in network.layers))
                yield

    return Joint()


def gradient(recompute: bool) -> tuple[Tensor, int]:
    """Of what the middle block shows and of the output; how often the mode saw the operation."""
    from selfguidance.nodes.engine.gradient_pass import GradientPass

    seen: list[Tensor] = []
    kind, network = architecture(seen), Network()
    budget: Any = SimpleNamespace(recompute=recompute, may_change=False)
    x = torch.randn(1, CELLS, WIDTH, generator=torch.Generator().manual_seed(1))
    text = torch.randn(1, TEXT, WIDTH, generator=torch.Generator().manual_seed(2))
    Counted.calls = 0

    def attempt(recomputing: Any) -> Tensor:
        traced = x.clone().requires_grad_()
        with kind.listening(network, {}) as _, recomputing:
            output = network(traced, text)
            return torch.autograd.grad(seen[0] + output.square().mean(), traced)[0]

    with torch.inference_mode():
        result = GradientPass(kind, network, budget).run(attempt, False)
    assert not any("forward" in vars(module) for module in network.modules())
    return result, Counted.calls


def test_a_recomputed_block_runs_with_all_that_was_put_into_it(
    lab: ModuleType,
) -> None:
    kept, once = gradient(recompute=False)
    again, twice = gradient(recompute=True)
    assert torch.equal(kept, again) and kept.abs().max() > 0
    assert (once, twice) == (3, 6)


def capture(lists: tuple[int, ...] = (0,)) -> Any:
    from selfguidance.guidance.families import FAMILIES
    from selfguidance.guidance.words.table import TokenTable
    from selfguidance.nodes.engine.capture import Capture
    from selfguidance.nodes.engine.conditioning import Source

    table = TokenTable("a cat", ("a", "cat"), ((0,), (1, 2)), TEXT)
    sources = {ONE: Source(table, TEXT)}
    return Capture(FAMILIES[0], sources, frozenset(lists), GRID)


@pytest.mark.parametrize("start", [0, CELLS], ids=["first", "last"])
def test_the_words_are_found_where_the_text_stands_among_all_tokens(
    lab: ModuleType, start: int
) -> None:
    """The softmax runs over text and picture; rows of other conditionings are passed over."""
    from selfguidance.guidance.maps.attention import by_heads
    from selfguidance.nodes.engine.capture import Attention, Rows

    generator = torch.Generator().manual_seed(3)
    query = torch.randn(2, CELLS, WIDTH, generator=generator)
    key = torch.randn(2, CELLS + TEXT, WIDTH, generator=generator)
    found = capture()
    heads = (by_heads(tokens, HEADS) for tokens in (query, key))
    seen = Attention(*heads, GRID, lambda tokens: slice(start, start + tokens))
    for site in found.family.sites:
        found.read_attention(site, seen, Rows([OTHER, ONE], [1, 0], GRID, lambda grid: grid))
    q, k = (t[1].unflatten(-1, (HEADS, -1)).transpose(0, 1) for t in (query, key))
    chances = (q @ k.mT * (WIDTH // HEADS) ** -0.5).softmax(-1).mean(0)[:, start : start + TEXT]
    expected = torch.stack([chances[:, 0], chances[:, 1:].mean(1)]).unflatten(-1, GRID)
    for maps in found.properties(1.0).maps.values():
        torch.testing.assert_close(maps[0], expected)


def test_a_capture_reads_the_lists_that_it_is_given_alone(lab: ModuleType) -> None:
    from selfguidance.guidance.maps.attention import by_heads
    from selfguidance.nodes.engine.capture import Attention, Rows

    found = capture(lists=(1,))
    tokens = by_heads(torch.randn(1, CELLS, WIDTH), HEADS)
    for site in found.family.sites:
        seen = Attention(tokens, tokens[:, :, :TEXT], GRID)
        found.read_attention(site, seen, Rows([ONE], [0], GRID, lambda grid: grid))
    assert found.properties(1.0) is None


def test_every_family_has_one_architecture(lab: ModuleType) -> None:
    from selfguidance.guidance.families import FAMILIES
    from selfguidance.nodes.engine.architectures import ARCHITECTURES, architecture_of

    assert len({kind.name for kind in ARCHITECTURES}) == len(ARCHITECTURES)
    for family in FAMILIES:
        assert family in architecture_of(family).families
