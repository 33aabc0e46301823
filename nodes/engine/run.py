"""One sampling run under guidance: the wrappers that ComfyUI calls while it samples.

PREPARE_SAMPLING   asks for the memory that the graph of a guided step needs.
SAMPLER_SAMPLE     the model is loaded now: prepares its weights for gradients.
PREDICT_NOISE      one model call: opens a `Call`, corrects the denoised prediction, adds a step
                   to the record.
CALC_COND_BATCH    inside it: the positive conditioning alone with gradient, then the others
                   without.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from comfy.model_patcher import ModelPatcher
from comfy.patcher_extension import WrappersMP, add_wrapper_with_key, copy_nested_dicts
from torch import Tensor

from ...guidance.acting import LOSS_SCALE, SCALE_STEP, OverflowedError
from ...guidance.maps.properties import Properties
from ...guidance.plan import Plan
from ...guidance.record.record import Record, Step, moved, with_features
from ...guidance.settings import MemoryMode
from ...guidance.words.table import TokenTable
from .architectures import architecture_of
from .call import Call
from .capture import Capture
from .conditioning import read_lists, sources
from .control import controlled, without_gradient
from .foreign import (
    Options,
    explained,
    has_foreign,
    in_full,
    listed,
    mixes_conditionings,
    on_one_device,
    unskipped,
)
from .frames import picture
from .gradient_pass import GradientPass
from .keys import CALL_KEY, WRAPPER_KEY
from .memory import Budget
from .model import family_of
from .unseen import IN_PARTS, NOTHING_SEEN, PARTLY_SEEN, SKIPPED, UNNAMED

Conds = list[Any]


class SamplingRun:
    """Guides and records one sampling run.

    Args:
        model: the MODEL that samples; it is never changed.
        plan: terms of the run; without terms the run is only recorded, and its result is the same
            to the bit.
        recording: whether to record.
        watch: called with every recorded step, which lacks the features of words until the end.
        memory: see `MemoryMode`.
    """

    def __init__(
        self,
        model: ModelPatcher,
        plan: Plan,
        recording: bool = True,
        watch: Callable[[Step], None] | None = None,
        memory: MemoryMode = MemoryMode.AUTO,
    ) -> None:
        self.plan = plan
        self.watch = watch
        self.family = family_of(model)
        self._architecture = architecture_of(self.family)
        self.recording = recording
        self._steps: list[Step] = []
        self._unseen: list[str] = []  # why, for every step without a record
        self._budget = Budget(self.family, plan.reads_features, memory)
        self._gradient_pass: GradientPass | None = None
        self._scale = LOSS_SCALE

    def options(self, model_options: Options) -> Options:
        """Model options for the run; the caller's own stay as they are."""
        options = copy_nested_dicts(model_options)
        for kind, wrapper in (
            (WrappersMP.PREPARE_SAMPLING, self._prepare_sampling),
            (WrappersMP.SAMPLER_SAMPLE, self._sampler_sample),
            (WrappersMP.PREDICT_NOISE, self._predict_noise),
            (WrappersMP.CALC_COND_BATCH, self._calc_cond_batch),
        ):
            add_wrapper_with_key(kind, WRAPPER_KEY, wrapper, options, is_model_options=True)
        return options

    @property
    def record(self) -> Record:
        """The record of the run; if steps are missing, a warning is logged."""
        if self._steps and self._unseen:
            steps = len(self._steps) + len(self._unseen)
            why = ", or ".join(dict.fromkeys(self._unseen))
            logging.warning(PARTLY_SEEN, len(self._steps), steps, why)
        return Record(self.family.name, with_features(self._steps))

    def _prepare_sampling(
        self,
        executor: Callable,
        model: ModelPatcher,
        shape: Sequence[int],
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        if self.plan.terms:
            shape = self._budget.asked_shape(model, shape)
        return executor(model, shape, *args, **kwargs)

    def _sampler_sample(
        self,
        executor: Callable,
        guider: Any,
        sigmas: Tensor,
        extra_args: dict[str, Any],
        callback: Any,
        noise: Tensor,
        *args: Any,
        **kwargs: Any,
    ) -> Tensor:
        before = guider.model_options
        if self.plan.terms:
            patcher = guider.model_patcher
            self._budget.fit(patcher, noise.shape)
            network = patcher.model.diffusion_model
            others = [other.model for other in patcher.model_patches_models()]
            self._gradient_pass = GradientPass(self._architecture, network, self._budget, others)
            guider.model_options = unskipped(before, self.plan.acts)
        try:
            return executor(guider, sigmas, extra_args, callback, noise, *args, **kwargs)
        finally:
            self._gradient_pass = None
            guider.model_options = before

    def _predict_noise(
        self,
        executor: Any,
        x: Tensor,
        timestep: Tensor,
        model_options: Options,
        *args: Any,
        **kwargs: Any,
    ) -> Tensor:
        sigma = float(timestep.max())
        if not self.recording and not self.plan.acts(sigma):
            return executor(x, timestep, model_options, *args, **kwargs)
        call = self._open(executor.class_obj.conds.get("positive", ()), sigma, x.shape)
        denoised = executor(x, timestep, {**model_options, CALL_KEY: call}, *args, **kwargs)
        if call.seen is None:
            if call.guided:
                raise ValueError(NOTHING_SEEN.format(listed(model_options)))
            self._unseen.append(SKIPPED if call.sources else UNNAMED)
            return self.plan.at(sigma).held(picture(denoised))[0].reshape(denoised.shape)
        return self._corrected(call, picture(denoised)).reshape(denoised.shape)

    def _corrected(self, call: Call, denoised: Tensor) -> Tensor:
        """The prediction [B, C, h, w] after guidance; the step is recorded."""
        assert call.seen is not None
        denoised, held = call.acting.held(call.corrected(denoised))
        if self.recording:
            seen = replace(call.seen, denoised=denoised)
            self._add_step(seen, {**call.energies, **held}, call.guided)
        return denoised

    def _open(self, positive: Conds, sigma: float, shape: torch.Size) -> Call:
        known = sources(positive, sigma, self._architecture.pads_left(self.family))
        table = TokenTable.joined([source.table for source in known.values()]) if known else None
        acting = self.plan.at(sigma, table)
        guided = table is not None and bool(acting)
        traced = guided and bool(acting.energies) and acting.pace.gradients > 0
        return Call(known, acting, shape, guided, traced, traced and acting.reads_features)

    def _calc_cond_batch(
        self,
        executor: Callable,
        model: Any,
        conds: Conds,
        x: Tensor,
        timestep: Tensor,
        model_options: Options,
    ) -> list[Tensor]:
        call = model_options.get(CALL_KEY)
        if call is None or call.lists:
            return executor(model, conds, x, timestep, model_options)
        read = read_lists(conds, call.sources)
        in_parts = x.shape != call.shape
        if any(read) and in_parts and call.guided:
            raise ValueError(IN_PARTS)
        if in_parts or not any(read):  # some guiders call this once for each conditioning
            return executor(model, conds, x, timestep, model_options)
        call.lists = frozenset(i for i, has_source in enumerate(read) if has_source)
        if call.guided:
            model_options = in_full(model_options)
        if self._gradient_pass is None or not call.traced:

            def passed(lists: Conds, options: Options) -> list[Tensor]:
                return executor(model, lists, x, timestep, options)

            reads = [cond if r else None for cond, r in zip(conds, read, strict=True)]
            return self._read_pass(call, passed, conds, reads, model.diffusion_model, model_options)
        model_options = on_one_device(model_options)
        if mixes_conditionings(model_options, conds, self._architecture.mixing):
            read = [True] * len(conds)

        def forward(lists: Conds, latent: Tensor, options: Options) -> list[Tensor]:
            return executor(model, lists, latent, timestep.clone(), options)

        return self._paced_pass(call, forward, conds, read, x, timestep, model_options)

    def _paced_pass(
        self,
        call: Call,
        forward: Callable,
        conds: Conds,
        read: list[bool],
        x: Tensor,
        timestep: Tensor,
        options: Options,
    ) -> list[Tensor]:
        alone = without_gradient([c if r else None for c, r in zip(conds, read, strict=True)])
        guided = partial(self._guided_pass, call, forward, alone, model_options=options)
        outputs, x = call.paced(guided, x, timestep)
        rest = [None if r else cond for cond, r in zip(conds, read, strict=True)]
        others = forward(rest, x, options) if any(rest) else outputs
        return [a if r else b for a, b, r in zip(outputs, others, read, strict=True)]

    def _read_pass(
        self,
        call: Call,
        passed: Callable,
        conds: Conds,
        reads: Conds,
        network: Any,
        model_options: Options,
    ) -> list[Tensor]:
        """The outputs of all conditionings, equal to ComfyUI's to the bit; captures the `reads`."""
        capture, alone = call.capture(self.family), on_one_device(model_options)
        spread = len(alone) < len(model_options)
        with self._architecture.listening(network, alone, capture) as watched:
            outputs = passed(reads if spread else conds, watched)
        self._take_note(call, capture.properties(call.acting.sigma))
        if call.seen is not None and call.guided:
            call.energies = call.acting.watched(call.seen.at_sites(self.family.term_sites))
        return passed(conds, model_options) if spread else outputs

    def _guided_pass(
        self, call: Call, forward: Callable, alone: Conds, x: Tensor, model_options: Options
    ) -> list[Tensor]:
        """The outputs of the conditionings `alone`, and the gradient of the terms in the call."""
        assert self._gradient_pass is not None
        network, control = self._gradient_pass.network, controlled(alone)

        def attempt(recomputing: AbstractContextManager[None]) -> list[Tensor]:
            capture = call.capture(self.family)
            traced = picture(x).detach().clone().requires_grad_()
            listening = self._architecture.listening(network, model_options, capture, control)
            with listening as watched, recomputing:
                outputs = forward(alone, traced.reshape(x.shape), watched)
                self._take_gradient(call, capture, traced)
            return [output.detach() for output in outputs]

        foreign = has_foreign(model_options, alone)
        with explained(model_options):
            while True:
                try:
                    return self._gradient_pass.run(attempt, foreign)
                except OverflowedError:
                    if self._scale <= 1:
                        raise
                self._scale /= SCALE_STEP

    def _take_gradient(self, call: Call, capture: Capture, traced: Tensor) -> None:
        with torch.enable_grad():  # the capture has disabled gradients
            seen = capture.properties(call.acting.sigma)
            if seen is None:
                return
            self._take_note(call, moved(seen, traced.device, torch.float32))
            read = seen.at_sites(self.family.term_sites)
            call.gradient, call.energies = call.acting.gradient(read, traced, self._scale)

    def _take_note(self, call: Call, seen: Properties | None) -> None:
        """Store the properties of the pass, and the terms that act on its words."""
        call.seen = seen
        if seen is not None:
            call.acting = self.plan.at(seen.sigma, seen.table)

    def _add_step(self, seen: Properties, energies: Mapping[str, Tensor], guided: bool) -> None:
        values = {name: tuple(energy.float().tolist()) for name, energy in energies.items()}
        self._steps.append(Step(moved(seen, torch.device("cpu"), torch.float16), values, guided))
        if self.watch is not None:
            self.watch(self._steps[-1])
