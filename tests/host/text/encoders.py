"""Text encoders of every kind: ComfyUI's own classes and vocabularies, a small width.

Their layers add nothing, so that each token of a CONDITIONING still shows which token of the
vocabulary it was made of: what a position holds is read from the CONDITIONING itself.
"""

import base64
import importlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

WIDTH = 64
LLM = {
    "hidden_size": WIDTH,
    "intermediate_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
}
T5 = {"d_model": WIDTH, "d_ff": 32, "num_layers": 1, "num_heads": 1, "d_kv": 8}
CLIP = {
    "hidden_size": WIDTH,
    "intermediate_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "projection_dim": WIDTH,
}
SILENT = ("o.weight", "wo.weight", "o_proj.weight", "down_proj.weight", "out_proj.weight")
SILENT += ("fc2.weight", "position_embedding.weight", "bias")


@dataclass(frozen=True)
class Kind:
    """A text encoder of ComfyUI.

    Attributes:
        module: under `comfy.text_encoders`.
        tokenizer: name of the class there.
        model: name of the class there, or of the function that makes it with `chosen`.
        main: name of the encoder whose tokens the conditioning holds.
        chosen: arguments of that function.
        vocabulary: what the checkpoint brings along.
        config: settings of the encoder.
        literal: whether weights in brackets are text.
        needs: what the module has where this ComfyUI can load the vocabulary.
    """

    module: str
    tokenizer: str
    model: str
    main: str
    chosen: dict[str, Any]
    config: dict[str, Any]
    vocabulary: str = ""
    literal: bool = False
    needs: str = ""


KINDS = {
    "flux": Kind("flux", "FluxTokenizer", "flux_clip", "t5xxl", {}, T5),
    "pixart": Kind("pixart_t5", "PixArtTokenizer", "pixart_te", "t5xxl", {}, T5),
    "sd3": Kind("sd3_clip", "SD3Tokenizer", "sd3_clip", "t5xxl", {}, {**T5, "d_model": 4096}),
    "hidream": Kind("hidream", "HiDreamTokenizer", "hidream_clip", "t5xxl", {}, T5),
    "wan": Kind("wan", "WanT5Tokenizer", "te", "umt5xxl", {}, T5, "spiece_model"),
    "lumina2": Kind("lumina2", "LuminaTokenizer", "te", "gemma2_2b", {}, LLM, "spiece_model"),
    "qwen": Kind("qwen_image", "QwenImageTokenizer", "te", "qwen25_7b", {}, LLM, literal=True),
    "zimage": Kind("z_image", "ZImageTokenizer", "te", "qwen3_4b", {}, LLM, literal=True),
    "flux2": Kind(
        *("flux", "Flux2Tokenizer", "flux2_te", "mistral3_24b", {}),
        *({**LLM, "num_hidden_layers": 4}, "tekken_model", True, "from_tekken_json"),
    ),
    "klein": Kind(
        *("flux", "KleinTokenizer", "klein_te", "qwen3_4b", {}),
        *({**LLM, "num_hidden_layers": 4}, "", True),
    ),
    "anima": Kind("anima", "AnimaTokenizer", "te", "t5xxl", {}, LLM),
}


def there(name: str) -> bool:
    """Whether this ComfyUI has the encoder."""
    try:
        module = importlib.import_module(f"comfy.text_encoders.{KINDS[name].module}")
    except ModuleNotFoundError:
        return False
    return hasattr(module, KINDS[name].tokenizer) and (
        not KINDS[name].needs or hasattr(module, KINDS[name].needs)
    )


def clip(name: str, embeddings: str | None = None, **chosen: Any) -> Any:
    """A CLIP with such an encoder."""
    import comfy.sd

    kind = KINDS[name]
    module = importlib.import_module(f"comfy.text_encoders.{kind.module}")
    target = SimpleNamespace(
        params={},
        clip=getattr(module, kind.model)(**kind.chosen, **chosen),
        tokenizer=getattr(module, kind.tokenizer),
    )
    settings = {f"{key}_model_config": dict(CLIP) for key in ("clip_l", "clip_g")}
    settings |= {f"{key}_model_config": dict(LLM) for key in ("llama", "qwen3_06b")}
    settings |= {f"{kind.main}_model_config": dict(kind.config)}
    if kind.vocabulary == "spiece_model":
        settings[f"{kind.main}_model_config"]["vocab_size"] = 32000
    data = {kind.vocabulary: vocabulary(kind.vocabulary)} if kind.vocabulary else {}
    made = comfy.sd.CLIP(
        target, embeddings, tokenizer_data=data, model_options={**settings, "dtype": torch.float32}
    )
    for part in made.cond_stage_model.children():
        if isinstance(part.layer, list):  # of Flux.2, which reads three of many layers
            part.layer = [1, 2, 3]
            part.options_default = (part.layer, *part.options_default[1:])
        _simplify(part.transformer)
    return made


def vocabulary(kind: str) -> Tensor:
    """The bytes of a vocabulary: ComfyUI's own of SentencePiece, or one in Mistral's format."""
    import comfy.text_encoders

    if kind == "spiece_model":
        folder = Path(next(iter(comfy.text_encoders.__path__)), "t5_pile_tokenizer")
        data = (folder / "tokenizer.model").read_bytes()
    else:
        data = json.dumps(_tekken()).encode()
    return torch.frombuffer(bytearray(data), dtype=torch.uint8)


