"""What a record of a model family says."""

from dataclasses import dataclass
from typing import Any

from ..maps.properties import Site


@dataclass(frozen=True)
class Family:
    """What guidance reads in one family of models.

    Attributes:
        name: stands in records, so that a record of one family is not used with another.
        title: for messages.
        architecture: name of the kind of network.
        network: what the architecture must know of networks of the family: to tell them from
            others, and to find its way in them.
        sites: where attention is recorded, in the order in which the model runs them.
        feature_place: number of the place where the features Psi are read.
        graph: KiB that the graph of one picture keeps for each cell of the latent in half
            precision, by whether a term reads features, see `nox -s bench`.
        source: where the choice of sites comes from: measured, published, or a guess.
        guiding: how many of the sites, from the first on, terms read; all if None. Each further
            one costs a longer backward pass.
        recomputed: what is left of that graph, as a part of it, where blocks are recomputed; with
            room for the one that is at work.
        recomputes: whether blocks are recomputed unless the user asks for speed.
    """

    name: str
    title: str
    architecture: str
    network: Any
    sites: tuple[Site, ...]
    feature_place: int
    graph: tuple[int, int]
    source: str
    guiding: int | None = None
    recomputed: float = 0.2
    recomputes: bool = False

    @property
    def guides(self) -> tuple[Site, ...]:
        """The sites that terms read."""
        return self.sites[: self.guiding]
