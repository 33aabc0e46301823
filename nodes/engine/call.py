"""One model call of the sampler."""

from collections.abc import Callable, Mapping
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
    """State of one model call, shared by the wrappers of a run.

    Attributes:
        sources: the conditionings that are read, by uuid.
        acting: the terms that act on the words of the sources; after the pass, on the words of the
            sources that were in it.
        shape: of the latent, [B, C, h, w].
        guided: whether the denoised prediction is corrected.
        traced: whether that needs a gradient through the model.
        features: whether a term's gradient runs through the features.
        lists: indices of the call's lists of conditionings with sources; set when they are
            computed, like all that follows.
        seen: properties of the pass.
        gradient: of the energy terms by the latent, [B, C, h, w].
        step: what guidance subtracts from the denoised prediction, [B, C, h, w].
        energies: of the energy terms by name, each [B].
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
    step: Tensor | None = None
    energies: dict[str, Tensor] = field(default_factory=dict)

    def capture(self, family: Family) -> Capture:
        """A new capture for one pass; a call has a second pass if the first ran out of memory."""
        size = (self.shape[-2], self.shape[-1])
        return Capture(family, self.sources, self.lists, size, self.traced, self.features)

    def paced(
        self,
        guided: Callable[[Tensor], list[Tensor]],
        x: Tensor,
        timestep: Tensor,
    ) -> tuple[list[Tensor], Tensor]:
        """All parts of the call, see `Pace`; sets `step`.

        Args:
            guided: one pass with gradient, of a latent to the outputs; sets `gradient`.
            x: latent of the call, [B, C, h, w] or, of one frame, [B, C, 1, h, w].
            timestep: noise level of every picture, [B].

        Returns:
            the outputs of the last part, and the latent that it was given.
        """
        pace, steps = self.acting.pace, list[Tensor]()
        while True:
            self.gradient = None
            outputs = guided(x)  # may change which terms act
            if self.gradient is None:
                return outputs, x
            steps.append(self.acting.step(self.gradient, self.energies, timestep))
            if len(steps) >= pace.gradients:
                break
            x = x + self.acting.ahead(steps[-1], pace.ahead).to(x).reshape(x.shape)
        mean = steps[0] if len(steps) == 1 else torch.stack(steps).mean(0)
        self.step = pace.length * mean
        return outputs, x

    def corrected(self, denoised: Tensor) -> Tensor:
        """The prediction after the step of guidance, if there was one, in its own dtype."""
        return denoised if self.step is None else denoised - self.step.to(denoised)
