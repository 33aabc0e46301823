"""CLIP's tokenizers, with a folder of textual-inversion embeddings."""

from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from selfguidance.tests.host.text.tables import LARGE, PAIR, STYLE


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with embeddings for CLIP-L, and one for both encoders of SDXL."""
    folder = tmp_path_factory.mktemp("embeddings")
    generator = torch.Generator().manual_seed(0)

    def vectors(count: int, width: int = 768) -> torch.Tensor:
        return torch.randn(count, width, generator=generator)

    save_file({"emb_params": vectors(STYLE)}, folder / "style.safetensors")
    save_file({"emb_params": vectors(LARGE)}, folder / "large.safetensors")
    save_file({"emb_params": vectors(1)}, folder / "cat(v2).safetensors")
    pair = {"clip_l": vectors(PAIR), "clip_g": vectors(PAIR, 1280)}
    save_file(pair, folder / "pair.safetensors")
    return str(folder)


@pytest.fixture(scope="module")
def clips(lab: ModuleType, folder: str) -> dict[str, Any]:
    """Stand-ins for a CLIP with its tokenizer, by kind."""
    import comfy.sdxl_clip
    from comfy import sd1_clip
    from comfy.text_encoders import sd2_clip

    class SDXLRefiner(sd1_clip.SD1Tokenizer):
        def __init__(self, folder: str) -> None:
            super().__init__(folder, clip_name="g", tokenizer=comfy.sdxl_clip.SDXLClipGTokenizer)

    made = {
        "l": sd1_clip.SD1Tokenizer(folder),
        "g": SDXLRefiner(folder),
        "both": comfy.sdxl_clip.SDXLTokenizer(folder),
        "h": sd2_clip.SD2Tokenizer(folder),
    }
    return {
        kind: SimpleNamespace(tokenizer=tokenizer, tokenize=tokenizer.tokenize_with_weights)
        for kind, tokenizer in made.items()
    }
