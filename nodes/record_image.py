"""Record a real picture: attention and features at every noise level."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import comfy.sample
import comfy.sampler_helpers
import comfy.samplers
import comfy.utils
import latent_preview
import torch
from comfy.model_patcher import ModelPatcher
from comfy_api.latest import io
from torch import Tensor

from ..guidance.record.record import Record
from .engine.attach import recorded
from .engine.check import check_steps
from .engine.check_conditioning import readable
from .engine.frames import picture
from .ui.sampling import scheduler_input, seed_input
from .ui.schema import schema
from .ui.types import CATEGORY, RecordIO


class RecordImage(io.ComfyNode):
    """Attention and features of an encoded picture, by one pass a noise level."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return schema(
            node_id="SelfGuidanceRecordImage",
            aliases=["edit photo", "real image", "inversion", "analyse photo"],
            display_name="Self-Guidance Record Image",
            category=CATEGORY,
            description="Lets the model look at a real picture and records where it sees the "
            "words of a caption, as a reference for terms. No inversion: the picture is noised "
            "to every noise level and seen once.",
            inputs=_inputs(),
            outputs=[
                RecordIO.Output(
                    display_name="record",
                    tooltip="What the picture shows, as a reference for terms and previews.",
                )
            ],
        )

    @classmethod
    def execute(
        cls,
        model: ModelPatcher,
        positive: list[Any],
        latent_image: dict[str, Tensor],
        steps: int,
        scheduler: str,
        seed: int,
    ) -> io.NodeOutput:
        """Record the picture."""
        records: list[Record] = []
        recording = recorded(model, records.append)
        latent = latent_image["samples"]
        check_steps(steps)
        readable(comfy.sampler_helpers.convert_cond(positive))
        if not latent.any():
            raise ValueError(
                "latent_image is empty, so there is nothing to record; encode a picture with VAE "
                "Encode and wire that latent here"
            )
        noise = comfy.sample.prepare_noise(latent, seed, latent_image.get("batch_index"))
        sampling = recording.get_model_object("model_sampling")
        sigmas = comfy.samplers.calculate_sigmas(sampling, scheduler, steps)
        scan = FixedPicture()
        comfy.sample.sample_custom(
            recording,
            noise,
            1.0,  # without classifier-free guidance the caption alone is evaluated
            scan,
            sigmas,
            positive,
            positive,
            latent,
            callback=latent_preview.prepare_callback(recording, steps),
            disable_pbar=not comfy.utils.PROGRESS_BAR_ENABLED,
            seed=seed,
        )
        return io.NodeOutput(_of_picture(records[-1], scan.picture))


class FixedPicture(comfy.samplers.Sampler):
    """A sampler that evaluates the model on one picture at every noise level, without denoising.

    Attributes:
        picture: the latent in the model's own scale, [B, C, h, w] or [B, C, 1, h, w]; None before
            sampling.
    """

    def __init__(self) -> None:
        self.picture: Tensor | None = None

    def sample(
        self,
        model_wrap: Any,
        sigmas: Tensor,
        extra_args: dict[str, Any],
        callback: Callable | None,
        noise: Tensor,
        latent_image: Tensor,
        *args: Any,
        **kwargs: Any,
    ) -> Tensor:
        """Evaluate the model once for each noise level, on the same picture and noise."""
        self.picture = latent_image
        sampling = model_wrap.inner_model.model_sampling
        levels = sigmas[sigmas > 0]
        for index, sigma in enumerate(levels):
            x = sampling.noise_scaling(sigma, noise, latent_image)
            denoised = model_wrap(x, sigma.expand(len(x)), **extra_args)
            if callback is not None:
                callback(index, denoised, x, len(levels))
        return latent_image


def _of_picture(record: Record, latent: Tensor | None) -> Record:
    """The record with the picture itself as its prediction at every noise level."""
    record.table  # noqa: B018  raises for an empty record
    clean = None if latent is None else picture(latent).to("cpu", torch.float16)
    return replace(
        record,
        steps=tuple(
            replace(step, properties=replace(step.properties, denoised=clean)) for step in record
        ),
    )


def _inputs() -> list[io.Input]:
    return [
        io.Model.Input("model", tooltip="The model that looks. Terms must use the same family."),
        io.Conditioning.Input(
            "positive",
            tooltip="A caption of the picture from a Self-Guidance Prompt. Its words are what can "
            "be found in the picture.",
        ),
        io.Latent.Input("latent_image", tooltip="The picture, encoded with VAE Encode."),
        io.Int.Input(
            "steps",
            default=25,
            min=1,
            max=10000,
            tooltip="Number of noise levels to look at. Runs with other steps can use the record.",
        ),
        scheduler_input(),
        seed_input("Seed of the noise that is laid over the picture."),
    ]