def _tekken() -> dict[str, Any]:
    """Bytes, and the beginnings of some words, as Mistral's vocabularies list them."""
    special = ["<unk>", "<s>", "</s>", "[INST]", "[/INST]", *map("<f{}>".format, range(6))]
    special += ["<pad>", *map("<g{}>".format, range(5)), "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]"]
    pieces = [bytes([byte]) for byte in range(256)]
    for word in (" a", " red", " circle", " and", " blue", " square", " describe", " image"):
        data = word.encode()
        pieces += [data[:end] for end in range(2, len(data) + 1) if data[:end] not in pieces]
    vocab = [
        {"rank": rank, "token_bytes": base64.b64encode(piece).decode()}
        for rank, piece in enumerate(pieces)
    ]
    names = [{"rank": rank, "token_str": name} for rank, name in enumerate(special)]
    count = len(special)
    config = {"default_vocab_size": len(pieces) + count, "default_num_special_tokens": count}
    return {"config": config, "vocab": vocab, "special_tokens": names}


class Padded(torch.nn.Module):
    """Embeddings of a small width in a wide model."""

    def __init__(self, count: int, wide: int) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.empty(count, WIDTH))
        self.wide = wide

    def forward(self, tokens: Tensor, out_dtype: torch.dtype | None = None) -> Tensor:
        shown = torch.nn.functional.embedding(tokens, self.weight)
        return torch.nn.functional.pad(shown, (0, self.wide - WIDTH))


class Seeing(torch.nn.Module):
    """In the place of Qwen's eyes: one vector for each 28 x 28 pixels."""

    def forward(self, pixels: Tensor, grid: Tensor) -> Tensor:
        return torch.full((int(grid.prod()) // 4, WIDTH), 0.5)


def _simplify(transformer: torch.nn.Module) -> None:
    """Embeddings by chance; layers that add nothing."""
    if hasattr(transformer, "visual"):
        transformer.visual = Seeing()
    known = transformer.get_input_embeddings()
    if known.weight.shape[1] > WIDTH:
        transformer.set_input_embeddings(Padded(*known.weight.shape))
    generator = torch.Generator().manual_seed(0)
    embedding = transformer.get_input_embeddings().weight
    for name, weight in transformer.named_parameters():
        weight.requires_grad_(False)
        if weight is embedding:
            weight.normal_(generator=generator)
        elif name.endswith(SILENT):
            weight.zero_()
        elif weight.ndim == 1:
            weight.fill_(1)
        else:
            weight.normal_(std=weight.shape[-1] ** -0.5, generator=generator)


def tokenizer(clip: Any, key: str) -> Any:
    """ComfyUI's tokenizer of one of a CLIP's encoders."""
    return getattr(clip.tokenizer, f"clip_{key}", None) or getattr(clip.tokenizer, key)


def decoded(clip: Any, key: str, tokens: Sequence[int]) -> str:
    """What tokens spell, by the vocabulary's own library."""
    known = tokenizer(clip, key).tokenizer
    known = getattr(known, "tokenizer", known) if hasattr(known, "serialize_model") else known
    return known.decode([int(token) for token in tokens])


def shown(encoder: Any, tokens: Tensor) -> list[int]:
    """Which token of the vocabulary each token of a conditioning was made of.

    Args:
        encoder: of the CLIP's model.
        tokens: [tokens, channels].
    """
    known = encoder.transformer.get_input_embeddings().weight[:, :WIDTH]
    known = torch.nn.functional.normalize(known - known.mean(1, keepdim=True), dim=1)
    tokens = tokens[:, :WIDTH] - tokens[:, :WIDTH].mean(1, keepdim=True)
    alike = torch.nn.functional.normalize(tokens, dim=1) @ known.T
    best = alike.max(1)
    return [int(i) if score > 0.9 else -1 for score, i in zip(*best, strict=True)]


def held(
    name: str, clip: Any, tokens: Tensor, options: dict[str, Any], places: Sequence[int]
) -> list[tuple[str, int]]:
    """What tokens of a conditioning were made of: a text encoder and a token of its vocabulary.

    Args:
        name: of the kind.
        clip: that encoded it.
        tokens: of the conditioning, [1, tokens, channels].
        options: of the conditioning.
        places: of the tokens.
    """
    places = list(places)
    key = KINDS[name].main
    if "t5xxl_ids" in options:  # Anima's model puts its own tokens in the places of T5's
        return [(key, token) for token in options["t5xxl_ids"][places].tolist()]
    model = clip.cond_stage_model
    tokens = tokens[0][places]
    main = shown(getattr(model, key, None) or getattr(model, f"clip_{key}"), tokens)
    pairs = shown(model.clip_l, tokens) if name == "sd3" else [-1] * len(main)
    return [
        (key, token) if other < 0 else ("l", other)
        for token, other in zip(main, pairs, strict=True)
    ]


def spelled(clip: Any, tokens: Sequence[tuple[str, int]]) -> dict[str, str]:
    """What tokens spell, by their text encoder."""
    keys = dict.fromkeys(key for key, _ in tokens)
    return {key: decoded(clip, key, [t for k, t in tokens if k == key]) for key in keys}
