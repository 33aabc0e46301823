"""Going on from exported weights: `train --from`."""

import argparse
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.testing import assert_close

SMALL = ("--pictures", "60", "--batch", "4", "--device", "cpu")


@pytest.fixture(scope="module")
def cache(lab: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few scenes, whitened as the bundled weights want them."""
    from selfguidance.demo import model
    from selfguidance.tools.shapes import train

    folder = tmp_path_factory.mktemp("scenes")
    train.main(
        ["data", "--from", str(model.WEIGHTS), "--cache", str(folder), "--seed", "5", *SMALL]
    )
    return folder


@contextmanager
def trainer(cache: Path, *arguments: str) -> Iterator[Any]:
    from selfguidance.tools.shapes import networks, train, train_unet

    options = train.parse(["unet", "--cache", str(cache), *SMALL, *arguments])
    made = train_unet.Trainer(options)
    with networks.recorded_maps(made.networks.unet) as made.maps:
        yield made


def bundled() -> tuple[str, str]:
    from selfguidance.demo import model

    return "--from", str(model.WEIGHTS)


def test_it_begins_with_the_exported_model_and_its_average(shapes, cache):
    from selfguidance.tools.shapes import dataset

    model, clip, _ = shapes
    text = "a red circle and a blue square"
    x, t = (
        torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(2)),
        torch.tensor([500]),
    )
    with torch.no_grad(), trainer(cache, *bundled()) as ours:
        context = clip.encode_from_tokens_scheduled(clip.tokenize(text))[0][0].float()
        expected = model.model.diffusion_model(x, t, context=context)
        tokens = torch.tensor([dataset.token_row(text)[0]])
        for networks in (ours.networks, ours.average):
            assert_close(networks(x, t, tokens), expected, rtol=1e-2, atol=1e-2)


def test_some_steps_more_are_exported_with_the_same_vae(lab, cache, tmp_path):
    from selfguidance.demo import model
    from selfguidance.tools.shapes import train

    work, out = shutil.copytree(cache, tmp_path / "cache"), tmp_path / "out"
    train.main(["--cache", str(work), "--out", str(out), "--steps", "2", *bundled(), *SMALL])
    model.load(out)
    assert (out / "vae.safetensors").read_bytes() == (
        model.WEIGHTS / "vae.safetensors"
    ).read_bytes()
    for name in ("unet", "clip"):
        state, metadata = model.read(out, name)
        before, before_metadata = model.read(model.WEIGHTS, name)
        assert int(metadata["step"]) == int(before_metadata["step"]) + 2
        changes = {k: (state[k].float() - before[k].float()).abs().max().item() for k in before}
        assert 0 < max(changes.values()) < 0.01


def test_an_interrupted_training_goes_on_as_if_it_had_not_been(lab, cache, tmp_path):
    arguments = (*bundled(), "--steps", "10")
    with trainer(cache, *arguments) as whole:
        whole.advance()
        whole.save(tmp_path / "one.pt")
        losses = whole.advance()
    with trainer(cache, *arguments) as resumed:
        resumed.restore(tmp_path / "one.pt")
        assert resumed.advance() == losses
    for name, value in whole.average.state_dict().items():
        assert torch.equal(resumed.average.state_dict()[name], value)


def test_the_learning_rate_warms_up_and_falls_to_one_per_cent(lab, cache):
    with trainer(cache, *bundled(), "--steps", "400", "--lr", "1e-3") as ours:
        rates = []
        for done in (0, 149, 200, 400):
            ours.step = ours.first + done
            ours.advance()
            rates.append([optimizer.param_groups[0]["lr"] for optimizer in ours.optimizers])
    muon, adam = zip(*rates, strict=True)
    assert muon[0] == pytest.approx(1e-3 / 150, rel=1e-3)
    assert muon[1] > muon[2] == pytest.approx(0.505e-3)
    assert muon[3] == pytest.approx(1e-5)
    assert adam == pytest.approx([rate / 2 for rate in muon])


def test_a_checkpoint_of_another_beginning_is_refused(lab, cache, tmp_path):
    with trainer(cache) as fresh:
        fresh.save(tmp_path / "fresh.pt")
    with trainer(cache, *bundled()) as ours, pytest.raises(ValueError, match="began at step 0"):
        ours.restore(tmp_path / "fresh.pt")


def test_scenes_keep_the_whitening_of_the_weights(lab, tmp_path):
    from selfguidance.demo import architecture
    from selfguidance.tools.shapes import exported

    made = architecture.ShapesAutoencoder()
    mean, std = torch.tensor([0.1, -0.2, 0.3, 0.01]), torch.tensor([0.6, 0.4, 0.2, 0.05])
    made.whiten(mean, std)
    state = {k: v.contiguous() for k, v in made.state_dict().items() if k.startswith("encoder.")}
    save_file(state, tmp_path / "vae.safetensors")
    assert_close(exported.whitening(tmp_path), {"mean": mean, "std": std})


def test_scenes_of_another_whitening_are_refused(lab, cache, tmp_path):
    from selfguidance.tools.shapes import dataset, train

    moments = torch.load(cache / dataset.WHITENING)
    torch.save(moments | {"std": moments["std"] * 1.01}, tmp_path / dataset.WHITENING)
    with pytest.raises(ValueError, match=r"whitened with the std.*--cache"):
        train.main(["unet", "--cache", str(tmp_path), *bundled(), *SMALL])


def test_weights_that_do_not_fit_are_refused(lab, tmp_path):
    from selfguidance.demo import model
    from selfguidance.tools.shapes import dataset, exported, networks

    ours = networks.Networks(len(dataset.token_ids()))
    with pytest.raises(FileNotFoundError, match="unet, clip, vae not found"):
        exported.read(tmp_path, ours)
    state = load_file(model.WEIGHTS / "unet.safetensors")
    save_file(state, tmp_path / "unet.safetensors", {"prediction": "eps", "step": "1"})
    for name in ("clip.safetensors", "vae.safetensors"):
        shutil.copy(model.WEIGHTS / name, tmp_path)
    with pytest.raises(ValueError, match="expected prediction v, got eps"):
        exported.read(tmp_path, ours)
    del state["out.0.weight"]
    save_file(state, tmp_path / "unet.safetensors", {"prediction": "v", "step": "1"})
    with pytest.raises(ValueError, match=r"out\.0\.weight"):
        exported.read(tmp_path, ours)


def test_what_from_does_not_go_with_is_an_error(lab, capsys):
    from selfguidance.tools.shapes import train

    options: argparse.Namespace = train.parse(bundled())
    assert options.stages == ["data", "unet", "export"]
    assert train.parse([]).stages == list(train.STAGES)
    with pytest.raises(SystemExit):
        train.parse(["decoder", *bundled()])
    assert "leave the stage decoder out" in capsys.readouterr().err
