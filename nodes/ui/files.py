"""Files in ComfyUI's input and output folders, by names from users and workflows, and their nodes.

Workflows may be foreign, so a name must not lead out of these folders. `/` and `\\` both separate
folders in names, so that a workflow made on Windows runs elsewhere.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path, PureWindowsPath

import folder_paths
from comfy_api.latest import io, ui
from server import PromptServer

from ...guidance.storage import LIMIT, SUFFIX
from .schema import schema
from .types import CATEGORY

LONGEST = 200  # bytes of a name; file systems allow 255, which include the number
FOLDERS = 1000  # subfolders of the input and of the output folder that are searched, at most
LISTED = 8  # files in a message
OUTPUT = " [output]"  # ComfyUI's way to say that a file is not in the input folder
INPUT = " [input]"

# A name of a file can be wired into text inputs, and into the lists of files of loader nodes.
FileName = io.Custom("STRING,COMBO")


def output_file(prefix: str) -> Path:
    """A new file in the output folder, numbered as ComfyUI's Save Image numbers its files.

    Args:
        prefix: name without number and suffix; may have subfolders, which are created, and
            placeholders of ComfyUI, such as %year%.

    Raises:
        ValueError: the prefix is empty, leads out of the output folder or is no name of a file.
    """
    base = folder_paths.get_output_directory()
    parts = _parts(prefix, "filename_prefix", "a name such as 'self_guidance/record'")
    if any(len(os.fsencode(part)) > LONGEST for part in parts):
        raise ValueError(f"filename_prefix is too long: {prefix[:40]!r}...; use a shorter name")
    _check_inside(Path(base, *parts[:-1]), base, "filename_prefix", prefix)
    try:
        folder, stem, number, *_ = folder_paths.get_save_image_path("/".join(parts), base)
    except OSError as error:
        raise ValueError(
            f"filename_prefix {prefix!r} cannot be used: {error.strerror}; choose another name"
        ) from error
    except Exception as error:  # newer ones follow links, and say it by a plain Exception
        raise _outside("filename_prefix", prefix) from error
    _check_inside(Path(folder), base, "filename_prefix", prefix)
    return Path(folder, f"{stem}_{number:05}_{SUFFIX}")


def file_name(path: Path) -> str:
    """The name of a file in the output folder, as users see it and `input_file` takes it."""
    return Path(path).relative_to(folder_paths.get_output_directory()).as_posix() + OUTPUT


def input_file(name: str) -> Path:
    """An existing file in the input or output folder.

    Args:
        name: path inside one of the folders. The input folder comes first, unless the name ends
            in [output].

    Raises:
        ValueError: the name is empty, leads out of the folders, or no file has it.
    """
    text = name.strip() if isinstance(name, str) else name
    bases = {INPUT: folder_paths.get_input_directory(), OUTPUT: folder_paths.get_output_directory()}
    for mark, base in bases.items():
        if isinstance(text, str) and text.endswith(mark):
            text, bases = text.removesuffix(mark), {mark: base}
            break
    parts = _parts(text, "file", "the name of a file in ComfyUI's input or output folder")
    for base in bases.values():
        path = Path(base, *parts)
        if os.path.isfile(path):
            _check_inside(path, base, "file", name)
            return path
    folders = " or ".join(mark.strip(" []") for mark in bases)
    raise ValueError(f"file {name[:LONGEST]!r} is not in ComfyUI's {folders} folder; {_listing()}")


def known_files() -> list[str]:
    """Names of the .safetensors files in both folders, sorted, as `input_file` takes them."""
    inputs = _files(folder_paths.get_input_directory())
    outputs = _files(folder_paths.get_output_directory())
    return [*sorted(inputs), *(name + OUTPUT for name in sorted(outputs))]


def fingerprint(name: str) -> str:
    """Hash of a file's content, for ComfyUI's cache.

    Raises:
        ValueError: see `input_file`.
    """
    path = input_file(name)
    if path.stat().st_size > LIMIT:
        return "too large to be loaded"
    content = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(2**20):
            content.update(chunk)
    return content.hexdigest()


def save(node: type[io.ComfyNode], prefix: str, write: Callable[[Path], None]) -> io.NodeOutput:
    """Write a new file: its name as output and under the node, itself in the history.

    There it is an entry like those of saved pictures, so that ComfyUI's lists of jobs and assets
    have it, and scripts can ask `/view` for it.

    Args:
        node: that saves, see `saver_schema`.
        prefix: see `output_file`.
        write: writes the file at a path.

    Raises:
        ValueError: see `output_file`, or what `write` raises.
    """
    path = output_file(prefix)
    write(path)
    name = file_name(path)
    server = getattr(PromptServer, "instance", None)  # none where graphs run without a server
    if server is not None and node.hidden is not None:
        server.send_progress_text(name, node.hidden.unique_id)
    folder = path.parent.relative_to(folder_paths.get_output_directory()).as_posix()
    entry = ui.SavedResult(path.name, "" if folder == "." else folder, io.FolderType.output)
    shown = ui.PreviewText(name).as_dict()
    return io.NodeOutput(name, ui={**shown, "self_guidance_files": [entry]})


def _files(base: str) -> Iterator[str]:
    for folder, _, names in islice(os.walk(base), FOLDERS):
        for path in (Path(folder, name) for name in names if name.endswith(SUFFIX)):
            if _inside(path, base):
                yield path.relative_to(base).as_posix()


def _listing() -> str:
    names = known_files()
    if not names:
        return f"there is no {SUFFIX} file in the input or output folder; save one first"
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f"files there are: {', '.join(names[:LISTED])}{more}"


def _parts(text: str, what: str, wanted: str) -> list[str]:
    """Folders and name of a relative path without `..`."""
    # control characters end or hide names; lone surrogates are invalid in file systems
    if not isinstance(text, str) or any(c < " " or "\ud800" <= c <= "\udfff" for c in text):
        raise ValueError(f"{what} must be {wanted}, got {text!a:.80}")
    text = text.strip()
    parts = [part for part in text.replace("\\", "/").split("/") if part not in ("", ".")]
    if PureWindowsPath(text).anchor or ".." in parts:  # drives, shares and leading slashes
        raise _outside(what, text)
    if not parts:
        raise ValueError(f"{what} is empty; write {wanted}")
    return parts


def _check_inside(path: Path, base: str, what: str, text: str) -> None:
    if not _inside(path, base):
        raise _outside(what, text)


def _inside(path: Path, base: str) -> bool:
    """Whether a path, after all links, is in a folder."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(base))


