"""ControlNets, T2I adapters, GLIGEN, LoRAs and hypernetworks with random weights."""

from pathlib import Path
from typing import Any

import comfy.cldm.cldm
import comfy.controlnet
import comfy.gligen
import comfy.ops
import comfy.t2i_adapter.adapter
import safetensors.torch
import torch
from comfy.model_patcher import ModelPatcher
from selfguidance.tests.host.nets import set_tables
from selfguidance.tools.bench.unets import BUILDS
from torch import nn

CPU = torch.device("cpu")
TEXT = 768  # width of the embedding of a GLIGEN phrase
# channels of the blocks with attention of the narrow SD 1.5
BLOCKS: dict[str, dict[int, int]] = {
    "input_blocks": {1: 32, 2: 32, 4: 64, 5: 64, 7: 128, 8: 128},
    "middle_block": {1: 128},
    "output_blocks": {3: 128, 4: 128, 5: 128, 6: 64, 7: 64, 8: 64, 9: 32, 10: 32, 11: 32},
}


def drawn(seed: int, *shape: int) -> torch.Tensor:
    """Standard normal noise of a shape."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def filled(module: nn.Module, seed: int = 5) -> Any:
    """Fill weights and tables of a module with noise; returns the module."""
    with torch.no_grad():
        for index, (name, parameter) in enumerate(module.named_parameters()):
            if parameter.ndim > 1:
                weights = drawn(1000 * seed + index, *parameter.shape)
                parameter.copy_(weights / parameter[0].numel() ** 0.5)
            else:
                parameter.fill_(0.7 if parameter.ndim == 0 else float(name.endswith("weight")))
    set_tables(module, seed)
    return module.requires_grad_(False)


def controlnet() -> Any:
    """A CONTROL_NET for the narrow SD 1.5."""
    build = BUILDS["sd15"]
    settings = {**build.real, **build.narrow}
    unknown = ("out_channels", "transformer_depth_output", "use_checkpoint")
    temporal = ("use_temporal_attention", "use_temporal_resblock")
    for name in unknown + temporal:
        settings.pop(name)
    lists = {name: list(v) if isinstance(v, list) else v for name, v in settings.items()}
    net = comfy.cldm.cldm.ControlNet(
        **lists, hint_channels=3, operations=comfy.ops.disable_weight_init, device=CPU
    )
    return comfy.controlnet.ControlNet(filled(net), load_device=CPU)


def t2i_adapter() -> Any:
    """A CONTROL_NET of the T2I kind for the narrow SD 1.5."""
    adapter = comfy.t2i_adapter.adapter.Adapter(
        cin=192, channels=[32, 64, 128, 128], nums_rb=2, ksize=1, sk=True, use_conv=False, xl=False
    )
    return comfy.controlnet.load_t2i_adapter(filled(adapter).state_dict())


def gligen() -> ModelPatcher:
    """A GLIGEN model for the narrow SD 1.5."""
    weights = {}
    for part, blocks in BLOCKS.items():
        for block, width in blocks.items():
            layer = filled(comfy.gligen.GatedSelfAttentionDense(width, TEXT, 8, width // 8), block)
            place = f"{block}.1" if part != "middle_block" else f"{block}"
            for name, weight in layer.state_dict().items():
                weights[f"{part}.{place}.transformer_blocks.0.fuser.{name}"] = weight
    position = filled(comfy.gligen.PositionNet(TEXT, TEXT))
    weights |= {f"position_net.{name}": w for name, w in position.state_dict().items()}
    return ModelPatcher(comfy.gligen.load_gligen(weights), load_device=CPU, offload_device=CPU)


class Phrases:
    """Stand-in for a CLIP in GLIGEN's node: a random vector for each text."""

    def tokenize(self, text: str) -> str:
        """The text, unchanged."""
        return text

    def encode_from_tokens(self, text: str, return_pooled: Any = None) -> tuple[None, Any]:
        """No token embeddings, and the pooled vector [1, TEXT]."""
        return None, drawn(len(text), 1, TEXT)


def lora_file(folder: Path, model: ModelPatcher, rank: int = 4) -> str:
    """Write a LoRA for all linear layers of the transformer blocks; returns its file name."""
    weights = {}
    for index, (key, weight) in enumerate(model.model.state_dict().items()):
        if "transformer_blocks" in key and key.endswith("weight") and weight.ndim == 2:
            name = "lora_unet_" + key[len("diffusion_model.") : -len(".weight")].replace(".", "_")
            weights[f"{name}.lora_up.weight"] = 0.1 * drawn(index, weight.shape[0], rank)
            weights[f"{name}.lora_down.weight"] = 0.1 * drawn(-index, rank, weight.shape[1])
            weights[f"{name}.alpha"] = torch.tensor(float(rank))
    safetensors.torch.save_file(weights, folder / "detail.safetensors")
    return "detail.safetensors"


def hypernetwork_file(folder: Path) -> str:
    """Write a hypernetwork for the narrow SD 1.5; returns its file name."""

    def layers(seed: int, width: int) -> dict[str, torch.Tensor]:
        return {
            "linear.0.weight": drawn(seed, 2 * width, width) / width**0.5,
            "linear.0.bias": torch.zeros(2 * width),
            "linear.1.weight": drawn(seed + 1, width, 2 * width) / (2 * width) ** 0.5,
            "linear.1.bias": torch.zeros(width),
        }

    facts: dict[Any, Any] = {"activation_func": "relu"}
    for width in (32, 64, 128):
        facts[width] = (layers(width, width), layers(2 * width, width))
    torch.save(facts, folder / "style.pt")
    return "style.pt"
