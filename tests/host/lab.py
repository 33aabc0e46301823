"""Small models and short runs for the tests that need ComfyUI.

Imports ComfyUI, so tests reach this module through the fixture `lab`. Runs happen in inference
mode, as in ComfyUI's executor.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import comfy.samplers
import nodes as comfy_nodes
import torch
from comfy.model_patcher import ModelPatcher
from comfy_extras.nodes_custom_sampler import (
    DisableNoise,
    KSamplerSelect,
    RandomNoise,
    SamplerCustomAdvanced,
)
from comfy_extras.nodes_model_advanced import ModelSamplingDiscrete, ModelSamplingSD3
from selfguidance.guidance.pace import Schedule
from selfguidance.guidance.plan import Plan, Scheduled
from selfguidance.guidance.record.record import Record
from selfguidance.guidance.settings import MemoryMode
from selfguidance.guidance.terms import reference as energies
from selfguidance.guidance.words.table import TokenTable
from selfguidance.nodes.engine.model import prediction_of
from selfguidance.nodes.engine.run import SamplingRun
from selfguidance.nodes.sampling import Apply, Guider, KSampler
from selfguidance.nodes.text.key import TABLE_KEY
from selfguidance.tests.host.theirs import ran
from selfguidance.tools.bench.unets import BUILDS, WIDTH
from torch import Tensor

WORDS = "a red circle and a blue square".split()


def unet(
    family: str,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    cast: torch.dtype | None = None,
    operations: Any = None,
    narrow: bool = True,
) -> ModelPatcher:
    """A MODEL with random weights.

    Args:
        family: a key of `unets.BUILDS`.
        seed: of the weights.
        dtype: of the stored weights.
        cast: dtype in which they are used, if it is another one (ComfyUI's manual cast).
        operations: ComfyUI's class of layers, if not the default one.
        narrow: whether layers have few channels, instead of the real number.
    """
    model = BUILDS[family].built(narrow, dtype, "cpu", cast, operations)
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.diffusion_model.parameters():
        parameter.requires_grad_(False)
        if parameter.ndim > 1:
            drawn = torch.randn(parameter.shape, generator=generator)
            parameter.copy_(drawn / parameter[0].numel() ** 0.5)
        else:
            parameter.copy_(torch.zeros(parameter.shape))
    for module in model.modules():
        if isinstance(module, (torch.nn.GroupNorm, torch.nn.LayerNorm)):
            module.weight.copy_(torch.ones(module.weight.shape))
    cpu = torch.device("cpu")
    return ModelPatcher(model.eval(), load_device=cpu, offload_device=cpu)


def predicting(model: ModelPatcher, prediction: str) -> ModelPatcher:
    """The MODEL with another prediction type, by ComfyUI's own nodes."""
    if prediction == "v":
        return ModelSamplingDiscrete().patch(model, "v_prediction", False)[0]
    if prediction == "flow":
        return ModelSamplingSD3().patch(model, 3.0)[0]
    return model


def embedded(
    seed: int = 1,
    words: Sequence[str] = WORDS,
    first: int = 1,
    length: int = 77,
    channels: int = WIDTH,
    **extra: Any,
) -> list[Any]:
    """A CONDITIONING of random embeddings, with a table whose words begin at token `first`."""
    generator = torch.Generator().manual_seed(seed)
    positions = tuple((first + i,) for i in range(len(words)))
    table = TokenTable(" ".join(words), tuple(words), positions, length)
    pooled = torch.randn(1, 1280, generator=generator)
    cond = torch.randn(1, length, channels, generator=generator)
    return [[cond, {"pooled_output": pooled, TABLE_KEY: table, **extra}]]


def empty(seed: int = 2, **shape: Any) -> list[Any]:
    """A CONDITIONING of random embeddings, without token table."""
    ((cond, extra),) = embedded(seed, **shape)
    return [[cond, {"pooled_output": extra["pooled_output"]}]]


def latent(batch: int = 1, height: int = 8, width: int = 8, **extra: Any) -> dict[str, Any]:
    """An empty LATENT, by default of half the side that the bundled model is trained for."""
    return {"samples": torch.zeros(batch, 4, height, width), **extra}


def position(object: str = "red circle", x: float = 0.8, y: float = 0.3, **rest: Any) -> Any:
    """A Position term for an object."""
    return energies.Position(object=object, x=x, y=y, **rest)


def always(*terms: Any, strength: float = 1.0, raw: bool = False) -> Plan:
    """A plan of terms that act at every noise level."""
    return Plan(tuple(Scheduled(term, 1e9, 0.0) for term in terms), strength, raw)


# The few steps of tests would take several gradients each, as test_effort.py shows. Tests of all
# else take one, as runs of usual length do.
ONE_GRADIENT = {"effort": "every step"}


def settings(**changes: Any) -> dict[str, Any]:
    """Inputs of a KSampler node except the model."""
    standard = {
        "seed": 3,
        "steps": 4,
        "cfg": 4.0,
        "sampler_name": "euler",
        "scheduler": "normal",
        "denoise": 1.0,
    }
    if "positive" not in changes:
        standard |= {"positive": embedded(), "negative": empty()}
    if "latent_image" not in changes:
        standard["latent_image"] = latent()
    return standard | changes


def guided(
    model: ModelPatcher, terms: Sequence[Any] = (), strength: float = 1.0, **changes: Any
) -> tuple[Tensor, Record]:
    """The samples and the record that our KSampler node returns."""
    names = ("weighting", "memory", "effort")
    more = ONE_GRADIENT | {name: changes.pop(name) for name in names if name in changes}
    with torch.inference_mode():
        try:
            latent, record = KSampler.execute(
                model, **settings(**changes), strength=strength, terms=terms, **more
            ).args
        finally:
            assert torch.is_inference_mode_enabled() and not torch.is_grad_enabled()
    return latent["samples"], record


def plain(model: ModelPatcher, **changes: Any) -> Tensor:
    """The samples that ComfyUI's KSampler node returns."""
    inputs = settings(**changes)
    order = ("seed", "steps", "cfg", "sampler_name", "scheduler", "positive", "negative")
    with torch.inference_mode():
        (latent,) = comfy_nodes.common_ksampler(
            model,
            *(inputs[name] for name in order),
            inputs["latent_image"],
            denoise=inputs["denoise"],
        )
    return latent["samples"]


def one_step(
    model: ModelPatcher,
    plan: Plan,
    sigma: float,
    noise: Tensor,
    positive: list[Any],
    negative: list[Any],
    cfg: float = 1.0,
    callback: Callable | None = None,
    memory: MemoryMode = MemoryMode.AUTO,
) -> SamplingRun:
    """A guided run of one Euler step from a noise level to zero."""
    if plan.terms:
        plan = replace(plan, schedule=Schedule(prediction=prediction_of(model)))
    run = SamplingRun(model, plan, memory=memory)
    patched = model.clone()
    patched.model_options = run.options(patched.model_options)
    with torch.inference_mode():
        comfy.samplers.sample(
            patched,
            noise,
            positive,
            negative,
            cfg,
            torch.device("cpu"),
            comfy.samplers.sampler_object("euler"),
            torch.tensor([sigma, 0.0]),
            latent_image=torch.zeros_like(noise),
            callback=callback,
            disable_pbar=True,
            seed=0,
        )
    return run


def applied(
    model: ModelPatcher, terms: Sequence[Any] = (), strength: float = 1.0, **more: Any
) -> ModelPatcher:
    """The MODEL that our Apply node returns."""
    with torch.inference_mode():
        more = ONE_GRADIENT | more
        return Apply.execute(model, strength=strength, terms=terms, **more).args[0]


def guider(
    model: ModelPatcher, terms: Sequence[Any] = (), strength: float = 1.0, **changes: Any
) -> Any:
    """The GUIDER that our Guider node returns, with the conditionings and cfg of `settings`."""
    inputs = {name: settings(**changes)[name] for name in ("positive", "negative", "cfg")}
    inputs |= {"effort": changes.get("effort", ONE_GRADIENT["effort"])}
    with torch.inference_mode():
        return Guider.execute(model, **inputs, strength=strength, terms=terms).args[0]


def levels(model: ModelPatcher, **changes: Any) -> Tensor:
    """The noise levels of ComfyUI's KSampler for the steps and scheduler of `settings`."""
    names = ("steps", "sampler_name", "scheduler", "denoise")
    steps, sampler, scheduler, denoise = (settings(**changes)[name] for name in names)
    device = model.load_device
    return comfy.samplers.KSampler(model, steps, device, sampler, scheduler, denoise).sigmas


def custom(guider: Any, sigmas: Tensor, noise: bool = True, **changes: Any) -> Tensor:
    """The samples of ComfyUI's SamplerCustomAdvanced with seed, sampler, latent of `settings`."""
    inputs = settings(**changes)
    with torch.inference_mode():
        seed = {"noise_seed": inputs["seed"]}
        (chance,) = ran(RandomNoise, **seed) if noise else ran(DisableNoise)
        (sampler,) = ran(KSamplerSelect, sampler_name=inputs["sampler_name"])
        latent, _ = ran(
            SamplerCustomAdvanced,
            noise=chance,
            guider=guider,
            sampler=sampler,
            sigmas=sigmas,
            latent_image=inputs["latent_image"],
        )
    return latent["samples"]
