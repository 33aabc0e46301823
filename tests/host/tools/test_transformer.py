"""The transformer form of Shapes: training against ComfyUI's class, resuming, loading."""

import argparse
import shutil
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from torch.testing import assert_close

CONFIG = {"dim": 32, "n_layers": 2, "n_heads": 1, "n_kv_heads": 1, "multiple_of": 16}
CONFIG |= {"axes_dims": [8, 12, 12]}
FEW = ("--pictures", "60", "--small-pictures", "40", "--seed", "5", "--threads", "1")


def config() -> dict[str, Any]:
    from selfguidance.demo import transformer

    return transformer.config() | CONFIG


@pytest.fixture(scope="module")
def scenes(lab: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few scenes of every format."""
    from selfguidance.tools.shapes.transformer import train_transformer

    folder = tmp_path_factory.mktemp("scenes")
    train_transformer.main(["data", "--cache", str(folder), *FEW])
    return folder


def trainer(scenes: Path, *arguments: str) -> Any:
    from selfguidance.tools.shapes.transformer import batches, text, train_transformer
    from selfguidance.tools.shapes.transformer.trainer import Trainer

    options = train_transformer.parse(
        ["--cache", str(scenes), "--batch", "4", "--steps", "12", *arguments]
    )
    sampler = batches.Sampler(batches.load(scenes), options.batch, options.seed)
    return Trainer(options, config(), text.Text(options.weights), sampler)


def random_network() -> Any:
    from selfguidance.tools.shapes.transformer import network

    torch.manual_seed(2)
    made = network.Transformer(config())
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return made


@pytest.mark.parametrize("text", [9, 20, 77])
@pytest.mark.parametrize("size", [(16, 16), (16, 32), (24, 8)], ids=str)
def test_training_and_comfyui_compute_the_same(transformer, text, size):
    from selfguidance.tools.shapes.transformer import export, sampling

    ours = random_network()
    theirs = transformer.build(config()).diffusion_model
    transformer.fill(theirs, export.host_state(ours.state_dict(), ours.config))
    x, context = torch.randn(2, 4, *size), torch.randn(2, text, 96)
    expected = theirs(x, torch.full((2,), 400.0), context, text)
    assert_close(sampling.velocity(ours, x, 0.4, context), expected, rtol=1e-5, atol=1e-5)


def test_the_frozen_text_encoder_is_that_of_the_clip(shapes):
    from selfguidance.demo import model
    from selfguidance.tools.shapes import dataset
    from selfguidance.tools.shapes.transformer.text import Text

    clip = shapes[1]
    prompt = "an orange star, a blue square and a red circle on a dark background"
    expected = clip.encode_from_tokens_scheduled(clip.tokenize(prompt))[0][0]
    tokens = torch.tensor([dataset.token_row(prompt)[0]])
    text = Text(model.WEIGHTS)
    assert_close(text(tokens), expected, rtol=1e-4, atol=1e-4)
    assert_close(text(tokens[:, :20]), expected[:, :20], rtol=1e-4, atol=1e-4)


def test_resuming_gives_the_same_bits(scenes, tmp_path):
    whole, before, after = (trainer(scenes) for _ in range(3))
    for _ in range(12):
        whole.advance()
    for _ in range(5):
        before.advance()
    before.save(tmp_path / "arm.pt")
    after.restore(tmp_path / "arm.pt")
    assert after.step == 5
    for _ in range(7):
        after.advance()
    for name, value in whole.average.state_dict().items():
        assert torch.equal(value, after.average.state_dict()[name]), name
    assert not (tmp_path / "arm.part").exists()


def test_an_arm_goes_on_from_its_own_checkpoint_only(scenes, tmp_path):
    trainer(scenes).save(tmp_path / "arm.pt")
    other = trainer(scenes, "--supervise", "0")
    with pytest.raises(ValueError, match="supervise"):
        other.restore(tmp_path / "arm.pt")


def test_a_training_goes_on_from_exported_weights_without_supervision(scenes, tmp_path):
    from selfguidance.tools.shapes.transformer import export

    first = trainer(scenes)
    first.advance()
    first.save(tmp_path / "arm.pt")
    export.export(tmp_path / "arm.pt", tmp_path / "arm.safetensors")
    then = trainer(scenes, "--from", str(tmp_path / "arm.safetensors"))
    then.begin(tmp_path / "arm.safetensors")
    for name, value in first.average.state_dict().items():
        assert torch.equal(then.network.state_dict()[name], value.half().float()), name
    assert (then.step, then.before, then.options.supervise) == (0, 1, 0.0)
    then.advance()
    then.save(tmp_path / "more.pt")
    state = torch.load(tmp_path / "more.pt")
    assert (state["before"], state["supervise"], state["supervised"]) == (1, 0.0, 0.03)


def test_weights_of_another_network_are_refused(scenes):
    from selfguidance.demo import model, transformer

    file = model.WEIGHTS / transformer.FILE
    with pytest.raises(ValueError, match="expected a network of config"):
        trainer(scenes, "--from", str(file)).begin(file)


def test_every_length_of_text_is_drawn(scenes):
    from selfguidance.tools.shapes.transformer import batches

    sampler = batches.Sampler(batches.load(scenes), 8, 1)
    drawn = [sampler.draw(part) for part in (0.1, 0.9) for _ in range(60)]
    assert {batch.tokens.shape[1] for batch in drawn} == {batches.SHORT, 77}
    assert {tuple(batch.latents.shape[-2:]) for batch in drawn} == {
        *((12, 12), (9, 16), (16, 9), (16, 16), (16, 32), (32, 16)),
    }
    for batch in drawn:
        open_tokens = (batch.closed == 0).sum(1)
        ends = (batch.tokens != 1).sum(1) + 1
        assert (open_tokens >= ends).all()
        assert (batch.words.amax((1, 2)) < open_tokens).all()
        assert ((batch.lengths >= open_tokens) & (batch.lengths <= 77)).all()


def test_small_scenes_lie_inside(lab):
    from selfguidance.demo.scenes import box
    from selfguidance.tools.shapes.transformer import small

    rng = Random(3)
    for width, height, _ in small.FORMATS.values():
        for _ in range(20):
            for thing in small.scene(rng, width, height).things:
                left, top, right, bottom = box(thing, width, height)
                assert 2.9 < left < right < width - 2.9
                assert 2.9 < top < bottom < height - 2.9


@pytest.fixture
def exported(scenes: Path, tmp_path: Path) -> Path:
    from selfguidance.tools.shapes.transformer import export

    made = trainer(scenes)
    made.advance()
    made.save(tmp_path / "arm.pt")
    export.export(tmp_path / "arm.pt", tmp_path / "transformer.safetensors")
    return tmp_path / "transformer.safetensors"


def test_an_exported_file_draws_in_comfyui(transformer, exported, shapes):
    from selfguidance.demo import model as demo
    from selfguidance.tools.shapes import evaluate

    for name in ("clip", "vae"):
        shutil.copy(demo.WEIGHTS / f"{name}.safetensors", exported.parent)
    with torch.inference_mode():
        model, _, _ = demo.load(exported.parent, "transformer")
    assert not any(p.requires_grad or p.is_inference() for p in model.model.parameters())
    preview, of_unet = (one.model.latent_format for one in (model, shapes[0]))
    assert preview.latent_rgb_factors == of_unet.latent_rgb_factors
    settings = {"steps": 3, "cfg": 2.0, "sampler": "euler", "scheduler": "simple", "seed": 1}
    options = argparse.Namespace(**settings)
    with torch.inference_mode():
        prompts = ["a red circle", "a blue star and a red heart"]
        latents = evaluate.sampled(model, shapes[1], prompts, options, 0, 128, 128)
    assert latents.shape == (2, 4, 16, 16)
    assert latents.isfinite().all()


def test_the_layer_maps_are_those_of_the_network(transformer, exported, shapes):
    from selfguidance.tools.shapes import evaluate
    from selfguidance.tools.shapes.transformer.localisation import LayerMaps

    model = transformer.load(exported)
    level = model.get_model_object("model_sampling").sigma_max.item()
    maps, patched = LayerMaps([level]), model.clone()
    patched.set_model_unet_function_wrapper(maps.call)
    settings = {"steps": 1, "cfg": 2.0, "sampler": "euler", "scheduler": "simple", "seed": 1}
    with torch.no_grad():
        evaluate.sampled(
            patched, shapes[1], ["a red circle"], argparse.Namespace(**settings), 0, 256, 128
        )
    (layers,) = maps.by_level.values()
    assert [tuple(layer.shape) for layer in layers] == [(1, 16, 32, 77)] * CONFIG["n_layers"]
    total = torch.stack(layers).sum(-1)
    assert ((total > 0) & (total < 1)).all()


def test_a_missing_or_foreign_file_is_named(transformer, tmp_path):
    from safetensors.torch import save_file

    with pytest.raises(FileNotFoundError, match=r"none\.safetensors"):
        transformer.load(tmp_path / "none.safetensors")
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match=r"other\.safetensors"):
        transformer.load(tmp_path / "other.safetensors")
