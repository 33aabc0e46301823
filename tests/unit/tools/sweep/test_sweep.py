"""The command: its options, one line for each mistake, and how it ends when it is stopped."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from selfguidance.tests.unit.tools.sweep.sweeps import Fake, written
from selfguidance.tools.sweep import sweep


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[Fake]:
    """A runner in the place of any other; `asked` is what it was asked for."""
    made = Fake()

    @contextmanager
    def runner(*asked: Any) -> Iterator[Fake]:
        made.asked.append(asked)
        yield made

    monkeypatch.setattr(sweep, "runner", runner)
    before = signal.getsignal(signal.SIGTERM)
    yield made
    signal.signal(signal.SIGTERM, before)


def test_options_choose_folder_and_workers(
    tmp_path: Path, fake: Fake, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path, output="out", grid={"2.value": [1, 3]})
    other = tmp_path / "other"
    sweep.main([str(file), "--output", str(other), "--workers", "2", "--scheduler", "tcp://a:1"])
    said = capsys.readouterr().out
    assert "2 of 2 cells to run" in said and "2 of 2 cells are done, 1 of them failed" in said
    assert "cell 2: node 'v1.5 sampler' failed: ValueError: no" in said and str(other) in said
    sweep.main([str(file), "--output", str(other), "--again"])
    assert fake.asked == [(2, "tcp://a:1"), (1, "")] and fake.cells == [1, 2, 2]


def test_a_mistake_is_one_line(tmp_path: Path, fake: Fake) -> None:
    with pytest.raises(SystemExit) as ended:
        sweep.main([str(written(tmp_path, set={"9.value": 1}))])
    assert str(ended.value).startswith("no node for '9.value'")
    assert "\n" not in str(ended.value)


def test_a_sweep_that_is_ended_says_how_to_go_on(tmp_path: Path, fake: Fake) -> None:
    file = written(tmp_path, output="out", grid={"2.value": [1, 2]})
    fake.results[2] = KeyboardInterrupt()
    with pytest.raises(SystemExit, match="the same command goes on"):
        sweep.main([str(file)])
    assert signal.getsignal(signal.SIGTERM) is signal.default_int_handler
