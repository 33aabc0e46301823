"""The memory that guided steps need, known and asked for before they need it.

What the graph of one picture keeps is counted by `nox -s bench` and stands in the family records.
"""

import math
from collections.abc import Sequence

import comfy.model_management as management
from comfy.model_patcher import ModelPatcher

from ...guidance.families import Family
from ...guidance.settings import MemoryMode

KIB = 1024
# Part of a device's memory that other programs and the activations of a plain pass leave.
USABLE = 0.85


class Budget:
    """What the graphs of one run hold.

    Args:
        family: of the model, says what a cell of the latent costs.
        features: whether a term reads features, which lie further down the network.
        mode: what the user asks for.
    """

    def __init__(self, family: Family, features: bool, mode: MemoryMode) -> None:
        self._cost = family.graph[features] * KIB
        self._mode = mode
        self._recomputed = family.recomputed
        self.recompute = mode is MemoryMode.SAVE or (family.recomputes and self.may_change)

    @property
    def may_change(self) -> bool:
        """Whether recomputation may begin by itself."""
        return self._mode is MemoryMode.AUTO

    def graph(self, model: ModelPatcher, shape: Sequence[int]) -> int:
        """Bytes of the graph of a latent [B, C, h, w] whose activations are all kept."""
        cells = shape[0] * math.prod(shape[2:])
        dtype = model.model.manual_cast_dtype or model.model.get_dtype()
        return cells * self._cost * management.dtype_size(dtype) // 2

    def asked_shape(self, model: ModelPatcher, shape: Sequence[int]) -> list[int]:
        """The shape of a latent for which ComfyUI reserves what guided steps of this one need.

        It is as much higher as the steps need more: ComfyUI reserves by area.

        Where the graph and the whole model do not fit the device together, the graph gives way: a
        model that is streamed costs more time than blocks that are computed twice.
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
        """Begin to recompute where the device, with the model loaded, has no room for the graph."""
        free = management.get_free_memory(model.load_device)
        if self.may_change and self.graph(model, shape) > free:
            self.recompute = True
