"""Patches of other packs in passes with gradient.

Such patches are written for inference: some change their arguments or tensors saved by autograd in
place, some lose the gradient. Here they are called in a way that autograd supports; where that is
impossible, the error names the patch.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from comfy.ldm.modules.attention import attention_pytorch
from comfy.patcher_extension import WrappersMP, copy_nested_dicts
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from .keys import WRAPPER_KEY

Options = dict[str, Any]
# Wrappers that make a pass faster: one compiles the model, the other skips it if little has
# changed.
SHORTCUTS = (
    (WrappersMP.APPLY_MODEL, "torch.compile"),
    (WrappersMP.DIFFUSION_MODEL, "easycache"),
)
# Where ComfyUI looks for a function that replaces attention, in `transformer_options`.
OVERRIDE = "optimized_attention_override"
# A wrapper that skips whole steps, and with them the wrappers of this pack.
SKIPPING = "lazycache"
# Key of the copies of a model on further devices.
COPIES = "multigpu_clones"
# Parts of autograd's error messages for code that does not support gradients.
BROKEN = (
    "Inference tensors cannot",
    "modified by an inplace operation",
    "is being modified inplace",
    "does not require grad",
)
# Start of the message if a block is recomputed with another result.
CHANGED = "torch.utils.checkpoint: "


def has_foreign(model_options: Mapping[str, Any], conds: Sequence[Any]) -> bool:
    """Whether functions of other packs take part in a pass.

    Args:
        model_options: of the pass.
        conds: its conditionings, each None or a list of dictionaries.
    """
    options = model_options.get("transformer_options", {})
    hooks = [options.get(name, {}) for name in ("patches", "patches_replace")]
    keyed = [options.get(name, {}) for name in ("wrappers", "callbacks")]
    if (
        "model_function_wrapper" in model_options
        or OVERRIDE in options
        or any(any(kind.values()) for kind in hooks)
        or any(key != WRAPPER_KEY for kind in keyed for keys in kind.values() for key in keys)
    ):
        return True
    own = ("control", "gligen", "hooks")
    return any(entry.get(name) for cond in conds for entry in cond or () for name in own)


def mixes_conditionings(
    model_options: Mapping[str, Any], conds: Sequence[Any], mixing: Sequence[str]
) -> bool:
    """Whether patches may need all conditionings of a call in one batch, as without guidance.

    Args:
        model_options: of the call.
        conds: its conditionings, each None or a list of dictionaries.
        mixing: names of patches that may mix them, see `Architecture`.
    """
    patches = model_options.get("transformer_options", {}).get("patches", {})
    hooks = {entry.get("hooks") for cond in conds for entry in cond or ()}
    # conditionings with different hooks are never in one batch, as hooks change the weights
    return any(patches.get(name) for name in mixing) and len(hooks) < 2


def in_full(model_options: Options) -> Options:
    """The model options without wrappers that compile or skip the model's pass."""
    options = model_options.get("transformer_options", {})
    wrappers = {kind: dict(keyed) for kind, keyed in options.get("wrappers", {}).items()}
    for kind, key in SHORTCUTS:
        wrappers.get(kind, {}).pop(key, None)
    return {**model_options, "transformer_options": {**options, "wrappers": wrappers}}


def on_one_device(model_options: Options) -> Options:
    """The model options without ComfyUI's copies of the model on further devices.

    ComfyUI evaluates some of a call's conditionings on the copies, in other threads and without
    gradient, and a capture does not read them.
    """
    return {name: value for name, value in model_options.items() if name != COPIES}


def unskipped(model_options: Options, guided: Callable[[float], Any]) -> Options:
    """Model options with which steps at guided noise levels are never skipped.

    Args:
        model_options: with the wrappers of all nodes.
        guided: whether a noise level is guided.
    """
    options = copy_nested_dicts(model_options)
    keyed = options["transformer_options"].get("wrappers", {}).get(WrappersMP.PREDICT_NOISE, {})
    if SKIPPING in keyed:
        keyed[SKIPPING] = [_passed_by(skip, guided) for skip in keyed[SKIPPING]]
    return options


