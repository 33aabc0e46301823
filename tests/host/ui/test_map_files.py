"""What the preview node leaves for the page, and what its inputs from the page mean."""

import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from selfguidance.guidance import storage


@pytest.fixture
def record(lab: ModuleType) -> Any:
    return lab.guided(lab.unet("shapes"), latent_image=lab.latent(batch=2))[1]


def prompted(lab: ModuleType, prompt: str) -> Any:
    """The record of a run of two pictures with a prompt."""
    positive = lab.embedded(words=prompt.split())
    inputs = {"positive": positive, "negative": lab.empty(), "latent_image": lab.latent(batch=2)}
    return lab.guided(lab.unet("shapes"), steps=2, **inputs)[1]


def shown(record: Any, object: str = "", step: int = -1, **more: Any) -> Any:
    from selfguidance.nodes.preview import AttentionPreview

    with torch.inference_mode():
        return AttentionPreview.execute(record, object, step, **more)


def test_the_page_gets_every_map_in_one_file_of_the_temporary_folder(record: Any) -> None:
    import folder_paths

    told = shown(record, image=torch.rand(2, 1024, 768, 3)).ui
    (entry,) = told["self_guidance_maps"]
    assert (entry["type"], entry["subfolder"]) == ("temp", "")
    path = Path(folder_paths.get_temp_directory(), entry["filename"])
    tensors, facts = storage.load(path, "self-guidance maps")
    table, sites = record.table, record.last.maps
    assert tensors["cells"].shape == (2, 4, len(sites), len(table.words), 8, 8)
    assert facts["sigmas"] == list(record.sigmas)
    assert len(told["self_guidance_pictures"]) == 2 and len(told["images"]) == 2


def test_several_objects_are_one_mask(record: Any) -> None:
    def mask(object: str) -> torch.Tensor:
        return shown(record, object).args[1]

    both = mask("red circle, blue square")
    assert torch.equal(both, torch.maximum(mask("red circle"), mask("blue square")))


def test_a_site_is_shown_alone(record: Any) -> None:
    masks = [shown(record, "red circle", site=site).args[1] for site in (-1, 0, 1)]
    assert torch.allclose(masks[0], (masks[1] + masks[2]) / 2, atol=0.1)
    assert not torch.equal(masks[1], masks[2])
    with pytest.raises(ValueError, match="site must be below 2"):
        shown(record, "red circle", site=2)


@pytest.mark.parametrize("object", ["", " , "])
@pytest.mark.parametrize("pictures", [0, 2])
def test_words_that_name_no_object_are_a_sheet_and_an_empty_mask(
    lab: ModuleType, object: str, pictures: int
) -> None:
    image = {"image": torch.rand(2, 96, 64, 3)} if pictures else {}
    sheet, mask = shown(prompted(lab, "the background"), object, **image).args
    height, width = (96, 64) if pictures else (256, 256)
    assert mask.shape == (2, height, width) and not mask.any()
    assert sheet.shape[0] == 2 and sheet.shape[2] == 2 * width  # a word beside the other
    assert sheet[:, :height, :width].std() > 0 and sheet[:, :height, width:].std() > 0


def test_a_pictograph_is_a_word_of_the_sheet(lab: ModuleType) -> None:
    sheet, mask = shown(prompted(lab, "🐱 ,")).args
    assert sheet.shape[2] == 256 and mask.any()


@pytest.mark.parametrize("prompt", ["", ",", "( , )"])
def test_a_prompt_without_words_says_what_to_do(lab: ModuleType, prompt: str) -> None:
    told = re.escape(f"the prompt {prompt!r} of the record has no words")
    with pytest.raises(ValueError, match=f"{told}.* sample again"):
        shown(prompted(lab, prompt))
