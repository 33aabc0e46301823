"""Features: the appearance of an object or a region, as one vector for each noise level.

Appearance is the mean of the network's features over the object's shape (arXiv 2306.00986, section
3.2), or here over a mask. Kept apart from its record it can be the target of another object, prompt
or seed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..maps.properties import Properties, pool
from .record import Record, between


@dataclass(frozen=True)
class Feature:
    """The appearance of an object or a region, by noise level.

    Attributes:
        family: name of the model family whose features these are.
        label: what was read, for messages: the object, or "masked region".
        sigmas: noise levels of the S steps that it was read from.
        vectors: [S, B, C] mean features, float32 on the CPU.
    """

    family: str
    label: str
    sigmas: tuple[float, ...]
    vectors: Tensor

    @property
    def batch(self) -> int:
        """Number of pictures."""
        return self.vectors.shape[1]

    @property
    def channels(self) -> int:
        """Number of channels C."""
        return self.vectors.shape[2]

    def at(self, sigma: float, like: Tensor) -> Tensor:
        """Mean features [B, C] at a noise level: linear in log sigma, the nearest step outside."""
        lower, upper, share = between(self.sigmas, sigma)
        return torch.lerp(self.vectors[lower], self.vectors[upper], share).to(like.device)

    @classmethod
    def of(cls, record: Record, name: str) -> "Feature":
        """The appearance of an object of a record.

        Raises:
            ValueError: the record lacks the object, or read no features.
        """
        record.table.find_object(name)
        # prompts of a timestep range come and go: steps that did not name it have no map of it
        named = [s.properties for s in record if s.properties.table.has(name)]
        return cls._read(record, name, named, lambda seen: seen.appearance(name).float())

    @classmethod
    def under(cls, record: Record, mask: Tensor, label: str = "masked region") -> "Feature":
        """The mean features of a region of a record.

        Args:
            record: run or real image.
            mask: [B or 1, H, W] in [0, 1], of any size; its values are weights of the mean.
            label: name of the region in messages.

        Raises:
            ValueError: a mask that is empty in some picture; a record without features or with
                another number of pictures.
        """
        if len(mask) not in (1, record.batch) and record.batch != 1:
            raise ValueError(
                f"mask holds {len(mask)} pictures but the record {record.batch}; use one mask or "
                "as many as pictures"
            )

        if not (mask > 0).flatten(1).any(1).all():
            raise ValueError(
                f"the mask of '{label}' is empty in a picture of its batch, where nothing has a "
                "look; paint the region in every picture"
            )

        def pooled(seen: Properties) -> Tensor:
            if seen.feature_grid is None:
                raise ValueError(f"the record holds no features, so the {label} has no look in it")
            grid = seen.feature_grid.float()
            return pool(grid, mask[:, None].to(grid))[:, 0]

        return cls._read(record, label, [step.properties for step in record], pooled)

    @classmethod
    def _read(
        cls,
        record: Record,
        label: str,
        steps: Sequence[Properties],
        read: Callable[[Properties], Tensor],
    ) -> "Feature":
        vectors = torch.stack([read(seen) for seen in steps])
        sigmas = tuple(seen.sigma for seen in steps)
        return cls(record.family, label, sigmas, vectors)
