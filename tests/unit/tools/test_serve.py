"""What `nox -s ui` needs before ComfyUI runs: a free port and the pack in its custom_nodes."""

import socket
from pathlib import Path

import pytest
from selfguidance.tools.host import serve, waiting


def test_the_wanted_port_is_taken_if_free_and_another_one_if_not() -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        assert serve.free_port(port) not in (0, port)
    assert serve.free_port(port) == port


def test_link_follows_the_checkout_when_it_moves(tmp_path: Path) -> None:
    place = tmp_path / "custom_nodes" / "pack"
    for name in ("before", "after"):
        (tmp_path / name).mkdir()
        serve.link(place, tmp_path / name)
        serve.link(place, tmp_path / name)
        assert place.resolve() == tmp_path / name
    (tmp_path / "after").rmdir()
    serve.link(place, tmp_path / "before")
    assert place.resolve() == tmp_path / "before"


def test_nothing_answers_on_an_unused_port() -> None:
    assert not serve.answers(f"http://127.0.0.1:{serve.free_port()}/system_stats")


def test_a_server_that_does_not_answer_is_named_with_what_it_was_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(serve, "PATIENCE", 0.2)
    (tmp_path / "main.py").write_text("print('begun', flush=True); import time; time.sleep(60)")
    log = tmp_path / "log"
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        with serve.Server(tmp_path, tmp_path, port, log=log, pack=tmp_path) as server:
            waiting.until(log.read_text, "its first word", 60)
            with pytest.raises(TimeoutError, match=r"waited 0 s for .* answer /queue; .*\nbegun"):
                server.json("/queue")
