"""Attach settings to a clone of a MODEL.

The clone has one wrapper, `RunStarter`, on OUTER_SAMPLE. It holds the settings and no state of a
run: whenever a sampler begins, it starts a `SamplingRun`, whose wrappers are in the model options
of that run alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from comfy.model_patcher import ModelPatcher
from comfy.patcher_extension import WrappersMP
from torch import Tensor

from ...guidance.pace import Schedule
from ...guidance.plan import Plan
from ...guidance.record.record import Record, Step
from ...guidance.settings import Settings
from .check import check_latent, check_levels, check_run
from .check_conditioning import check_times
from .keys import WRAPPER_KEY
from .model import family_of, prediction_of
from .run import SamplingRun

# Called with the plan and the noise levels of a run; the result is called with every recorded step.
Watch = Callable[[Plan, Sequence[float]], Callable[[Step], None]]


def attached(
    model: ModelPatcher,
    settings: Settings,
    keep: Callable[[Record], None] | None = None,
    watch: Watch | None = None,
) -> ModelPatcher:
    """A clone of a MODEL that follows settings besides those that it follows already.

    Args:
        model: the user's MODEL; it is never changed.
        settings: what to follow; empty ones change no bit of any result.
        keep: called with the record of every run that succeeds; runs are not recorded if None.
        watch: see `Watch`.

    Raises:
        ValueError: terms for a model of a family that guidance does not know, or of another
            weighting than those that the model follows already.
    """
    if not settings.empty:
        family_of(model)
    for known in model.get_wrappers(WrappersMP.OUTER_SAMPLE, WRAPPER_KEY):
        settings = known.settings.joined(settings)
    return _patched(model, RunStarter(settings, keep, watch))


def recorded(model: ModelPatcher, keep: Callable[[Record], None]) -> ModelPatcher:
    """A clone of a MODEL without guidance; `keep` is called with the record of every run."""
    return _patched(model, RunStarter(Settings(), keep))


def _patched(model: ModelPatcher, starter: "RunStarter") -> ModelPatcher:
    clone = model.clone()
    clone.remove_wrappers_with_key(WrappersMP.OUTER_SAMPLE, WRAPPER_KEY)
    clone.add_wrapper_with_key(WrappersMP.OUTER_SAMPLE, WRAPPER_KEY, starter)
    return clone


@dataclass(frozen=True, eq=False)
class RunStarter:
    """The wrapper on a MODEL: begins a `SamplingRun` whenever a sampler begins.

    Attributes:
        settings: all that the MODEL follows.
        keep, watch: see `attached`.
    """

    settings: Settings
    keep: Callable[[Record], None] | None = None
    watch: Watch | None = None

    def __call__(
        self,
        executor: Any,
        noise: Tensor,
        latent_image: Tensor,
        sampler: Any,
        sigmas: Tensor,
        *args: Any,
        **kwargs: Any,
    ) -> Tensor:
        """Sample under guidance; the plan is made here, as later nodes may change the schedule.

        Raises:
            ValueError: see `check_latent`, `check_run`, `check_levels` and `check_times`.
        """
        guider = executor.class_obj
        sampling = guider.model_patcher.get_model_object("model_sampling")
        plan = self.settings.plan(sampling.percent_to_sigma)
        if plan.terms:
            prediction, effort = prediction_of(guider.model_patcher), self.settings.effort
            plan = replace(plan, schedule=Schedule.of(sigmas.tolist(), prediction, effort))
        if not plan.terms and self.keep is None:
            return executor(noise, latent_image, sampler, sigmas, *args, **kwargs)
        watch = self.watch(plan, sigmas.tolist()) if self.watch else None
        run = SamplingRun(
            guider.model_patcher, plan, self.keep is not None, watch, self.settings.memory
        )
        check_latent(latent_image, guider.model_patcher.get_model_object("latent_format"))
        check_run(plan, run.family, guider.conds, latent_image)
        check_levels(plan, sigmas.tolist())
        check_times(plan, guider.conds.get("positive", ()), sampling, sigmas.tolist())
        before = guider.model_options
        guider.model_options = run.options(before)
        try:
            output = executor(noise, latent_image, sampler, sigmas, *args, **kwargs)
        finally:
            guider.model_options = before
        if self.keep is not None:
            self.keep(run.record)
        return output