def _passed_by(skip: Callable, guided: Callable[[float], Any]) -> Callable:
    def step(executor: Callable, x: Tensor, timestep: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if guided(float(timestep.max())):
            return executor(x, timestep, *args, **kwargs)
        return skip(executor, x, timestep, *args, **kwargs)

    return step


def traceable(patch: Callable) -> Callable:
    """A patch with correct gradients, whatever it changes in place.

    Raises:
        ValueError: when called, its result has lost the gradient of its arguments.
    """

    def call(*args: Any, **kwargs: Any) -> Any:
        # saved tensors are copied, so that later changes in place do not affect them
        with saved_tensors_hooks(lambda saved: saved.detach().clone(), lambda copy: copy):
            return checked_call(patch, *args, **kwargs)

    return call


def checked_call(patch: Callable, *args: Any, **kwargs: Any) -> Any:
    """The result of a patch for the arguments.

    Raises:
        ValueError: it has lost their gradient.
    """
    result = patch(*args, **kwargs)
    if torch.is_grad_enabled() and _traced(args) and not _traced(result) and _any(result):
        raise ValueError(
            f"the patch {name_of(patch)} on this model loses the gradient that guidance needs: it "
            "runs without gradient, or on an attention kernel that has none. Take it off this "
            "model, or start ComfyUI with --use-pytorch-cross-attention"
        )
    return result


def followed(options: Options) -> Options:
    """Copied `transformer_options`, through whose patches autograd can go; changed in place."""
    patches = options.setdefault("patches", {})
    for name, functions in patches.items():
        patches[name] = [traceable(function) for function in functions]
    for sites in options.get("patches_replace", {}).values():
        for site, function in sites.items():
            sites[site] = partial(checked_call, function)
    options[OVERRIDE] = _with_gradient(options.get(OVERRIDE))
    return options


def _with_gradient(previous: Callable | None) -> Callable:
    """An attention override: PyTorch's attention where another one loses the gradient."""

    def attention(function: Callable, query: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        call = function if previous is None else partial(previous, function)
        out = call(query, *args, **kwargs)
        if torch.is_grad_enabled() and query.requires_grad and not out.requires_grad:
            out = attention_pytorch(query, *args, **kwargs)
        return out

    return attention


@contextmanager
def explained(model_options: Mapping[str, Any]) -> Iterator[None]:
    """Context that turns errors of autograd caused by patches into ValueErrors that name them."""
    try:
        yield
    except RuntimeError as error:
        if str(error).startswith(CHANGED):
            raise ValueError(
                "the patches on this model do something else when a block is computed a second "
                "time to save memory: set memory to 'fast' in the Self-Guidance node, or take off "
                f"what is not needed of {listed(model_options)}"
            ) from error
        if not any(text in str(error) for text in BROKEN):
            raise
        raise ValueError(
            "no gradient can be taken through this model as it is patched: take off what is not "
            f"needed of {listed(model_options)}. PyTorch says: {error}"
        ) from error


def listed(model_options: Mapping[str, Any]) -> str:
    """The functions of other packs on a model, by name; for messages."""
    options = model_options.get("transformer_options", {})
    found = [value for name, value in model_options.items() if name.startswith("model_function")]
    found += [options.get(OVERRIDE)]
    found += [patch for patches in options.get("patches", {}).values() for patch in patches]
    found += [p for sites in options.get("patches_replace", {}).values() for p in sites.values()]
    for keyed in options.get("wrappers", {}).values():
        found += [
            wrapper for key, list_ in keyed.items() if key != WRAPPER_KEY for wrapper in list_
        ]
    names = dict.fromkeys(name_of(function) for function in found if function is not None)
    return ", ".join(names) or "its patches"


def name_of(function: Any) -> str:
    """Name and module of a function of another pack, for messages."""
    kind = function if hasattr(function, "__qualname__") else type(function)
    name = kind.__qualname__.replace(".<locals>", "")
    return f"{name} ({kind.__module__.rpartition('custom_nodes.')[-1]})"


def _traced(value: Any) -> bool:
    return any(tensor.requires_grad for tensor in _tensors(value))


def _any(value: Any) -> bool:
    return any(bool(tensor.any()) for tensor in _tensors(value))


def _tensors(value: Any) -> list[Tensor]:
    # patches of transformers are given, and return, their tensors by name
    values = list(value.values()) if isinstance(value, dict) else value
    values = values if isinstance(values, (tuple, list)) else [values]
    return [item for item in values if isinstance(item, Tensor)]