def _outside(what: str, text: str) -> ValueError:
    return ValueError(
        f"{what} {text[:LONGEST]!r} leads out of ComfyUI's folders; write a name inside them, with "
        "subfolders but without a drive, a leading slash, '..' or a link to elsewhere"
    )


def saver_schema(node_id: str, value: io.Input, prefix: str, description: str) -> io.Schema:
    """Schema of a node that saves; its names are made of the last word of the node id.

    Args:
        node_id: SelfGuidanceSave and the name of what is saved.
        value: the input that takes what is saved.
        prefix: default of `filename_prefix`.
        description: of the node.
    """
    noun = node_id.removeprefix("SelfGuidanceSave")
    return schema(
        node_id=node_id,
        aliases=[f"export {noun.lower()}"],
        display_name=f"Self-Guidance Save {noun}",
        category=CATEGORY,
        description=description,
        inputs=[
            value,
            io.String.Input(
                "filename_prefix",
                default=prefix,
                tooltip="Name in the output folder, with subfolders if you like; a number is "
                "added. %date:yyyy-MM-dd% and the like work as in Save Image.",
            ),
        ],
        outputs=[
            FileName.Output(
                display_name="file", tooltip=f"Name of the file, as Load {noun} takes it."
            )
        ],
        hidden=[io.Hidden.unique_id],
        is_output_node=True,
    )


def loader_schema(node_id: str, value: io.Output, description: str) -> io.Schema:
    """Schema of a `FileLoader`; its names are made of the last word of the node id.

    Args:
        node_id: SelfGuidanceLoad and the name of what is loaded.
        value: the output.
        description: of the node.
    """
    noun = node_id.removeprefix("SelfGuidanceLoad")
    return schema(
        node_id=node_id,
        aliases=[f"import {noun.lower()}"],
        display_name=f"Self-Guidance Load {noun}",
        category=CATEGORY,
        description=description,
        inputs=[
            io.Combo.Input(
                "file",
                options=known_files(),
                tooltip="The file, in the input folder or, with [output], in the output folder.",
            )
        ],
        outputs=[value],
    )


class FileLoader(io.ComfyNode):
    """Base of nodes that load a file: validation of its name, and caching by its content."""

    @classmethod
    def validate_inputs(cls, file: str | None = None) -> bool | str:
        """Accept any existing file, also one newer than the list; `file` is None if wired."""
        try:
            return file is None or bool(input_file(file))
        except ValueError as error:
            return str(error)

    @classmethod
    def fingerprint_inputs(cls, file: str | None = None) -> str | float:
        """Hash of the content. If the name is wired it is unknown here: never cached."""
        # a new NaN each time: ComfyUI compares by identity first, and `math.nan` is one object
        return float("nan") if file is None else fingerprint(file)
