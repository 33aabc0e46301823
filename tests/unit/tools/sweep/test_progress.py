"""Rate and time left."""

import pytest
from selfguidance.tools.sweep.progress import Progress, duration


def test_rate_and_time_left_count_what_was_done_now(capsys: pytest.CaptureFixture[str]) -> None:
    now = [0.0]
    progress = Progress(200, 100, lambda: now[0])
    assert progress.line(1) == "100/200 cells, 0.00 cells/min, ? left"
    for _ in range(40):
        now[0] += 0.5
        progress.add(failed=now[0] == 3, workers=2)
    assert progress.line(2) == "140/200 cells, 1 failed, 2 workers, 2.00 cells/s, 0:00:30 left"
    assert len(capsys.readouterr().out.splitlines()) == 1  # a line now and then, no terminal


def test_slow_cells_are_counted_by_the_minute() -> None:
    now = [0.0]
    progress = Progress(3, 0, lambda: now[0])
    now[0] = 90.0
    progress.add(failed=False, workers=1)
    assert progress.line(1) == "1/3 cells, 0.67 cells/min, 0:03:00 left"


@pytest.mark.parametrize(("seconds", "text"), [(59.6, "0:01:00"), (3725, "1:02:05")])
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
