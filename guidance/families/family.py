"""What guidance reads in one family of models."""

from dataclasses import dataclass
from typing import Any

from ..maps.properties import Site


@dataclass(frozen=True)
class Family:
    """What guidance reads in one family of models.

    Attributes:
        name: id of the family, saved in records, so that a record of one family is not used with
            another.
        title: name of the family in messages.
        architecture: name of the kind of network.
        network: what the architecture has to know of the family's networks, to recognise and to
            read them; of a type of its own.
        sites: where attention is recorded, in the order in which the model runs them.
        feature_place: number of the place where the features Psi are read.
        graph_kib: memory that the autograd graph of one picture takes for each cell of the latent
            in half precision: without terms that read features, and with them. Measured by
            `nox -s bench`.
        evidence: what the choice of sites rests on: a measurement, a publication, or a guess.
        term_site_count: number of sites that terms read, from the first on; all if None. Each
            further one makes the backward pass longer.
        recomputed_share: fraction of that memory that is taken where blocks are recomputed, with
            one block being recomputed.
        recompute_by_default: whether blocks are recomputed unless the user asks for speed.
    """

    name: str
    title: str
    architecture: str
    network: Any
    sites: tuple[Site, ...]
    feature_place: int
    graph_kib: tuple[int, int]
    evidence: str
    term_site_count: int | None = None
    recomputed_share: float = 0.2
    recompute_by_default: bool = False

    @property
    def term_sites(self) -> tuple[Site, ...]:
        """The sites that terms read."""
        return self.sites[: self.term_site_count]
