"""What one call of a transformer shows, noted when the call begins."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ....guidance.families.structure import Structure
from ....guidance.maps.areas import Pair
from ..capture import Capture, Rows

# Of the `View` in the options of a call of the network.
VIEW_KEY = "self_guidance_view"
# Patches of other packs that see the tokens of the text before the first block, and may add some.
ADDING = "post_input"
Forward = Callable[..., Any]


@dataclass(eq=False)
class View:
    """What one call of the network shows.

    Attributes:
        rows: whose they are.
        grid: height and width of the picture in tokens.
        text: number of text tokens in the network, with those that patches have added.
        ahead: number of tokens that stand in front of those that the network was given.
    """

    rows: Rows
    grid: Pair
    text: int
    ahead: int = 0

    @property
    def cells(self) -> int:
        """Number of the picture's tokens."""
        return self.grid[0] * self.grid[1]

    def told(self, patches: Mapping[str, Any]) -> Mapping[str, Any]:
        """The patches, with functions around those that add text tokens by which it learns them."""
        theirs = patches.get(ADDING)
        if not theirs:
            return patches
        given: list[Tensor] = []

        def before(args: dict[str, Any]) -> dict[str, Any]:
            given.append(args["txt"])
            return args

        def behind(args: dict[str, Any]) -> dict[str, Any]:
            self._added(given.pop(), args["txt"])
            return args

        return {**patches, ADDING: [before, *theirs, behind]}

    def _added(self, before: Tensor, after: Tensor) -> None:
        own, added = before.shape[1], after.shape[1] - before.shape[1]
        self.text += added
        if added > 0 and not bool((after[:, :own] == before).all()):
            self.ahead += added


def noting(forward: Forward, structure: Structure, capture: Capture) -> Forward:
    """The network's forward, which puts into the options what it was given."""

    def tokens(size: Pair) -> Pair:
        return -(-size[0] // structure.patch), -(-size[1] // structure.patch)

    def network(x: Tensor, *args: Any, **kwargs: Any) -> Any:
        options: Mapping[str, Any] = kwargs.get("transformer_options", {})
        if "uuids" not in options:  # another pack asks for something of its own
            return forward(x, *args, **kwargs)
        part = (x.shape[-2], x.shape[-1])
        # the picture has as many tokens as its latent has squares, however a part of it falls
        rows = Rows(
            options["uuids"], options["cond_or_uncond"], part, lambda grid: tokens(capture.size)
        )
        text, ahead = kwargs["context"].shape[1], _ahead(structure, kwargs)
        view = View(rows, tokens(part), text, ahead)
        patches = view.told(options.get("patches", {}))
        kwargs["transformer_options"] = {**options, "patches": patches, VIEW_KEY: view}
        return forward(x, *args, **kwargs)

    return network


def _ahead(structure: Structure, given: Mapping[str, Any]) -> int:
    """Number of text tokens in front of the text in a call of the network."""
    if not structure.references_first:
        return 0
    texts = [context.shape[1] for context in given.get("ref_contexts", ())]
    pictures = len(given.get("ref_latents", ()))
    # a picture without a text has as many tokens of padding as one token of text would
    return sum(map(structure.padded, [*texts, *[1] * pictures][:pictures]))


def view_of(given: Mapping[str, Any]) -> View | None:
    """What the call of the network shows that gives a module its arguments; None if unread."""
    return given.get("transformer_options", {}).get(VIEW_KEY)
