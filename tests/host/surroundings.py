"""Global state that a run could change: in ComfyUI's modules, in torch, in memory."""

import gc
from types import ModuleType
from typing import Any

import torch

MODULES = (
    "comfy.model_management comfy.model_patcher comfy.model_base comfy.ops comfy.samplers "
    "comfy.sample comfy.utils comfy.patcher_extension comfy.ldm.modules.attention "
    "comfy.ldm.modules.diffusionmodules.openaimodel comfy.k_diffusion.sampling latent_preview"
).split()
# ComfyUI's own state, which plain runs change, too
OWN = {"current_loaded_models", "interrupt_processing_mutex"}


def surroundings() -> dict[str, Any]:
    """Flags of torch, and all attributes of ComfyUI's modules and their classes, by name."""
    import importlib

    seen: dict[str, Any] = {
        "grad": torch.is_grad_enabled(),
        "inference": torch.is_inference_mode_enabled(),
        "autocast": torch.is_autocast_enabled("cpu"),
        "dtype": torch.get_default_dtype(),
        "device": torch.get_default_device(),
        "anomaly": torch.is_anomaly_enabled(),
        "saved tensors": torch._C._autograd._top_saved_tensors_default_hooks(False),
        "function modes": torch._C._len_torch_function_stack(),
        "dispatch modes": torch._C._len_torch_dispatch_stack(),
        "cuda": torch.cuda.is_initialized(),
    }
    for name in MODULES:
        _collect(importlib.import_module(name), name, seen)
    for name in ("torch.nn.functional", "torch.nn.modules.linear", "torch.nn.modules.conv"):
        _collect(importlib.import_module(name), name, seen)
    return seen


def _collect(holder: Any, path: str, seen: dict[str, Any]) -> None:
    """Add the attributes of a module or class to `seen`: plain values, or the id of the object."""
    for name, value in list(vars(holder).items()):
        if name in OWN or isinstance(value, ModuleType) or name.startswith("__"):
            continue
        here = f"{path}.{name}"
        plain = isinstance(value, (bool, int, float, str, type(None)))
        seen[here] = value if plain else id(value)
        if isinstance(value, type) and _belongs(value, holder):
            _collect(value, here, seen)


def _belongs(kind: type, holder: Any) -> bool:
    """Whether a class is defined in this module or class."""
    if isinstance(holder, type):
        return kind.__qualname__.startswith(f"{holder.__qualname__}.")
    return bool(kind.__module__ == holder.__name__)


def changed(before: dict[str, Any]) -> list[str]:
    """Names of the entries that differ from `before`."""
    now = surroundings()
    return sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))


def tensors() -> int:
    """Number of tensors in memory."""
    gc.collect()
    return sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects())
