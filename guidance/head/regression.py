"""The two fits behind a head: ridge logistic regression and a linear discriminant analysis.

A cell is one position of a feature grid; the cells of all examples are the rows of a matrix. Both
fits work on standardised channels, so that neither the scale nor the offset of a channel matters;
`Cells.raw` turns their results into affine maps of the channels before standardisation.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

NEWTON_STEPS = 30
HALVINGS = 20  # of a Newton step that does not lower the loss
# Shrinkage of the object's covariance towards the variances of all cells: it is estimated from few.
SHRINKAGE = 0.2


@dataclass(frozen=True)
class Cells:
    """Cells of the examples at one noise level.

    Attributes:
        values: [N, C] standardised channels, float64.
        mean, scale: [C], values are (channels - mean) / scale; infinite for constant channels.
        share: [N] fraction of every cell that the object covers, in [0, 1].
        inside: [N] weight of every cell in the object, with sum 1.
        outside: [N] weight of every cell in what is not the object, with sum 1.
    """

    values: Tensor
    mean: Tensor
    scale: Tensor
    share: Tensor
    inside: Tensor
    outside: Tensor

    @classmethod
    def of(cls, channels: Tensor, share: Tensor) -> "Cells":
        """Cells [N, C], each covered by the object to a share [N] in [0, 1]."""
        channels, share = channels.double(), share.double()
        mean, spread = channels.mean(0), channels.std(0, correction=0)
        # a channel that varies by rounding alone is constant
        scale = torch.where(spread > 1e-6 * mean.abs(), spread, torch.inf)
        values = (channels - mean) / scale
        inside, outside = share / share.sum(), (1 - share) / (1 - share).sum()
        return cls(values, mean, scale, share, inside, outside)

    @property
    def balanced(self) -> Tensor:
        """[N] weight of every cell, with sum 1: one half inside the object, one half outside."""
        return (self.inside + self.outside) / 2

    def raw(self, matrix: Tensor, offset: Tensor) -> tuple[Tensor, Tensor]:
        """The affine map of unstandardised channels that equals one [..., C] of the values."""
        matrix = matrix / self.scale
        return matrix, offset - matrix @ self.mean


def logistic(cells: Cells, ridge: float) -> tuple[Tensor, Tensor]:
    """Log-odds that a cell belongs to the object, by Newton's method (IRLS).

    Minimises the balanced cross-entropy against the share of every cell plus ridge / 2 |w|^2; the
    bias is not penalised. The target of a cell is its share also on the outline, so that the
    log-odds are 0 where half of a cell is covered; balancing changes only the weights of cells.

    Returns:
        weights [C] and bias [] on the standardised values.
    """
    x = torch.cat([cells.values, torch.ones_like(cells.values[:, :1])], 1)
    penalty = torch.full_like(x[0], ridge)
    penalty[-1] = 0.0
    weights, share = cells.balanced, cells.share

    def loss(w: Tensor) -> Tensor:
        logits = x @ w
        return weights @ (F.softplus(logits) - share * logits) + (penalty * w).dot(w) / 2

    w = torch.zeros_like(x[0])
    for _ in range(NEWTON_STEPS):
        p = torch.sigmoid(x @ w)
        slope = x.T @ (weights * (p - share)) + penalty * w
        curvature = (x.T * (weights * p * (1 - p))) @ x
        step = torch.linalg.solve(curvature + torch.diag(penalty), slope)
        before = loss(w)
        for _ in range(HALVINGS):
            if loss(w - step) <= before:
                break
            step = step / 2
        w = w - step
        if step.abs().max() < 1e-9:
            break
    return w[:-1], w[-1]


def discriminant(cells: Cells, count: int) -> tuple[Tensor, Tensor]:
    """Axes along which cells differ most, relative to how much the object's own cells differ.

    The generalised eigenvectors of the covariance of all cells against that of the object's own
    cells, as in Fisher's discriminant analysis with the object as the only class: directions in
    which the object itself varies, such as its shading, have small eigenvalues; directions that
    separate it from the rest, or parts of the rest from each other, have large ones.

    Args:
        cells: the examples.
        count: number of axes D, fewer where there are fewer channels.

    Returns:
        axes [D, C] on the standardised values, largest eigenvalue first, along which the object's
        cells have variance 1 (up to the shrinkage), and offset [D], which puts the mean of the
        cells outside the object at 0.
    """
    within = _covariance(cells.values, cells.inside)
    total = _covariance(cells.values, cells.balanced)
    floor = torch.diag(total.diagonal() * SHRINKAGE + 1e-6)
    root = torch.linalg.cholesky(within * (1 - SHRINKAGE) + floor)
    left = torch.linalg.solve_triangular(root, total, upper=False)
    whitened = torch.linalg.solve_triangular(root, left.T, upper=False)
    vectors = torch.linalg.eigh((whitened + whitened.T) / 2).eigenvectors
    chosen = vectors.flip(1)[:, :count]
    axes = torch.linalg.solve_triangular(root.T, chosen, upper=True).T
    contrast = axes @ ((cells.inside - cells.outside) @ cells.values)
    axes = torch.where(contrast[:, None] < 0, -axes, axes)
    return axes, -axes @ (cells.outside @ cells.values)


def turn(scores: Tensor, onto: Tensor) -> Tensor:
    """Rotation [D, D] that brings scores [N, D] of cells nearest to their scores `onto`.

    Orthogonal Procrustes problem, solved by the SVD. Axes are only defined up to a rotation; those
    of neighbouring noise levels are aligned, so that they can be interpolated.
    """
    left, _, right = torch.linalg.svd((scores - scores.mean(0)).T @ (onto - onto.mean(0)))
    return left @ right


def _covariance(values: Tensor, weights: Tensor) -> Tensor:
    centred = values - weights @ values
    return (centred.T * weights) @ centred
