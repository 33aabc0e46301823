"""The newer page is fetched once, whole or not at all."""

import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from selfguidance.tools.host import frontend, host


@pytest.fixture
def downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Stands for pip: the commands that it was asked for."""
    asked: list[list[str]] = []

    def run(command: list[str], **_: Any) -> SimpleNamespace:
        asked.append(command)
        wheel = Path(command[command.index("--dest") + 1], "page.whl")
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr(frontend.INSIDE + "index.html", "page")
            archive.writestr(frontend.INSIDE + "assets/main.js", "")
            archive.writestr("comfyui_frontend_package/__init__.py", "")
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(host, "CACHE", tmp_path / ".cache")
    monkeypatch.setattr(frontend.subprocess, "run", run)
    return asked


def test_the_page_is_downloaded_once(downloads: list[list[str]]) -> None:
    folder = frontend.newer()
    assert sorted(path.name for path in folder.iterdir()) == ["assets", "index.html"]
    assert frontend.newer() == folder
    assert [command[-1] for command in downloads] == [frontend.PACKAGE]
    assert list(host.CACHE.iterdir()) == [folder]


def test_what_pip_says_is_in_the_error_and_nothing_is_left(
    downloads: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = SimpleNamespace(returncode=1, stderr="Could not find a version")
    with monkeypatch.context() as patched:
        patched.setattr(frontend.subprocess, "run", lambda *_, **__: failed)
        with pytest.raises(OSError, match="Could not find a version"):
            frontend.newer()
    assert not list(host.CACHE.iterdir())
    assert (frontend.newer() / "index.html").read_text("utf-8") == "page"
