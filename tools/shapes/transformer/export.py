"""Write the averaged weights in half precision, with the names and the order of ComfyUI's class."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from .rope import interleaved


def host_state(state: dict[str, torch.Tensor], config: dict) -> dict[str, torch.Tensor]:
    """Tensors of `network.Transformer` as those of `NextDiT`, in their own precision.

    Queries, keys and values become one matrix; the channels of each head of the first two, and of
    the norms on them, come into the order of ComfyUI's rotary pairs.
    """
    heads = config["n_heads"]
    order = interleaved(config["dim"] // heads)
    result = {}
    for key, value in state.items():
        if key.endswith(".attention.q.weight"):
            prefix = key.removesuffix("q.weight")
            q, k = (
                state[f"{prefix}{name}.weight"].unflatten(0, (heads, -1))[:, order].flatten(0, 1)
                for name in "qk"
            )
            result[f"{prefix}qkv.weight"] = torch.cat([q, k, state[f"{prefix}v.weight"]])
        elif key.endswith((".attention.k.weight", ".attention.v.weight")):
            continue
        elif key.endswith(("q_norm.weight", "k_norm.weight")):
            result[key] = value[order]
        else:
            result[key] = value
    return {key: value.clone().contiguous() for key, value in result.items()}


def network_state(tensors: dict[str, torch.Tensor], config: dict) -> dict[str, torch.Tensor]:
    """The inverse of `host_state`: tensors of `NextDiT` as those of `network.Transformer`."""
    heads = config["n_heads"]
    order = interleaved(config["dim"] // heads).argsort()
    result = {}
    for key, value in tensors.items():
        if key.endswith(".attention.qkv.weight"):
            q, k, v = value.chunk(3)
            prefix = key.removesuffix("qkv.weight")
            for name, matrix in (("q", q), ("k", k)):
                rows = matrix.unflatten(0, (heads, -1))[:, order]
                result[f"{prefix}{name}.weight"] = rows.flatten(0, 1)
            result[f"{prefix}v.weight"] = v
        elif key.endswith(("q_norm.weight", "k_norm.weight")):
            result[key] = value[order]
        else:
            result[key] = value
    return result


def export(checkpoint: Path, out: Path) -> None:
    """Write the running average of a checkpoint as the file that `demo.transformer.load` reads."""
    state = torch.load(checkpoint, map_location="cpu")
    tensors = host_state(state["average"], state["config"])
    metadata = {
        "config": json.dumps(state["config"]),
        "prediction": "flow",
        "step": str(state["before"] + state["step"]),
        "supervise": str(state["supervised"]),
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    save_file({key: value.half() for key, value in tensors.items()}, out, metadata)
