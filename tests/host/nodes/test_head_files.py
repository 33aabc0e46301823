"""Heads on disk: saved by one node, loaded by the other, in this process and in a server."""

import json
from dataclasses import fields
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from selfguidance.guidance.head.head import Head
from selfguidance.tests.host.nodes.test_bad_input import refused
from selfguidance.tests.host.nodes.test_executor import Graph, Run, graph, ours
from selfguidance.tools.host import serve

NAME = "test/head_00001_.safetensors [output]"
MASK = torch.zeros(1, 8, 8)
MASK[:, 2:6, 2:6] = 1


@pytest.fixture
def output(comfy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An output folder of its own."""
    import folder_paths

    monkeypatch.setattr(folder_paths, "output_directory", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def head(lab: ModuleType) -> Head:
    from selfguidance.nodes.head import FitHead

    _, record = lab.guided(lab.unet("shapes"), steps=3)
    with torch.inference_mode():
        return FitHead.execute("red circle", record, MASK).args[0]


def save(head: Head, prefix: str = "test/head") -> str:
    from selfguidance.nodes.head_files import SaveHead

    with torch.inference_mode():
        return SaveHead.execute(head, prefix).args[0]


def load(name: str) -> Head:
    from selfguidance.nodes.head_files import LoadHead

    with torch.inference_mode():
        return LoadHead.execute(name).args[0]


def test_a_saved_head_reloads_equal(head: Head, output: Path) -> None:
    assert save(head) == NAME
    assert [path.name for path in (output / "test").iterdir()] == ["head_00001_.safetensors"]
    loaded = load(NAME)
    for field in fields(Head):
        ours, theirs = getattr(loaded, field.name), getattr(head, field.name)
        if torch.is_tensor(theirs):
            assert torch.equal(ours, theirs) and ours.dtype == theirs.dtype
        else:
            assert ours == theirs
    assert save(head) != NAME


def test_a_loaded_head_guides_as_the_head_itself_does(
    lab: ModuleType, head: Head, output: Path
) -> None:
    from selfguidance.nodes.mask import Mask

    model, results = lab.unet("shapes"), []
    times = {"weight": 1.0, "start_percent": 0.0, "end_percent": 1.0}
    for source in (head, load(save(head))):
        with torch.inference_mode():
            (terms,) = Mask.execute("red circle", MASK, "place", **times, head=source).args
        results.append(lab.guided(model, terms, steps=3)[0])
    assert torch.equal(*results)
    assert not torch.equal(results[0], lab.plain(model, steps=3))


@pytest.mark.parametrize("prefix", ["../x", "/tmp/x", "C:\\x", "", "a\0"])
def test_nothing_is_saved_outside_the_output_folder(head: Head, output: Path, prefix: str) -> None:
    refused(lambda: save(head, prefix), "filename_prefix")
    assert not list(output.iterdir())


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "C:\\x", "", "a\0", "gone"])
def test_nothing_is_loaded_from_outside_the_folders(output: Path, name: str) -> None:
    from selfguidance.nodes.head_files import LoadHead

    refused(lambda: load(name), "file")
    assert "file" in LoadHead.validate_inputs(name)


def test_a_saved_record_is_no_head(lab: ModuleType, output: Path) -> None:
    from selfguidance.nodes.record_files import SaveRecord

    _, record = lab.guided(lab.unet("shapes"), steps=1)
    with torch.inference_mode():
        name = SaveRecord.execute(record, "test/head").args[0]
    refused(lambda: load(name), "not a self-guidance head but a self-guidance record")


def cut(data: bytes) -> bytes:
    return data[:-10]


def garbled(data: bytes) -> bytes:
    """Other bytes in the header."""
    return data[:8] + data[8:].replace(b"bias", b"b\xffas", 1)


def claiming_more(data: bytes) -> bytes:
    """A header that gives a tensor more cells than the file holds."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    header["bias"]["shape"] = [2**40]
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data[8 + length :]


@pytest.mark.parametrize("damage", [cut, garbled, claiming_more, lambda data: b""])
def test_a_damaged_file_is_refused(head: Head, output: Path, damage: Any) -> None:
    path = output / save(head).removesuffix(" [output]")
    data = path.read_bytes()
    assert damage(data) != data
    path.write_bytes(damage(data))
    refused(lambda: load(NAME), "head_00001_.safetensors")


def test_the_list_holds_the_files_of_the_moment(head: Head, output: Path) -> None:
    from selfguidance.nodes.head_files import LoadHead

    def listed() -> list[str]:
        return LoadHead.GET_NODE_INFO_V1()["input"]["required"]["file"][1]["options"]

    assert listed() == []
    assert save(head) in listed()


def test_a_changed_file_and_a_wired_name_are_read_again(head: Head, output: Path) -> None:
    from selfguidance.nodes.head_files import LoadHead

    name = save(head)
    first = LoadHead.fingerprint_inputs(name)
    assert LoadHead.fingerprint_inputs(name) == first
    path = output / name.removesuffix(" [output]")
    path.write_bytes(path.read_bytes() + b" ")
    assert LoadHead.fingerprint_inputs(name) != first
    # in a list, as ComfyUI compares: equal objects are not looked into
    assert [LoadHead.fingerprint_inputs()] != [LoadHead.fingerprint_inputs()]
    assert LoadHead.validate_inputs() is True


def test_a_graph_can_fit_save_load_and_use_a_head(server: serve.Server) -> None:
    whole = graph(steps=2)
    used = ("model", "positive", "negative", "latent", "plain", "guided", "decode", "picture")
    wired: Graph = {name: whole[name] for name in used}
    wired["shape"] = ours("AttentionPreview", record=["plain", 1], object="red circle", step=-1)
    wired["fit"] = ours("FitHead", object="circle", record=["plain", 1], mask=["shape", 1])
    wired["save"] = ours("SaveHead", head=["fit", 0], filename_prefix="test/head")
    wired["load"] = ours("LoadHead", file=["save", 0])
    wired["mask"] = ours("Mask", **place(mask=["shape", 1], head=["load", 0]))
    wired["guided"]["inputs"]["terms"] = ["mask", 0]
    run = Run(server, wired)
    assert run.end[0] == "execution_success", run.end
    assert run.history["outputs"]["save"]["text"][0].startswith("test/head_0")
    assert run.history["outputs"]["picture"]["images"]


def place(**inputs: Any) -> dict[str, Any]:
    """Inputs of a Mask node."""
    times = {"weight": 1.0, "start_percent": 0.0, "end_percent": 1.0}
    return {"object": "red circle", "mode": "place", **times, **inputs}
