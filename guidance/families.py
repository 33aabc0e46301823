"""Model families: what guidance reads in each, as data.

A record names the cross-attention sites that are read and the decoder block at whose entry the
features stand. A new family is one more record.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from .maps.properties import Site


@dataclass(frozen=True)
class Family:
    """What guidance reads in one family of UNets.

    Attributes:
        name: stands in records, so that a record of one family is not used with another.
        title: for messages.
        decoder: which decoder blocks have cross-attention; with `linear` it identifies the family.
        sites: cross-attention sites (part, block, transformer) that are recorded, in the order in
            which the model runs them.
        feature_block: decoder block at whose entry the features Psi are read.
        graph: KiB that the graph of one picture keeps for each cell of the latent in half
            precision, by whether a term reads features, see `nox -s bench`.
        source: where the choice of sites comes from.
        guiding: how many of the sites, from the first on, terms read; all if None. Each further
            one costs a longer backward pass.
        linear: whether its transformers project with linear layers (or with convolutions), where
            that tells it from a family with the same decoder.
    """

    name: str
    title: str
    decoder: tuple[int, ...]
    sites: tuple[Site, ...]
    feature_block: int
    graph: tuple[int, int]
    source: str
    linear: bool | None = None
    guiding: int | None = None

    @property
    def guides(self) -> tuple[Site, ...]:
        """The sites that terms read."""
        return self.sites[: self.guiding]


FAMILIES = (
    Family(
        name="shapes",
        title="Shapes (the bundled demo model)",
        decoder=(1, 1, 1, 1),
        sites=(("output", 2, 0), ("output", 3, 0)),
        feature_block=3,
        graph=(22, 22),
        source="measured: the two 16 x 16 decoder sites localise best; with the first alone a step "
        "costs a tenth less, but layouts of other pictures and masks are followed less well",
    ),
    Family(
        name="sd15",
        title="Stable Diffusion 1.x",
        decoder=(0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1),
        sites=(("output", 3, 0), ("output", 4, 0), ("output", 5, 0)),
        feature_block=11,
        graph=(84, 164),
        source="16 x 16 decoder sites; penultimate decoder layer as in the paper; not measured "
        "here",
        linear=False,
    ),
    Family(
        name="sd2",
        title="Stable Diffusion 2.x",
        decoder=(0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1),
        sites=(("output", 3, 0), ("output", 4, 0), ("output", 5, 0)),
        feature_block=11,
        graph=(79, 155),
        source="as for Stable Diffusion 1.x; not measured here",
        linear=True,
    ),
    Family(
        name="sdxl",
        title="Stable Diffusion XL",
        decoder=(1, 1, 1, 1, 1, 1, 0, 0, 0),
        sites=(("output", 1, 1), ("output", 1, 2), ("output", 1, 3)),
        feature_block=8,
        graph=(191, 314),
        source="the authors' SDXL notebook; penultimate decoder layer as in the paper; not "
        "measured here",
    ),
)


def match(depths: Mapping[int, int], linear: bool = False, model: str = "") -> Family:
    """The family of a UNet.

    Args:
        depths: transformer depth of every decoder block by its index, 0 where a block has no
            attention.
        linear: whether its transformers project with linear layers.
        model: what the model is called, for the message.

    Raises:
        ValueError: no family has this decoder.
    """
    decoder = tuple(depths[i] for i in sorted(depths))
    for family in FAMILIES:
        deep_enough = all(site[2] < depths.get(site[1], 0) for site in family.sites)
        same = family.decoder == tuple(min(depth, 1) for depth in decoder)
        if same and deep_enough and family.linear in (None, linear):
            return family
    known = "; ".join(f"{family.title}" for family in FAMILIES)
    raise ValueError(
        f"this model{f' ({model})' if model else ''} is of no supported family (its decoder has "
        f"attention depths {decoder or 'none'}); supported are: {known}. Load a checkpoint of one "
        "of these"
    )
