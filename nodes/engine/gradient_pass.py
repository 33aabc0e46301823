"""Passes with gradient, and their repetition with recomputation if memory runs out."""

import logging
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import TypeVar

import comfy.model_management as management
import torch
from torch import nn

from .architectures.base import Architecture
from .autograd.ordinary import Ordinary
from .autograd.recompute import recomputing
from .autograd.weights import Weights
from .memory import Budget

Result = TypeVar("Result")
Attempt = Callable[[AbstractContextManager[None]], Result]
TOO_LITTLE = (
    "there is not enough memory for a guided step, even with recomputation: lower the size or the "
    "batch of the latent, switch off the terms that read features (Appearance, keep_others 0 in "
    "the recipes), or load the model in a smaller format"
)
NO_RECOMPUTATION = (
    "there is not enough memory for a guided step: set memory to 'auto' or 'save memory', or lower "
    "the size or the batch of the latent"
)


class GradientPass:
    """Makes the passes with gradient of a run; one instance for each run.

    Args:
        architecture: of the network.
        network: the `diffusion_model`, loaded.
        budget: decides whether blocks are recomputed; this switches it on if memory runs out.
        others: models that patches of other packs run in the passes.

    Attributes:
        network: the same.
    """

    def __init__(
        self,
        architecture: Architecture,
        network: nn.Module,
        budget: Budget,
        others: Iterable[nn.Module] = (),
    ) -> None:
        self._architecture = architecture
        self.network = network
        self._budget = budget
        self._weights = Weights(network, *others)

    def run(self, attempt: Attempt[Result], foreign: bool) -> Result:
        """The result of an attempt, or of a second one with recomputation if memory runs out.

        Args:
            attempt: makes one pass and takes its gradient. It must enter the context that it gets
                after all contexts that change blocks, so that their changes are recomputed too.
            foreign: whether functions of other packs take part, which may use inference tensors.

        Raises:
            OutOfMemoryError: the second attempt needs too much memory, too.
        """
        while True:
            try:
                return self._once(attempt, foreign)
            except Exception as error:
                if not _out_of_memory(error):
                    raise
                if self._budget.recompute or not self._budget.may_change:
                    reason = TOO_LITTLE if self._budget.recompute else NO_RECOMPUTATION
                    raise type(error)(reason) from error
            # outside of `except`: the error would keep the frames that hold the graph
            logging.warning("Self-Guidance: memory is short, blocks are now computed twice")
            self._budget.recompute = True
            management.soft_empty_cache()

    def _once(self, attempt: Attempt[Result], foreign: bool) -> Result:
        with ExitStack() as stack:
            stack.enter_context(torch.inference_mode(False))
            stack.enter_context(torch.enable_grad())
            stack.enter_context(self._weights.differentiable())
            stack.enter_context(self._architecture.gradient_context(self.network))
            if foreign:
                stack.enter_context(Ordinary())
            if not self._budget.recompute:
                return attempt(nullcontext())
            return attempt(recomputing(self._architecture.blocks(self.network), foreign))


def _out_of_memory(error: Exception) -> bool:
    if hasattr(management, "is_oom"):
        return management.is_oom(error)
    return isinstance(error, management.OOM_EXCEPTION)
