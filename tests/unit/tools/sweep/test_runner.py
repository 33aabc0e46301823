"""Jobs in this process and on workers of the engine, of which some end."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from selfguidance.tools.host import host
from selfguidance.tools.sweep import measures
from selfguidance.tools.sweep.runner import LostError, Runner, runner

HERE = "selfguidance.tests.unit.tools.sweep.sweeps"
try:
    from selfguidance.tools.sweep import engine
except ImportError:
    if os.environ.get("CI"):
        raise
    engine = None
needs_engine = pytest.mark.skipif(engine is None, reason="needs tools/sweep/requirements.txt")


def done(found: Runner, folder: Path, numbers: list[int]) -> dict[int, object]:
    jobs = ((number, (str(folder), number)) for number in numbers)
    results = list(found.each(f"{HERE}:work", jobs))
    assert len({key for key, _ in results}) == len(results)
    return dict(results)


def test_one_worker_is_this_process(tmp_path: Path) -> None:
    with runner() as found:
        assert done(found, tmp_path, [1, 2]) == {1: (1, os.getpid()), 2: (2, os.getpid())}
        with pytest.raises(ZeroDivisionError):
            found.ask(f"{HERE}:broken", 1)


@needs_engine
def test_a_job_of_a_worker_that_ended_runs_on_another_and_is_given_up_after_three(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SELF_GUIDANCE_CPU", "1")
    with runner(workers=2) as found:
        results = done(found, tmp_path, [*range(8)])
        with pytest.raises(ZeroDivisionError):
            list(found.each(f"{HERE}:broken", [(1, (1,))]))
    assert sorted(results) == [*range(8)]
    lost = results.pop(6)
    assert isinstance(lost, LostError) and "3 tries" in str(lost)
    assert all(value[0] == key for key, value in results.items())
    assert os.getpid() not in {pid for _, pid in results.values()}
    assert len([*tmp_path.glob("6-*")]) == 3
    # a result that lies on a worker which ends is made again
    assert len([*tmp_path.glob("4-*")]) >= 2


def test_a_process_started_from_a_worker_finds_the_checkout_too(tmp_path: Path) -> None:
    code = (
        "import importlib, os, sys; importlib.import_module('sweep.preload'); "
        "assert os.environ['OMP_WAIT_POLICY'] and 'torch' not in sys.modules; "
        "del sys.modules['sweep.preload'], sys.modules['sweep'], os.environ['PYTHONPATH']; "
        "importlib.import_module('sweep.preload'); import selfguidance.tools.sweep.measures"
    )
    env = {**os.environ, "PYTHONPATH": str(host.ROOT / "tools")}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=env, check=True)


@needs_engine
def test_workers_share_cores_or_have_a_gpu_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert engine.environment(0, 2, [])["OMP_NUM_THREADS"] == "4"
    assert "CUDA_VISIBLE_DEVICES" not in engine.environment(0, 2, [])
    devices = [engine.environment(i, 3, ["2", "5"])["CUDA_VISIBLE_DEVICES"] for i in range(3)]
    assert devices == ["2", "5", "2"]


@needs_engine
def test_a_scheduler_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(engine.SETTINGS, "distributed.comm.timeouts.connect", "1s")
    address = "tcp://127.0.0.1:9"
    with pytest.raises(ValueError, match="no Dask scheduler answers at 'tcp"), runner(1, address):
        pass


def test_the_engine_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "selfguidance.tools.sweep.engine", None)
    with pytest.raises(ValueError, match="install it by"), runner(workers=2):
        pass


def test_functions_are_found_by_name() -> None:
    assert measures.function("tools.sweep.measures:shapes") is measures.shapes
    with pytest.raises(ValueError, match="module:function"):
        measures.function("tools.sweep.measures:none")
    with pytest.raises(ValueError, match="module:function"):
        measures.function("")
