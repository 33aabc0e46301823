"""Estimate and reserve the memory of guided steps.

The size of the graph is `Family.graph_kib`, as measured by `nox -s bench`.
"""

import math
from collections.abc import Sequence

import comfy.model_management as management
from comfy.model_patcher import ModelPatcher

from ...guidance.families import Family
from ...guidance.settings import MemoryMode

KIB = 1024
# Fraction of a device's memory for model and graph; the rest is for other programs and activations.
USABLE = 0.85


class Budget:
    """Memory of the graphs of one run, and whether their blocks are recomputed.

    Args:
        family: of the model, with the memory of a cell of the latent.
        features: whether a term reads features, which makes the graph longer.
        mode: the user's choice.
    """

    def __init__(self, family: Family, features: bool, mode: MemoryMode) -> None:
        self._cost = family.graph_kib[features] * KIB
        self._mode = mode
        self._recomputed = family.recomputed_share
        by_default = family.recompute_by_default and self.may_change
        self.recompute = mode is MemoryMode.SAVE or by_default

    @property
    def may_change(self) -> bool:
        """Whether recomputation may be switched on during the run."""
        return self._mode is MemoryMode.AUTO

    def graph(self, model: ModelPatcher, shape: Sequence[int]) -> int:
        """Bytes of the graph for a latent [B, C, h, w] without recomputation."""
        cells = shape[0] * math.prod(shape[2:])
        dtype = model.model.manual_cast_dtype or model.model.get_dtype()
        return cells * self._cost * management.dtype_size(dtype) // 2

    def asked_shape(self, model: ModelPatcher, shape: Sequence[int]) -> list[int]:
        """The shape of a larger latent, for which ComfyUI reserves the memory of guided steps.

        ComfyUI reserves memory in proportion to the area, so the height is increased.

        If graph and model do not fit on the device together, recomputation is switched on: it
        costs less time than streaming a part of the weights.
        """
        graph = self.graph(model, shape)
        usable = USABLE * management.get_total_memory(model.load_device)
        if self.may_change and graph + model.model_size() > usable:
            self.recompute = True
        plain = model.model.memory_required([2 * shape[0], *shape[1:]])
        more = graph * (self._recomputed if self.recompute else 1) / max(plain, 1)
        *front, height, width = shape
        return [*front, math.ceil(height * (1 + more)), width]

    def fit(self, model: ModelPatcher, shape: Sequence[int]) -> None:
        """Switch recomputation on if the graph does not fit next to the loaded model."""
        free = management.get_free_memory(model.load_device)
        if self.may_change and self.graph(model, shape) > free:
            self.recompute = True
