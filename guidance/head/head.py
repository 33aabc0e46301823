"""Heads: small read-outs fitted on the frozen model's features from one or a few masked examples.

A head is two affine maps of the features at one place of the network: log-odds that a cell belongs
to an object, and a projection in which appearances are compared. It follows readout guidance (arXiv
2312.02150), whose heads are small networks trained by gradient descent; ours are linear and are
fitted in seconds by Newton's method and an eigenvalue problem, see `regression`. The features
depend on the noise level, so a head has its own weights at each of a few levels, its knots, and
interpolates between them.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..families import Family
from ..record.record import between


@dataclass(frozen=True, eq=False)
class Head:
    """Segmentation and appearance of an object as affine maps of features, by noise level.

    Attributes:
        object: name of the object that it finds, for messages; the prompt need not contain it.
        family: name of the model family whose features it reads.
        feature_place: number of the place whose features it reads, see `Family`; "block" in files.
        sigmas: noise levels of the K knots.
        weights: [K, C] of the log-odds.
        bias: [K] of the log-odds.
        axes: [K, D, C] of the projection.
        offset: [K, D] of the projection.

    Raises:
        ValueError: parts that do not fit together, or that are not finite.
    """

    object: str
    family: str
    feature_place: int
    sigmas: tuple[float, ...]
    weights: Tensor
    bias: Tensor
    axes: Tensor
    offset: Tensor

    def __post_init__(self) -> None:
        sizes = [tuple(part.shape) for part in self._parts]
        knots, axes, channels = len(self.sigmas), *(*sizes[2], 0, 0, 0)[1:3]
        expected = [(knots, channels), (knots,), (knots, axes, channels), (knots, axes)]
        if sizes != expected or 0 in (knots, axes, channels):
            raise ValueError(
                f"the {self.label} has parts of sizes {sizes}, which do not fit together with "
                f"{knots} noise levels; fit it again"
            )
        if not all(math.isfinite(sigma) and sigma > 0 for sigma in self.sigmas):
            raise ValueError(
                f"the {self.label} has noise levels that are not positive numbers: {self.sigmas}; "
                "fit it again"
            )
        if not all(torch.isfinite(part).all() for part in self._parts):
            raise ValueError(f"the {self.label} holds NaN or infinite values; fit it again")

    @property
    def _parts(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return self.weights, self.bias, self.axes, self.offset

    @property
    def label(self) -> str:
        """Name in messages."""
        return f"head of '{self.object}'"

    @property
    def channels(self) -> int:
        """Number of channels C of the features that it reads."""
        return self.weights.shape[1]

    def logits(self, grid: Tensor, sigma: float) -> Tensor:
        """Log-odds that a cell belongs to the object: weights . features + bias, 0 at the outline.

        Args:
            grid: [B, C, h, w] features of a pass, see `Properties.feature_grid`, of any grid.
            sigma: noise level of the pass; between knots linear in log sigma, outside them as at
                the nearest one.

        Returns:
            [B, h, w], differentiable in grid.

        Raises:
            ValueError: features of another number of channels.
        """
        self._check_channels(grid.shape[1])
        weights, bias = self._between(self.weights, self.bias, sigma, grid)
        return torch.einsum("bchw,c->bhw", grid.to(weights), weights) + bias

    def project(self, vectors: Tensor, sigma: float) -> Tensor:
        """Features projected on the few axes along which the examples differ most.

        On each axis 0 is the mean of the cells outside the object, and 1 about one standard
        deviation of the cells inside it.

        Args:
            vectors: [..., C] features of cells, or their means over regions.
            sigma: noise level at which they were read, as in `logits`.

        Returns:
            [..., D], differentiable in vectors.

        Raises:
            ValueError: features of another number of channels.
        """
        self._check_channels(vectors.shape[-1])
        axes, offset = self._between(self.axes, self.offset, sigma, vectors)
        return vectors.to(axes) @ axes.T + offset

    def _between(
        self, matrix: Tensor, offset: Tensor, sigma: float, like: Tensor
    ) -> tuple[Tensor, Tensor]:
        """An affine map at a noise level, on the device of the features and at least in float32."""
        lower, upper, share = between(self.sigmas, sigma)
        dtype = torch.promote_types(like.dtype, torch.float32)
        # lerp makes new tensors: inference tensors of a node cannot take part in a gradient
        return (
            torch.lerp(matrix[lower], matrix[upper], share).to(like.device, dtype),
            torch.lerp(offset[lower], offset[upper], share).to(like.device, dtype),
        )

    def _check_channels(self, channels: int) -> None:
        if channels != self.channels:
            raise ValueError(
                f"the {self.label} reads features of {self.channels} channels but got {channels}; "
                "fit a head with records of this model"
            )


def check_head(head: Head, family: Family, channels: int | None = None) -> None:
    """Check that a head was fitted on features of this model's kind.

    Args:
        head: fitted, or loaded from a file.
        family: of the model that it shall be used with.
        channels: number of them in the model's features, where known.

    Raises:
        ValueError: a head of another family, place or number of channels.
    """
    if (head.family, head.feature_place) != (family.name, family.feature_place):
        raise ValueError(
            f"the {head.label} reads features of family {head.family!r} at block "
            f"{head.feature_place}, but those of this model are of {family.name!r} at block "
            f"{family.feature_place}; fit a head with records of this model"
        )
    if channels is not None:
        head._check_channels(channels)
