"""One model call of the sampler."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

import torch
from torch import Tensor

from ...guidance.acting import Acting
from ...guidance.families import Family
from ...guidance.maps.properties import Properties
from .capture import Capture
from .conditioning import Source


@dataclass
class Call:
    """State of one model call, which several functions of a run see.

    Attributes:
        sources: the conditionings that are read, by uuid.
        acting: the terms that act, on the words of the sources; once the call has shown some of
            them, on the words that it showed.
        shape: of the latent.
        guided: whether the denoised prediction is corrected.
        traced: whether that takes a gradient through the model.
        features: whether a term's gradient runs through the features.
        lists: numbers of the lists that hold the sources, from where conditionings are computed on.
        seen: what the call showed, once they are.
        gradient: that of the terms, likewise.
        energies: of the terms, each [B], likewise.
    """

    sources: Mapping[UUID, Source]
    acting: Acting
    shape: torch.Size
    guided: bool
    traced: bool
    features: bool
    lists: frozenset[int] = frozenset()
    seen: Properties | None = None
    gradient: Tensor | None = None
    energies: dict[str, Tensor] = field(default_factory=dict)

    def capture(self, family: Family) -> Capture:
        """What reads one attempt at the call in a model of a family."""
        size = (self.shape[-2], self.shape[-1])
        return Capture(family, self.sources, self.lists, size, self.traced, self.features)
