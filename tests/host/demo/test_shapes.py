"""The Shapes model as ComfyUI sees it, against the code that trained it."""

import re
import shutil
from random import Random

import numpy as np
import pytest
import torch


def test_its_weights_take_gradients_though_loaded_in_inference_mode(lab):
    from selfguidance.demo import model

    with torch.inference_mode():
        diffusion, clip, vae = model.load()
    for module in (diffusion.model, clip.cond_stage_model, vae.first_stage_model):
        assert not any(param.is_inference() for param in module.parameters())


def test_a_folder_without_weights_is_named(lab, tmp_path):
    from selfguidance.demo import model

    with pytest.raises(FileNotFoundError, match=re.escape(str(tmp_path))):
        model.load(tmp_path)


@pytest.mark.parametrize("network", ["unet", "transformer"])
def test_a_network_whose_file_is_missing_is_named(lab, tmp_path, network):
    from selfguidance.demo import model

    for name in ("clip", "vae"):
        shutil.copy(model.WEIGHTS / f"{name}.safetensors", tmp_path)
    with pytest.raises(
        FileNotFoundError, match=rf"{network} not found.*{model.NETWORKS[network].command}`"
    ):
        model.load(tmp_path, network)


def test_a_network_that_does_not_exist_is_refused(lab):
    from selfguidance.demo import model

    with pytest.raises(ValueError, match="expected one of unet, transformer, got 'mamba'"):
        model.load(network="mamba")


def test_the_transformer_says_that_it_needs_a_newer_comfyui(lab, monkeypatch):
    import comfy.ldm.lumina.model as lumina
    from selfguidance.demo import model

    class Older:
        def __init__(self, ffn_dim_multiplier=None):
            pass

    monkeypatch.setattr(lumina, "NextDiT", Older)
    with pytest.raises(ValueError, match=r"needs a newer ComfyUI.*set network to unet"):
        model.load(network="transformer")


def test_the_demo_node_loads_the_unet_unless_asked_otherwise(lab):
    from comfy.model_base import BaseModel
    from selfguidance.demo.nodes import DemoModel

    assert type(DemoModel.execute()[0].model) is BaseModel
    given = DemoModel.GET_NODE_INFO_V1()["input"]
    assert not given.get("required")
    assert given["optional"]["network"][1]["default"] == "unet"


@pytest.mark.parametrize("mark", ["_", "-"])
def test_marks_within_words_are_read_as_an_article_which_says_nothing(shapes, mark):
    clip = shapes[1]
    with torch.inference_mode():
        texts = f"red{mark}circle , blue{mark}square", "red a circle , blue a square", "red"
        tagged, plain, other = (
            clip.encode_from_tokens(clip.tokenize(text), return_pooled=True)[0] for text in texts
        )
    assert torch.equal(tagged, plain)
    assert not torch.equal(tagged, other)


def test_training_and_comfyui_mean_the_same(shapes):
    from selfguidance.tools.shapes import dataset, diffusion, networks

    model, clip, _ = shapes
    sigmas = model.get_model_object("model_sampling").sigmas
    torch.testing.assert_close(sigmas, diffusion.sigmas(), rtol=1e-4, atol=1e-5)

    text = "a red circle, a blue square and an orange star on a gray background"
    row, places = dataset.token_row(text)
    ids = [pair[0] for pair in clip.tokenize(text)["l"][0]]
    assert ids == [dataset.token_ids()[index] for index in row]
    assert len(places) == 3

    with torch.no_grad():
        trained = networks.Networks(len(dataset.token_ids()))
        inside = clip.cond_stage_model.clip_l.transformer.text_model
        table = inside.embeddings.token_embedding.weight[list(dataset.token_ids())]
        state = inside.state_dict() | {"embeddings.token_embedding.weight": table}
        trained.text.load_state_dict({key: value.float() for key, value in state.items()})
        context = clip.encode_from_tokens_scheduled(clip.tokenize(text))[0][0]
        ours = trained.context(torch.tensor([row]))
    torch.testing.assert_close(ours, context.float(), rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("size", [(128, 128), (256, 128), (128, 256)])
def test_the_vae_gives_scenes_back(shapes, size):
    from selfguidance.demo import scenes
    from selfguidance.tools.shapes import measure

    vae = shapes[2]
    rng = Random(4)
    made = [scenes.random_scene(rng, count, *size) for count in (1, 2, 3)]
    pictures = torch.from_numpy(np.stack([scenes.render(scene) for scene in made])).float() / 255
    with torch.inference_mode():
        back = vae.decode(vae.encode(pictures)).numpy()
    assert np.abs(back - pictures.numpy()).mean() < 0.02
    for scene, picture in zip(made, back, strict=True):
        found = {(thing.colour, thing.shape) for thing in measure.find_objects(picture)}
        assert {(thing.colour, thing.shape) for thing in scene.things} == found
