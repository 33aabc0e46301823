"""Records: attention maps, features and denoised predictions of a run at every noise level.

A real image has a record too: that of the model's predictions for the image plus noise.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from ..maps.properties import Properties, pooled
from ..words.table import TokenTable

POOLED_AT_ONCE = 2**22  # numbers in maps and grids, 16 MiB of each intermediate value


@dataclass(frozen=True)
class Step:
    """One model call of a run.

    Attributes:
        properties: maps, features and prediction of the call, detached, float16 on the CPU.
        energies: [B] values by name of the term, before the correction.
        guided: whether the prediction was corrected by terms.
    """

    properties: Properties
    energies: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    guided: bool = False


@dataclass(frozen=True, eq=False)  # identity: records are keys of caches
class Record:
    """All calls of a run, from high to low noise: for previews, and as the reference of terms.

    Attributes:
        family: name of the model family, see `families`.
        steps: in the order of the run.
    """

    family: str
    steps: tuple[Step, ...]
    _settled: dict[float, Properties] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @property
    def last(self) -> Properties:
        """Properties of the step with the lowest noise level.

        Raises:
            ValueError: the record is empty.
        """
        if not self.steps:
            raise ValueError(
                "the record is empty, because its run saw no token table or took no step: encode "
                "the positive prompt with the Self-Guidance Prompt node, with a denoise above 0, "
                "and sample again"
            )
        return self.steps[-1].properties

    @property
    def table(self) -> TokenTable:
        """The words of the prompt that the run used; raises like `last`."""
        return self.last.table

    @property
    def batch(self) -> int:
        """Number of pictures in the run; raises like `last`."""
        return next(iter(self.last.maps.values())).shape[0]

    @property
    def sigmas(self) -> tuple[float, ...]:
        """Noise level of every step."""
        return tuple(step.properties.sigma for step in self.steps)

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    def at(self, sigma: float, like: Tensor | None = None, naming: str = "") -> Properties:
        """Properties of the run at a noise level.

        Between two steps every tensor is interpolated linearly in log sigma; outside the range of
        the run, and between steps of different prompts, those of one step are returned.

        Args:
            sigma: noise level, in the model's own units.
            like: tensor whose device the result shall be on; CPU if None.
            naming: phrase of an object. Prompts of a timestep range come and go: steps whose
                prompt does not name it are left out, if any other does. Empty: all steps count.

        Returns:
            tensors in float32.
        """
        device = torch.device("cpu") if like is None else like.device
        seen_steps = [step.properties for step in self.steps]
        if naming:
            seen_steps = [seen for seen in seen_steps if seen.table.has(naming)] or seen_steps
        lower, upper, share = between([seen.sigma for seen in seen_steps], sigma)
        high = moved(seen_steps[upper], device, torch.float32)
        if share == 1 or seen_steps[lower].table != high.table:  # other words: no mean
            return high
        return _mixed(moved(seen_steps[lower], device, torch.float32), high, share)

    def settled(self, like: Tensor | None = None, share: float = 0.5) -> Properties:
        """Properties with the mean maps over the last part of the run: where objects ended up.

        Args:
            like: tensor whose device the result shall be on; CPU if None.
            share: fraction of the steps that counts as the last part, in (0, 1].

        Returns:
            maps are float32; features, prediction and grid are those of the last step.
        """
        if share not in self._settled:
            self._settled[share] = self._mean_of_last(share)
        device = torch.device("cpu") if like is None else like.device
        return moved(self._settled[share], device, torch.float32)

    def _mean_of_last(self, share: float) -> Properties:
        part = self.steps[-max(1, round(len(self.steps) * share)) :]
        final = moved(self.last, torch.device("cpu"), torch.float32)
        last = [step.properties.maps for step in part if step.properties.table == final.table]
        maps = {
            site: torch.stack([maps[site].float() for maps in last]).mean(0) for site in final.maps
        }
        return replace(final, maps=maps)


def with_features(steps: Sequence[Step]) -> tuple[Step, ...]:
    """Steps whose words have features, pooled from the grid where a step does not have them yet.

    Steps with the same words and sizes are pooled in one call: a call a step would slow down runs
    that only record.
    """
    done = list(steps)
    alike: dict[Any, list[int]] = {}
    for index, step in enumerate(steps):
        seen = step.properties
        if seen.features is None and seen.feature_grid is not None:
            shapes = tuple(maps.shape for maps in seen.maps.values())
            alike.setdefault((seen.table, shapes, seen.feature_grid.shape), []).append(index)
    for (_, shapes, grid), indices in alike.items():
        many = max(1, POOLED_AT_ONCE // sum(map(math.prod, (*shapes, grid))))
        for start in range(0, len(indices), many):
            part = indices[start : start + many]
            for index, features in zip(part, _features([steps[i] for i in part]), strict=True):
                step = steps[index]
                done[index] = replace(step, properties=replace(step.properties, features=features))
    return tuple(done)


def _features(steps: Sequence[Step]) -> tuple[Tensor, ...]:
    """Features [B, T, C] of the words of steps that are alike."""
    seen_steps = [step.properties for step in steps]
    grids = [seen.feature_grid for seen in seen_steps if seen.feature_grid is not None]
    maps = {
        site: torch.cat([seen.maps[site] for seen in seen_steps]).float()
        for site in seen_steps[0].maps
    }
    features = pooled(maps, torch.cat(grids).float()).to(grids[0].dtype)
    # cloned, as a view would keep the features of all steps in memory
    return tuple(part.clone() for part in features.split(len(grids[0])))


def between(sigmas: Sequence[float], sigma: float) -> tuple[int, int, float]:
    """The two noise levels around a given one, and the weight of the higher one.

    Args:
        sigmas: levels in any order.
        sigma: the given level.

    Returns:
        index of the next lower level, index of the next higher one, and the weight of the higher
        one in [0, 1], linear in log sigma; outside the levels the nearest one has all the weight.
    """
    order = sorted(range(len(sigmas)), key=lambda i: sigmas[i])
    above = next((i for i, k in enumerate(order) if sigmas[k] >= sigma), len(order) - 1)
    upper, lower = order[above], order[max(above - 1, 0)]
    if sigmas[upper] <= sigma or sigmas[lower] <= 0 or sigmas[lower] == sigmas[upper]:
        return lower, upper, 1.0
    low, high = math.log(sigmas[lower]), math.log(sigmas[upper])
    return lower, upper, (math.log(sigma) - low) / (high - low)


def moved(properties: Properties, device: torch.device, dtype: torch.dtype) -> Properties:
    """The same properties, detached, on a device and in a dtype."""

    def move(tensor: Tensor | None) -> Tensor | None:
        return None if tensor is None else tensor.detach().to(device, dtype)

    maps = {site: maps.detach().to(device, dtype) for site, maps in properties.maps.items()}
    return replace(
        properties,
        maps=maps,
        features=move(properties.features),
        denoised=move(properties.denoised),
        feature_grid=move(properties.feature_grid),
    )


def _mixed(low: Properties, high: Properties, share: float) -> Properties:
    def mix(a: Tensor | None, b: Tensor | None) -> Tensor | None:
        return None if a is None or b is None else torch.lerp(a, b, share)

    return Properties(
        sigma=math.exp(math.log(low.sigma) * (1 - share) + math.log(high.sigma) * share),
        table=high.table,
        maps={site: torch.lerp(low.maps[site], high.maps[site], share) for site in high.maps},
        features=mix(low.features, high.features),
        denoised=mix(low.denoised, high.denoised),
        feature_grid=mix(low.feature_grid, high.feature_grid),
    )
