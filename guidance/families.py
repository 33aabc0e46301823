"""Model families: what guidance reads in each, as data.

A family's entry names the sites where attention is read and the place where features are read. Only
the family's architecture knows what these names mean, see `nodes/engine/architectures`. A new
family is one more entry in `FAMILIES`.
"""

from dataclasses import dataclass
from typing import Any

from .maps.properties import Site


@dataclass(frozen=True)
class Family:
    """What guidance reads in one family of models.

    Attributes:
        name: id of the family, saved in records, so that a record of one family is not used with
            another.
        title: name of the family in messages.
        architecture: name of the kind of network.
        signature: what the architecture compares with a network to recognise the family.
        sites: where attention is recorded, in the order in which the model runs them.
        feature_place: number of the place where the features Psi are read.
        graph: KiB of memory that the autograd graph of one picture takes for each cell of the
            latent in half precision: without terms that read features, and with them. Measured by
            `nox -s bench`.
        source: where the choice of sites comes from.
        term_site_count: number of sites that terms read, from the first on; all if None. Each
            further one makes the backward pass longer.
    """

    name: str
    title: str
    architecture: str
    signature: Any
    sites: tuple[Site, ...]
    feature_place: int
    graph: tuple[int, int]
    source: str
    term_site_count: int | None = None

    @property
    def term_sites(self) -> tuple[Site, ...]:
        """The sites that terms read."""
        return self.sites[: self.term_site_count]


FAMILIES = (
    Family(
        name="shapes",
        title="Shapes (the bundled demo model)",
        architecture="unet",
        signature=((1, 1, 1, 1), None),
        sites=(("output", 2, 0), ("output", 3, 0)),
        feature_place=3,
        graph=(22, 22),
        source="measured: the two 16 x 16 decoder sites localise best; with the first alone a step "
        "costs a tenth less, but layouts of other pictures and masks are followed less well",
    ),
    Family(
        name="sd15",
        title="Stable Diffusion 1.x",
        architecture="unet",
        signature=((0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1), False),
        sites=(("output", 3, 0), ("output", 4, 0), ("output", 5, 0)),
        feature_place=11,
        graph=(84, 164),
        source="16 x 16 decoder sites; penultimate decoder layer as in the paper; not measured "
        "here",
    ),
    Family(
        name="sd2",
        title="Stable Diffusion 2.x",
        architecture="unet",
        signature=((0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1), True),
        sites=(("output", 3, 0), ("output", 4, 0), ("output", 5, 0)),
        feature_place=11,
        graph=(79, 155),
        source="as for Stable Diffusion 1.x; not measured here",
    ),
    Family(
        name="sdxl",
        title="Stable Diffusion XL",
        architecture="unet",
        signature=((1, 1, 1, 1, 1, 1, 0, 0, 0), None),
        sites=(("output", 1, 1), ("output", 1, 2), ("output", 1, 3)),
        feature_place=8,
        graph=(191, 314),
        source="the authors' SDXL notebook; penultimate decoder layer as in the paper; not "
        "measured here",
    ),
)
