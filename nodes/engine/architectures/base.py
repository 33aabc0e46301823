"""The contract between guidance and one kind of network.

An `Architecture` knows a kind of network; a `Family` (`guidance/families`) says in data what is
read in one family of that kind. Guidance itself never looks into a network. To add a kind, write
one subclass, list it in `architectures/__init__.py`, and add the families to `guidance/families`.

One model call runs through it like this:

1. `match` has found the family of the model when the run began.
2. A pass with gradient enters `gradient_context`, then `listening`, then exchanges the forwards of
   `blocks` for recomputed ones, where memory is to be saved. Everything that the first two put into
   the forward of a block is therefore inside the recomputed call, and runs again in the backward
   pass. A pass without gradient enters `listening` alone.
3. What `listening` installed hands queries, keys and features to the `Capture`, in the form that
   `Attention` and `Rows` describe: there the architecture says where the cells of the picture and
   the tokens of the text stand, and whose rows a batch holds.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import ClassVar

from torch import nn

from ....guidance.families import FAMILIES, Family
from ..capture import Capture
from ..foreign import Options


class Architecture(ABC):
    """How one kind of network is recognised, read and differentiated; it has no state of its own.

    Attributes:
        name: by which families refer to it.
        mixing: names of ComfyUI's patches that see all conditionings of a call at this kind of
            network and may mix them; with one of them, a pass with gradient holds all of them.
    """

    name: ClassVar[str]
    mixing: ClassVar[tuple[str, ...]] = ()

    @property
    def families(self) -> tuple[Family, ...]:
        """The families of this kind of network."""
        return tuple(family for family in FAMILIES if family.architecture == self.name)

    @abstractmethod
    def match(self, network: nn.Module) -> Family | None:
        """The family of a network, None if it is of none of them.

        Compares the network with `network` and `sites` of the families: both are this
        architecture's own, and it must refuse a network in which a site does not exist. Weights may
        be on the device `meta`, so only modules and shapes tell anything.

        Args:
            network: the `diffusion_model` of any MODEL.
        """

    @abstractmethod
    def described(self, network: nn.Module) -> str:
        """What `match` looked at in a network, for the message where no architecture knows it."""

    @abstractmethod
    def listening(
        self, network: nn.Module, model_options: Options, capture: Capture, controlled: bool = False
    ) -> AbstractContextManager[Options]:
        """Within it, a model call with the options that it returns is read by the capture.

        It must hold for one call, which may run the network several times, with other rows each
        time. Every site of `capture.family` has to reach `Capture.read_attention`, and the place of
        its features `Capture.read_features`. Patches of other packs are called, never replaced. On
        leaving, the network is as it was; a forward that is exchanged comes back, see
        `forwards.exchanged`.

        With `capture.traced` the call runs with gradient. Then patches of other packs have to go
        with autograd, see `foreign.traceable` and `foreign.checked_call`, and attention that loses
        the gradient is computed again by PyTorch's. The capture ends the graph by itself where all
        was seen that terms read.

        Args:
            network: the `diffusion_model` of the call.
            model_options: of the call; neither they nor anything in them may be changed.
            capture: what reads the call.
            controlled: whether a ControlNet adds to the call, in place.
        """

    @abstractmethod
    def blocks(self, network: nn.Module) -> Sequence[nn.Module]:
        """The modules that are computed again in the backward pass, to save memory.

        No block contains another one. Their forward may take tensors by position or by name, and
        `transformer_options` by name; it must compute the same when it runs again with the same
        arguments, so one that changes an argument in place needs a copy, see `gradient_context`.
        """

    def pads_left(self, family: Family) -> bool:
        """Whether ComfyUI pads short texts of a family in front of their first token."""
        return False

    def gradient_context(self, network: nn.Module) -> AbstractContextManager[None]:
        """Within it, gradients of the network are right; nothing has to be done by default.

        For what stands in the way of autograd in this kind of network: norms that are given a copy,
        as residuals are added in place behind them; operations without a derivative, replaced by a
        `TorchFunctionMode`. Such a mode has to be entered inside the forward of each of `blocks`,
        for a block that is computed again runs outside of any mode around the pass. Weights and
        tensors of inference mode are no concern of it, see `autograd`.

        Args:
            network: the `diffusion_model`, loaded; on leaving it is as it was.
        """
        return nullcontext()
