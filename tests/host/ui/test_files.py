"""Names from users and workflows: they stay inside ComfyUI's input and output folders."""

import os
import re
import time
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

OUTSIDE = [
    "..",
    "../x",
    "a/../../x",
    "a/..",
    "/etc/x",
    "\\x",
    "C:\\x",
    "C:x",
    "\\\\host\\x",
    "a\\..\\x",
]
NO_NAMES = ["", "  ", ".", "./", "a\0b", "a\nb", "\ud800"]
MARK = " [output]"


@pytest.fixture
def folders(
    comfy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[ModuleType, Path, Path]:
    """The module under test with an input and an output folder of its own."""
    import folder_paths
    from selfguidance.nodes.ui import files

    for name in ("input", "output", "elsewhere"):
        (tmp_path / name).mkdir()
        monkeypatch.setattr(folder_paths, f"{name}_directory", str(tmp_path / name), raising=False)
    return files, tmp_path / "input", tmp_path / "output"


def put(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def refused(action: object, *named: str) -> None:
    with pytest.raises(ValueError) as info:
        action()  # type: ignore[operator]
    assert type(info.value) is ValueError
    assert all(text in str(info.value) for text in named), str(info.value)


def test_new_files_are_numbered_as_save_image_numbers_them(folders) -> None:
    files, _, output = folders
    for number in (1, 2, 3):
        path = files.output_file("self_guidance/record")
        assert path == output / "self_guidance" / f"record_{number:05}_.safetensors"
        put(path)
    assert files.output_file("self_guidance/other").name == "other_00001_.safetensors"
    put(output / "picture_00041_.png")
    assert files.output_file("picture") == output / "picture_00042_.safetensors"


def test_a_prefix_of_another_spelling_never_meets_a_file_that_is_there(folders) -> None:
    files, _, output = folders
    there = put(output / "a" / "b_00001_.safetensors")
    for prefix in ("a/b", "a/b/", "a//b", "./a/b", " a/b ", "a\\b", "a\\b\\"):
        path = files.output_file(prefix)
        assert path.parent == there.parent and path.name == "b_00002_.safetensors"


def test_the_date_can_stand_in_a_prefix(folders) -> None:
    files, _, output = folders
    before = time.localtime().tm_year
    path = files.output_file("%year%/record")
    assert path.parent.parent == output
    assert before <= int(path.parent.name) <= time.localtime().tm_year


@pytest.mark.parametrize("prefix", OUTSIDE)
def test_a_prefix_that_leads_outside_is_refused(folders, prefix: str) -> None:
    files, _, output = folders
    refused(lambda: files.output_file(prefix), "filename_prefix", repr(prefix), "leads out")
    assert not list(output.iterdir()) and not (output.parent / "x").exists()


@pytest.mark.parametrize("prefix", [*NO_NAMES, None, 3])
def test_a_prefix_that_is_no_name_is_refused(folders, prefix: object) -> None:
    files, _, output = folders
    refused(lambda: files.output_file(prefix), "filename_prefix", "self_guidance/record")
    assert not list(output.iterdir())


def test_a_prefix_that_no_file_system_takes_is_refused(folders) -> None:
    files, _, output = folders
    refused(lambda: files.output_file("ö" * 120), "filename_prefix", "shorter")
    put(output / "file")
    refused(lambda: files.output_file("file/record"), "filename_prefix", "file/record")


def test_a_folder_that_links_elsewhere_is_not_written_to(folders) -> None:
    files, _, output = folders
    elsewhere = output.parent / "elsewhere"
    (output / "link").symlink_to(elsewhere)
    (output / str(time.localtime().tm_year)).symlink_to(elsewhere)
    for prefix in ("link/x", "link/deep/x", "%year%/x"):
        refused(lambda prefix=prefix: files.output_file(prefix), "filename_prefix", "link")
    assert not list(elsewhere.iterdir())


def test_a_file_is_found_by_the_name_that_it_was_saved_under(folders) -> None:
    files, _, _ = folders
    path = put(files.output_file("self_guidance/my record"))
    name = files.file_name(path)
    assert name == "self_guidance/my record_00001_.safetensors [output]"
    assert files.input_file(name) == path
    assert files.known_files() == [name]


def test_the_input_folder_comes_first_but_for_a_mark(folders) -> None:
    files, inputs, output = folders
    first, second = put(inputs / "a.safetensors"), put(output / "a.safetensors")
    third = put(output / "b.safetensors")
    assert files.input_file("a.safetensors") == first
    assert files.input_file("a.safetensors [input]") == first
    assert files.input_file("a.safetensors [output]") == second
    assert files.input_file("b.safetensors") == third
    refused(lambda: files.input_file("b.safetensors [input]"), "b.safetensors", "input folder")


def test_a_name_of_another_system_is_understood(folders) -> None:
    files, inputs, _ = folders
    path = put(inputs / "a" / "b.safetensors")
    assert files.input_file("a\\b.safetensors") == files.input_file(" ./a//b.safetensors") == path


@pytest.mark.parametrize("mark", ["", " [input]", MARK])
@pytest.mark.parametrize("name", OUTSIDE)
def test_a_name_that_leads_outside_is_refused(folders, name: str, mark: str) -> None:
    files, inputs, _ = folders
    put(inputs.parent / "x")
    refused(lambda: files.input_file(name + mark), "file", repr(name)[1:-1], "leads out")


@pytest.mark.parametrize("name", [*NO_NAMES, MARK, None, 3, ["a"]])
def test_what_is_no_name_of_a_file_is_refused(folders, name: object) -> None:
    files, _, _ = folders
    refused(lambda: files.input_file(name), "file", "input or output folder")


def test_a_link_out_of_the_folders_is_refused_and_not_listed(folders) -> None:
    files, inputs, output = folders
    secret = put(inputs.parent / "elsewhere" / "secret.safetensors")
    (inputs / "link.safetensors").symlink_to(secret)
    (output / "folder").symlink_to(secret.parent)
    refused(lambda: files.input_file("link.safetensors"), "link.safetensors", "leads out")
    refused(lambda: files.input_file("folder/secret.safetensors [output]"), "leads out")
    assert files.known_files() == []


def test_a_link_inside_the_folders_and_a_linked_folder_of_comfyui_work(
    folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    import folder_paths

    files, inputs, output = folders
    path = put(inputs / "a.safetensors")
    (inputs / "b.safetensors").symlink_to(path)
    assert files.input_file("b.safetensors").samefile(path)
    linked = output.parent / "linked"
    linked.symlink_to(output)
    monkeypatch.setattr(folder_paths, "output_directory", str(linked))
    made = put(files.output_file("sub/record"))
    assert files.input_file(files.file_name(made)).samefile(output / "sub" / made.name)


def test_a_missing_file_is_reported_with_the_files_that_are_there(folders) -> None:
    files, inputs, output = folders
    refused(lambda: files.input_file("x" * 5000), "xxx", "there is no .safetensors file")
    (inputs / "folder.safetensors").mkdir()
    refused(lambda: files.input_file("folder.safetensors"), "is not in ComfyUI's input or output")
    put(inputs / "note.txt")
    put(inputs / "a.safetensors")
    put(output / "sub" / "b.safetensors")
    refused(lambda: files.input_file("c"), "'c'", ": a.safetensors, sub/b.safetensors [output]")
    for number in range(20):
        put(inputs / f"n{number:02}.safetensors")
    refused(lambda: files.input_file("c"), "a.safetensors, n00", "n06.safetensors and 14 more")


def test_the_list_of_files_names_each_so_that_it_is_found(folders) -> None:
    files, inputs, output = folders
    paths = [
        put(base / name)
        for base in (inputs, output)
        for name in ("b/c.safetensors", "a.safetensors")
    ]
    names = files.known_files()
    assert names == [
        "a.safetensors",
        "b/c.safetensors",
        "a.safetensors [output]",
        "b/c.safetensors [output]",
    ]
    assert sorted(map(files.input_file, names)) == sorted(paths)


def test_a_fingerprint_changes_with_the_content_alone(folders) -> None:
    files, inputs, _ = folders
    path = put(inputs / "a.safetensors", "one")
    stamp = path.stat().st_mtime_ns
    first = files.fingerprint("a.safetensors")
    assert re.fullmatch("[0-9a-f]{64}", first)
    os.utime(path, ns=(0, 0))
    assert files.fingerprint("a.safetensors") == first
    put(path, "two")
    os.utime(path, ns=(stamp, stamp))
    assert files.fingerprint("a.safetensors") != first
    refused(lambda: files.fingerprint("gone"), "gone")
    with path.open("wb") as file:
        file.truncate(2**31 + 1)
    assert files.fingerprint("a.safetensors")


NAMES = st.lists(st.sampled_from([*"/\\.: a%", "..", "link", "[output]", "\0"]), max_size=8)


@settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(parts=NAMES)
def test_no_name_leads_outside(folders, parts: list[str]) -> None:
    files, inputs, output = folders
    if not (output / "link").exists():
        (output / "link").symlink_to(inputs.parent)
        put(inputs.parent / "a")
    for action in (files.input_file, files.output_file):
        try:
            path = Path(os.path.realpath(action("".join(parts))))
        except ValueError:
            continue
        assert path.is_relative_to(inputs) or path.is_relative_to(output)
    assert {path.name for path in inputs.parent.iterdir()} == {"input", "output", "elsewhere", "a"}
