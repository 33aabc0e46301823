"""Records on disk: saved by one node, loaded by the other, in this process and in a server."""

import os
import urllib.error
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from selfguidance.tests.host.nodes.test_bad_input import refused
from selfguidance.tests.host.nodes.test_executor import Graph, Run, graph, ours
from selfguidance.tests.unit.guidance.recorded import equal
from selfguidance.tools.host import serve

MEGABYTE = 2**20
# width of the first level of the real model over that of the narrow one
REAL_WIDTH = 320 // 32
NAME = "test/record_00001_.safetensors [output]"


@pytest.fixture
def output(comfy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An output folder of its own."""
    import folder_paths

    monkeypatch.setattr(folder_paths, "output_directory", str(tmp_path))
    return tmp_path


def save(record: Any, prefix: str = "test/record") -> Any:
    from selfguidance.nodes.record_files import SaveRecord

    with torch.inference_mode():
        return SaveRecord.execute(record, prefix)


def load(name: str) -> Any:
    from selfguidance.nodes.record_files import LoadRecord

    with torch.inference_mode():
        return LoadRecord.execute(name).args[0]


@pytest.fixture(scope="module")
def record(lab: ModuleType) -> Any:
    """A guided run of two pictures that are not square."""
    latent = lab.latent(2, 16, 24)
    return lab.guided(lab.unet("shapes"), [lab.position()], steps=3, latent_image=latent)[1]


def test_a_saved_record_reloads_equal(record: Any, output: Path) -> None:
    result = save(record)
    assert result.args == (NAME,) and result.ui["text"] == (NAME,)
    assert [path.name for path in (output / "test").iterdir()] == ["record_00001_.safetensors"]
    loaded = load(NAME)
    assert equal(loaded, record) and loaded.batch == 2 and any(step.energies for step in loaded)
    assert not equal(replace(loaded, steps=loaded.steps[:-1]), record)


@pytest.mark.parametrize("family", ["sd15", "sdxl"])
def test_records_of_every_family_reload_equal(lab: ModuleType, output: Path, family: str) -> None:
    _, record = lab.guided(lab.unet(family), steps=2)
    assert equal(load(save(record).args[0]), record)


def test_a_run_whose_prompt_changes_on_the_way_reloads_equal(lab: ModuleType, output: Path) -> None:
    always, late = lab.embedded(1), lab.embedded(2, words=["green", "star"])
    late[0][1]["start_percent"] = 0.5
    _, record = lab.guided(lab.unet("shapes"), positive=always + late, negative=lab.empty())
    assert len({step.properties.table for step in record}) == 2
    assert equal(load(save(record).args[0]), record)


def test_every_save_is_a_new_file(record: Any, output: Path) -> None:
    names = [save(record).args[0] for _ in range(3)]
    assert len(set(names)) == 3 and all(equal(load(name), record) for name in names)


def test_the_name_of_the_file_is_shown_under_the_node(
    record: Any, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from selfguidance.nodes.record_files import SaveRecord
    from server import PromptServer

    shown: list[tuple[str, str]] = []
    browser = SimpleNamespace(send_progress_text=lambda text, node: shown.append((text, node)))
    monkeypatch.setattr(PromptServer, "instance", browser, raising=False)
    monkeypatch.setattr(SaveRecord, "hidden", SimpleNamespace(unique_id="7"))
    save(record)
    assert shown == [(NAME, "7")]


def test_a_loaded_record_edits_a_picture_as_the_record_itself_does(
    lab: ModuleType, shapes: tuple[Any, Any, Any], output: Path
) -> None:
    """Reference and run differ in sampler and steps, so every target is interpolated."""
    from selfguidance.nodes.prompts import Prompt
    from selfguidance.nodes.recipes import MoveObject

    with torch.inference_mode():
        (positive,) = Prompt.execute(shapes[1], "a red circle and a blue square").args
        (negative,) = Prompt.execute(shapes[1], "").args
    prompts = {"positive": positive, "negative": negative}
    _, reference = lab.guided(shapes[0], steps=10, **prompts)
    inputs = {**prompts, "steps": 6, "sampler_name": "dpmpp_2m"}
    moved, window = [], {"weight": 1.0, "start_percent": 0.0, "end_percent": 0.7}
    for source in (reference, load(save(reference).args[0])):
        with torch.inference_mode():
            (terms,) = MoveObject.execute("red circle", 0.2, 0.0, source, **window).args
        moved.append(lab.guided(shapes[0], terms, **inputs))
    assert torch.equal(moved[0][0], moved[1][0]) and equal(moved[0][1], moved[1][1])
    assert not torch.equal(moved[0][0], lab.plain(shapes[0], **inputs))


def test_a_saved_step_at_the_size_of_stable_diffusion_is_at_most_a_megabyte(
    lab: ModuleType, output: Path
) -> None:
    """512 x 512 pixels, a prompt that fills its 75 tokens; features as wide as the real model's."""
    words = [f"word{i}" for i in range(75)]
    _, record = lab.guided(
        lab.unet("sd15"),
        steps=2,
        cfg=1.0,
        positive=lab.embedded(words=words),
        negative=lab.empty(),
        latent_image=lab.latent(1, 64, 64),
    )
    steps = []
    for step in record:
        seen = step.properties
        assert seen.feature_grid.shape == (1, 32, 16, 16)
        wide = {
            "features": seen.features.repeat(1, 1, REAL_WIDTH),
            "feature_grid": seen.feature_grid.repeat(1, REAL_WIDTH, 1, 1),
        }
        steps.append(replace(step, properties=replace(seen, **wide)))
    save(replace(record, steps=tuple(steps)))
    (path,) = output.rglob("*.safetensors")
    assert path.stat().st_size / len(steps) <= MEGABYTE


@pytest.mark.parametrize("prefix", ["../x", "/tmp/x", "C:\\x", "", "a\0"])
def test_nothing_is_saved_outside_the_output_folder(record: Any, output: Path, prefix: str) -> None:
    refused(lambda: save(record, prefix), "filename_prefix")
    assert not list(output.iterdir())


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "C:\\x", "", "a\0", "gone"])
def test_nothing_is_loaded_from_outside_the_folders(output: Path, name: str) -> None:
    from selfguidance.nodes.record_files import LoadRecord

    refused(lambda: load(name), "file")
    assert "file" in LoadRecord.validate_inputs(name)


