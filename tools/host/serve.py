"""Start ComfyUI's server with the pack installed, for `nox -s ui` and for the tests."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any

from . import host, threads, waiting

PACK = "ComfyUI-SelfGuidance"
PORT = 8188
PATIENCE = 60.0  # seconds for an answer, which a running model delays


class Server:
    """A ComfyUI server in a process of its own, which ends with the `with` block.

    Args:
        comfy: the folder of ComfyUI.
        base: folder for models, input, output and custom_nodes; the pack is linked into the last.
        port: TCP port on this machine.
        cpu: whether it runs on the CPU although there may be a GPU.
        log: file for its output; None: the output of this process.
        pack: the folder of the pack.
        page: folder of another version of ComfyUI's page; None: the installed one.
    """

    def __init__(
        self,
        comfy: Path,
        base: Path,
        port: int,
        cpu: bool = True,
        log: Path | None = None,
        pack: Path = host.ROOT,
        page: Path | None = None,
    ) -> None:
        self.base = base
        self.log = log
        self.address = f"http://127.0.0.1:{port}"
        link(base / "custom_nodes" / PACK, pack)
        command = [sys.executable, str(comfy / "main.py"), *arguments(base, port, cpu)]
        command += ["--front-end-root", str(page)] if page else []
        output = open(log, "wb") if log else None  # noqa: SIM115  the process keeps it
        env = {**os.environ, **threads.settings()}
        self.process = subprocess.Popen(command, cwd=comfy, stdout=output, stderr=output, env=env)
        if output:
            output.close()

    def wait(self, seconds: float = 600) -> None:
        """Wait until the server answers.

        Raises:
            RuntimeError: the server ended; the message has the end of its log.
            TimeoutError: it did not answer in time; the message has the end of its log.
        """
        what = f"ComfyUI to answer at {self.address}"
        waiting.until(self._answers, what, seconds, lambda: f"its log{self._tail()}")

    def _answers(self) -> bool:
        if self.process.poll() is not None:
            raise RuntimeError(f"ComfyUI ended with {self.process.returncode}{self._tail()}")
        return answers(self.address + "/system_stats")

    def get(self, path: str, data: bytes | None = None) -> bytes:
        """The answer to a GET of `path`, or with `data` to a POST.

        Raises:
            TimeoutError: there was no answer; the message has the end of the log.
        """
        try:
            reply: bytes = _open(self.address + path, data).read()
        except OSError as error:
            if not isinstance(getattr(error, "reason", error), TimeoutError):
                raise
            what = f"waited {PATIENCE:.0f} s for ComfyUI to answer {path}"
            raise TimeoutError(f"{what}; its log{self._tail()}") from error
        return reply

    def json(self, path: str, data: Any = None) -> Any:
        """As `get`, with JSON for data and answer."""
        return json.loads(self.get(path, None if data is None else json.dumps(data).encode()))

    def _tail(self) -> str:
        if self.log is None:
            return "; see above"
        return ":\n" + self.log.read_text("utf-8", "replace")[-3000:]

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def arguments(base: Path, port: int, cpu: bool) -> list[str]:
    """Arguments of ComfyUI's main.py; the folders under `base` are created."""
    for name in ("input", "output", "temp", "user", "custom_nodes", "models"):
        (base / name).mkdir(parents=True, exist_ok=True)
    fixed = ["--disable-api-nodes", "--use-pytorch-cross-attention", "--disable-auto-launch"]
    fixed += ["--database-url", "sqlite:///:memory:", "--listen", "127.0.0.1"]
    return [*fixed, "--base-directory", str(base), "--port", str(port), *(["--cpu"] if cpu else [])]


def answers(address: str) -> bool:
    """Whether a GET of `address` succeeds."""
    try:
        with _open(address) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


def _open(address: str, data: bytes | None = None) -> Any:
    """Send a request and ignore the proxies of the environment variables."""
    request = urllib.request.Request(address, data, {"Content-Type": "application/json"})
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    return direct.open(request, timeout=PATIENCE)


def link(place: Path, target: Path) -> None:
    """Link `place` to the folder `target`: a symlink, or a junction if Windows forbids those."""
    if place.exists() and place.resolve() == target.resolve():
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    try:
        place.symlink_to(target, target_is_directory=True)
    except OSError:
        if sys.platform != "win32":
            raise
        subprocess.run(["cmd", "/c", "mklink", "/J", str(place), str(target)], check=True)


def free_port(wanted: int = 0) -> int:
    """The port `wanted` if it is free, else any free port."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            return free_port()
        return int(probe.getsockname()[1])


def on_cpu() -> bool:
    """Whether ComfyUI must be started with --cpu."""
    import torch

    if os.environ.get("SELF_GUIDANCE_CPU"):
        return True
    return not (torch.cuda.is_available() or torch.backends.mps.is_available())


def main(_: list[str]) -> None:
    """Serve until Ctrl-C."""
    port = free_port(PORT)
    with Server(host.find(), host.CACHE / "ui", port, on_cpu()) as server:
        try:
            server.wait()
            line = f"  ComfyUI with Self-Guidance: {server.address}   (Ctrl-C ends it)  "
            print(f"\n{'=' * len(line)}\n{line}\n{'=' * len(line)}\n", flush=True)
            sys.exit(server.process.wait())
        except KeyboardInterrupt:
            print("\nComfyUI ended.", flush=True)
        except (RuntimeError, TimeoutError) as error:
            sys.exit(f"ComfyUI could not be started: {error}")
