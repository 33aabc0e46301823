"""Which ComfyUIs the compatibility page is made of, and in which Python each runs."""

import os
import sys
from pathlib import Path

import pytest
from selfguidance.tools.host import matrix

PYTHON = "Scripts/python.exe" if sys.platform == "win32" else "bin/python"


def comfy(folder: Path, version: str) -> Path:
    """A folder that looks like a ComfyUI."""
    for name in ("main.py", "comfy/samplers.py"):
        file = folder / version / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    (folder / version / "comfyui_version.py").write_text(f'__version__ = "{version}"\n', "utf-8")
    return folder / version


def test_hosts_come_oldest_first_whoever_names_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, own, new, newest = (comfy(tmp_path, v) for v in ("0.3.64", "0.3.75", "0.18.1", "0.33.0"))
    monkeypatch.setenv("COMFYUI_PATH", str(own))
    monkeypatch.setenv("SELF_GUIDANCE_HOSTS", os.pathsep.join(map(str, (newest, old))))
    found = matrix.hosts([str(new)])
    assert [one.path for one in found] == [old, own, new, newest]
    assert [one.version for one in found] == ["0.3.64", "0.3.75", "0.18.1", "0.33.0"]


def test_a_folder_that_is_no_host_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMFYUI_PATH", str(comfy(tmp_path, "1.0")))
    with pytest.raises(FileNotFoundError, match="elsewhere"):
        matrix.hosts([str(tmp_path / "elsewhere")])


@pytest.mark.parametrize("name", ["venv", ".venv"])
def test_a_host_with_an_environment_of_its_own_runs_in_it(tmp_path: Path, name: str) -> None:
    one = matrix.Host(comfy(tmp_path, "1.0"))
    assert one.python == Path(sys.executable)
    python = one.path / name / PYTHON
    python.parent.mkdir(parents=True)
    python.touch()
    assert one.python == python
