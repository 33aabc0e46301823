"""Embeddings in a prompt: words of several tokens, found by their names."""

from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from selfguidance.tests.host.text.tables import LARGE, PAIR, STYLE, entries, table_of


@pytest.mark.compat("Conditionings", "Phrases: an embedding by its name")
@pytest.mark.parametrize(
    ("text", "name", "count", "first"),
    [
        ("embedding:style, a cat", "style", STYLE, 1),
        ("a (embedding:style:1.2) cat", "embedding:style", STYLE, 2),
        ("embedding:large a cat", "large", LARGE, 1),
        (r"a embedding:cat\(v2\), dog", "cat(v2)", 1, 2),
        ("a dog\nembedding:pair", "pair", PAIR, 3),
        ("embedding:missing embedding:style cat", "style", STYLE, 1),
    ],
)
def test_an_embedding_is_found_by_its_name(
    clips: dict[str, Any], text: str, name: str, count: int, first: int
) -> None:
    table = table_of(clips["l"], text)
    (word,) = table.find(name)
    assert table.words[word] == name.removeprefix("embedding:")
    assert table.positions[word] == tuple(range(first, first + count))
    tokens = entries(clips["l"], text)
    vectors = [p for p, token in enumerate(tokens) if torch.is_tensor(token)]
    assert vectors == [*table.positions[word]]


def test_an_embedding_named_twice_stands_at_two_places(clips: dict[str, Any]) -> None:
    table = table_of(clips["l"], "embedding:style embedding:style cat")
    assert [table.positions[w] for w in table.find("style")] == [(1, 2, 3), (4, 5, 6)]
    assert table.positions[table.find("style 2")[0]] == (4, 5, 6)
    with pytest.raises(ValueError, match="words are: style, cat"):
        table.find("embedding:pair")


def test_an_embedding_across_a_border_of_chunks_is_one_word(clips: dict[str, Any]) -> None:
    table = table_of(clips["l"], "circle " * 70 + " embedding:large cat")
    (word,) = table.find("large")
    assert table.positions[word] == (*range(71, 76), *range(78, 85))


def test_an_embedding_of_both_encoders_has_one_place(clips: dict[str, Any]) -> None:
    table = table_of(clips["both"], "a embedding:pair and a cat")
    assert table.positions == ((1,), (2, 3), (4,), (5,), (6,))


def test_words_behind_an_embedding_of_one_encoder_stand_at_both_places(
    clips: dict[str, Any],
) -> None:
    """CLIP-G drops the vectors of CLIP-L's width, so that what follows moves up."""
    table = table_of(clips["both"], "a embedding:style cat")
    assert table.words == ("a", "style", "cat")
    assert table.positions == ((1,), (2, 3, 4), (2, 5))


def test_positions_are_those_at_which_comfyui_encodes(
    lab: ModuleType, clips: dict[str, Any], folder: str
) -> None:
    """With vectors that ComfyUI drops because they are of another width."""
    from comfy import sd1_clip

    config = {
        "hidden_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "hidden_act": "quick_gelu",
        "eos_token_id": 49407,
        "vocab_size": 49408,
        "max_position_embeddings": 77,
        "projection_dim": 32,
    }
    encoder = sd1_clip.SDClipModel(textmodel_json_config=config)
    weights = encoder.transformer.get_input_embeddings().weight
    torch.nn.init.normal_(weights, generator=torch.Generator().manual_seed(1))
    save_file({"emb_params": torch.ones(2, 32)}, Path(folder) / "small.safetensors")
    tokenizer = sd1_clip.SD1Tokenizer(folder)
    tokenizer.clip_l.embedding_size = 32
    clip = SimpleNamespace(tokenizer=tokenizer, tokenize=tokenizer.tokenize_with_weights)
    text = "a embedding:style red embedding:small circle"
    table = table_of(clip, text)
    chunks = [[entry[0] for entry in chunk] for chunk in clip.tokenize(text)["l"]]
    embedded = encoder.process_tokens(chunks, torch.device("cpu"))[0][0]
    assert table.words == ("a", "red", "small", "circle") and len(embedded) == table.length
    assert (embedded[list(table.positions[2])] == 1).all()
    for word in (0, 1, 3):
        token = next(iter(tokenizer.clip_l.tokenizer(table.words[word])["input_ids"][1:]))
        (place,) = table.positions[word]
        assert torch.equal(embedded[place], weights[token])


def test_an_embedding_of_t5_is_found_by_its_name(lab: ModuleType, folder: str) -> None:
    """Vectors of another width are dropped, so that what stands behind moves up."""
    from selfguidance.nodes.text.stream import read
    from selfguidance.tests.host.text import encoders

    generator = torch.Generator().manual_seed(2)
    vectors = torch.randn(PAIR, 4096, generator=generator)
    save_file({"t5xxl": vectors}, Path(folder) / "wide.safetensors")
    clip = encoders.clip("pixart", embeddings=folder)
    text = "a (embedding:wide:1.2), embedding:missing embedding:style cat"
    words = {word.text: places for word, places in read(clip, "t5xxl", text).words}
    assert list(words) == ["a", "wide", ",", "cat"]
    tokens = [entry[0] for entry in clip.tokenize(text)["t5xxl"][0]]
    kept = [t for t in tokens if not (torch.is_tensor(t) and t.shape[-1] != 4096)]
    assert len(tokens) > len(kept)
    assert all(torch.is_tensor(kept[place]) for place in words["wide"]) and len(words["wide"]) == 2
    (cat,) = words["cat"]
    assert encoders.decoded(clip, "t5xxl", [kept[cat]]) == "cat"
