"""Fit a head on records and masks."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ..families import FAMILIES, Family
from ..maps.masks import outline
from ..record.record import Record
from .head import Head
from .regression import Cells, discriminant, logistic, turn

# Measured on Shapes, as intersection over union with the object in other pictures: 3 knots lose
# 0.02; more than 8, or a fit at the exact noise level, gain nothing.
KNOTS = 8
# Weight of the ridge penalty, for each channel and divided by the number of pictures. A third of it
# or four times as much change the overlap by about 0.01.
RIDGE = 1.6e-3
# Axes of the projection. With 2, colours are separated less well; with 8, the position of an object
# shows in its projected features.
AXES = 4

Example = tuple[Record, Tensor | None]


def fit(
    examples: Sequence[Example],
    name: str,
    labels: Sequence[str] = (),
    ridge: float = RIDGE,
    knots: int = KNOTS,
) -> Head:
    """A head that finds the object that the masks mark, also in other pictures.

    Cells inside and outside the object have half of the weight each, whatever its size. Knots are
    spaced evenly in log sigma over the noise levels that all records share.

    Args:
        examples: records, each with a mask [B or 1, H, W] in [0, 1] of any size that marks the
            object in its pictures, see `masks.outline`; None for a record whose pictures do not
            show it.
        name: what the head finds, for messages.
        labels: names of the records in messages; record 1, record 2 and so on where not given.
        ridge: penalty of the weights, a channel and picture.
        knots: number of noise levels, at least 1.

    Raises:
        ValueError: no examples, none with a mask, records that are empty, have no features or do
            not go together, features that are not finite, a mask that is empty, not finite, covers
            everything or holds another number of pictures, or an option out of range.
    """
    if ridge <= 0 or knots < 1:
        raise ValueError(
            f"ridge must be above 0 and knots at least 1, got ridge {ridge} and knots {knots}"
        )
    labels = labels or [f"record {k}" for k in range(1, len(examples) + 1)]
    family = _common(examples, labels)
    shares = [_coverage(*example, label) for example, label in zip(examples, labels, strict=True)]
    if all(mask is None for _, mask in examples):
        raise ValueError("no example has a mask; mark the object in at least one record")
    sigmas = _knots([record for record, _ in examples], knots)
    parts = _parts([record for record, _ in examples], torch.cat(shares), sigmas, ridge)
    return Head(name, family.name, family.feature_place, sigmas, *parts)


def _parts(
    records: Sequence[Record], share: Tensor, sigmas: Sequence[float], ridge: float
) -> tuple[Tensor, ...]:
    """Weights, bias, axes and offset for all knots, see `Head`."""
    pictures = sum(record.batch for record in records)
    fitted: list[tuple[Tensor, ...]] = []
    before: Tensor | None = None
    for sigma in sigmas:
        channels = torch.cat([_channels(record, sigma) for record in records])
        cells = Cells.of(channels, share)
        weights, bias = logistic(cells, ridge * channels.shape[1] / pictures)
        axes, offset = discriminant(cells, AXES)
        scores = cells.values @ axes.T
        if before is not None:
            rotation = turn(scores, before)
            axes, offset, scores = rotation.T @ axes, rotation.T @ offset, scores @ rotation
        before = scores
        fitted.append((*cells.raw(weights, bias), *cells.raw(axes, offset)))
    return tuple(torch.stack(part).float() for part in zip(*fitted, strict=True))


def _common(examples: Sequence[Example], labels: Sequence[str]) -> Family:
    """The family of all records; raises where they do not go together."""
    if not examples:
        raise ValueError("there is no example to fit a head on; wire a record and a mask")
    widths = {}
    for label, (record, _) in zip(labels, examples, strict=True):
        grids = [record.last.feature_grid, *(step.properties.feature_grid for step in record)]
        if any(grid is None for grid in grids):
            raise ValueError(
                f"{label} holds no features, so no head can be fitted on it; it may come from "
                "an older version of the pack: make it again"
            )
        widths[label] = (record.family, *(grid.shape[1] for grid in grids[:1] if grid is not None))
    if len(set(widths.values())) > 1:
        found = "; ".join(f"{label}: {f!r}, {c} channels" for label, (f, c) in widths.items())
        raise ValueError(
            f"the records are not of one model ({found}); make all of them with the same model"
        )
    name = examples[0][0].family
    family = next((family for family in FAMILIES if family.name == name), None)
    if family is None:
        known = ", ".join(repr(family.name) for family in FAMILIES)
        raise ValueError(
            f"the records are of family {name!r}, which is none of {known}; make them again, or "
            "update the pack"
        )
    return family


def _coverage(record: Record, mask: Tensor | None, label: str) -> Tensor:
    """Fraction of every cell of a record that the object covers, [N], in order of `_channels`."""
    assert record.last.feature_grid is not None  # see _common
    batch, _, height, width = record.last.feature_grid.shape
    if mask is None:
        return torch.zeros(batch * height * width)
    mask = outline(mask.detach().cpu(), label)
    if len(mask) not in (1, batch):
        raise ValueError(
            f"the mask of {label} holds {len(mask)} pictures but the record {batch}; use one mask "
            "or as many as pictures"
        )
    shares = F.interpolate(mask[:, None], (height, width), mode="area").flatten(1)
    unusable = [k for k, part in enumerate(shares) if not 0 < part.sum() < part.numel()]
    if unusable:
        what = "covers the whole picture" if shares[unusable[0]].any() else "is empty"
        raise ValueError(
            f"the mask that marks the object of {label} {what} in picture {unusable[0]} of "
            "its batch, so object and rest cannot be told apart there; mark the object, or give a "
            "picture that does not show it as a record without mask"
        )
    return shares.expand(batch, -1).flatten()


def _channels(record: Record, sigma: float) -> Tensor:
    """Features of the cells of a record at a noise level, [N, C]."""
    grid = record.at(sigma).feature_grid
    assert grid is not None  # see _common
    if not torch.isfinite(grid).all():
        raise ValueError(
            f"a record of {record.table.prompt!r} holds NaN or infinite features at sigma "
            f"{sigma:.4g}; sample it again, and check that its picture is right"
        )
    return grid.permute(0, 2, 3, 1).flatten(0, 2)


def _knots(records: Sequence[Record], count: int) -> tuple[float, ...]:
    """Noise levels, from high to low, evenly in log sigma over the range that all records cover."""
    ranges = [[s for s in record.sigmas if s > 0] for record in records]
    if not all(ranges):
        raise ValueError(
            "a record holds no step with noise, so no head can be fitted; make it "
            "again with more steps"
        )
    high, low = min(map(max, ranges)), max(map(min, ranges))
    if low > high:
        found = "; ".join(f"{max(r):.4g} to {min(r):.4g}" for r in ranges)
        raise ValueError(
            f"the records share no noise levels (sigmas {found}); make them with the same denoise "
            "and scheduler"
        )
    if low == high or count == 1:
        return (high,)
    inner = [high * (low / high) ** (k / (count - 1)) for k in range(1, count - 1)]
    return (high, *inner, low)
