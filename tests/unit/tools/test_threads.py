"""Processes that import torch are told to let waiting threads sleep, unless the user says else."""

from pathlib import Path

import pytest
from selfguidance.tools.host import environment, serve, threads


@pytest.mark.parametrize(
    ("given", "expected"), [({}, "PASSIVE"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE")]
)
def test_waiting_threads_sleep_unless_the_user_says_else(given: dict, expected: str) -> None:
    assert threads.settings(given) == {"OMP_WAIT_POLICY": expected}


def test_commands_get_the_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    assert environment.child_environment(tmp_path)["OMP_WAIT_POLICY"] == "PASSIVE"


def test_servers_get_the_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    (tmp_path / "main.py").write_text("import os; print(os.environ['OMP_WAIT_POLICY'])")
    log = tmp_path / "log"
    with serve.Server(tmp_path, tmp_path, serve.free_port(), log=log, pack=tmp_path) as server:
        server.process.wait()
    assert log.read_text().strip() == "PASSIVE"