def test_a_record_without_steps_is_not_saved(lab: ModuleType, output: Path) -> None:
    plain = {"positive": lab.empty(1), "negative": lab.empty(), "steps": 1}
    _, nothing = lab.guided(lab.unet("shapes"), **plain)
    refused(lambda: save(nothing), "record", "Self-Guidance Prompt")
    assert not list(output.rglob("*.*"))


def test_a_file_of_something_else_is_refused(record: Any, output: Path) -> None:
    from safetensors.torch import save_file

    name = save(record).args[0]
    save_file({"weight": torch.ones(1)}, output / "test" / "record_00001_.safetensors")
    refused(lambda: load(name), "record_00001_.safetensors", "self-guidance record")


def test_the_list_holds_the_files_of_the_moment(record: Any, output: Path) -> None:
    from selfguidance.nodes.record_files import LoadRecord

    def listed() -> list[str]:
        return LoadRecord.GET_NODE_INFO_V1()["input"]["required"]["file"][1]["options"]

    assert listed() == []
    name = save(record).args[0]
    assert listed() == [name]


LOOK = {"object": "red circle", "step": -1}


def saving(seed: int = 2, prefix: str = "test/record") -> Graph:
    """A run whose record is saved and, from the file, looked at."""
    whole = graph(steps=2, seed=seed)
    kept = {n: whole[n] for n in ("model", "positive", "negative", "latent", "plain")}
    kept["save"] = ours("SaveRecord", record=["plain", 1], filename_prefix=prefix)
    kept["load"] = ours("LoadRecord", file=["save", 0])
    kept["look"] = ours("AttentionPreview", record=["load", 0], **LOOK)
    return kept


def loading(name: str) -> Graph:
    return {
        "load": ours("LoadRecord", file=name),
        "look": ours("AttentionPreview", record=["load", 0], **LOOK),
    }


def ran(run: Run) -> set[str]:
    return {data["node"] for kind, data in run.events if kind == "executing" and data["node"]}


@pytest.fixture(scope="module")
def saved(server: serve.Server) -> tuple[Run, str]:
    """The graph, run once, and the name of the file that it wrote."""
    run = Run(server, saving())
    return run, run.history["outputs"]["save"]["text"][0]


def test_a_graph_can_save_and_load_by_a_wire(saved: tuple[Run, str]) -> None:
    run, name = saved
    assert run.end[0] == "execution_success", run.end
    assert name.startswith("test/record_0") and name.endswith("_.safetensors [output]")
    assert run.history["outputs"]["look"]["images"]


def test_a_wired_name_is_read_every_time(server: serve.Server, saved: tuple[Run, str]) -> None:
    Run(server, saving())
    again = ran(Run(server, saving()))
    assert "load" in again and not again & {"plain", "save"}


def test_a_file_can_be_loaded_and_listed_as_soon_as_it_is_there(
    server: serve.Server, saved: tuple[Run, str]
) -> None:
    run = Run(server, loading(saved[1]))
    assert run.end[0] == "execution_success", run.end
    node = server.json("/object_info/SelfGuidanceLoadRecord")["SelfGuidanceLoadRecord"]
    assert node["input"]["required"]["file"][0] == "COMBO"
    assert saved[1] in node["input"]["required"]["file"][1]["options"]


def test_a_file_is_read_again_when_its_content_changed_and_only_then(
    server: serve.Server, saved: tuple[Run, str]
) -> None:
    assert server.log is not None
    folder = server.log.parent / "output"
    # in between no other graph: ComfyUI forgets what the last one lacks
    other = Run(server, saving(seed=3, prefix="other")).history["outputs"]["save"]["text"][0]
    first, second = (
        (folder / name.removesuffix(" [output]")).read_bytes() for name in (saved[1], other)
    )
    copy = folder / "copy.safetensors"
    copy.write_bytes(first)
    prompt = loading("copy.safetensors [output]")
    assert {"load", "look"} <= ran(Run(server, prompt))
    os.utime(copy, ns=(0, 0))
    assert not ran(Run(server, prompt)) & {"load", "look"}
    copy.write_bytes(second)
    assert {"load", "look"} <= ran(Run(server, prompt))


@pytest.mark.parametrize("name", ["../../secret", "gone.safetensors"])
def test_a_wrong_name_is_refused_before_anything_runs(server: serve.Server, name: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as info:
        server.json("/prompt", {"prompt": loading(name)})
    assert info.value.code == 400
    answer = info.value.read().decode()
    assert name in answer and "file" in answer and "folder" in answer
