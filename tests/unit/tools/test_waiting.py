"""A limit says what it waited for, and how far that had come."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from selfguidance.tools.host import waiting

GRAPH = {"3": {"class_type": "KSampler", "_meta": {"title": "Sample"}}}
RUNNING = [0, "runs", GRAPH, {"client_id": "me"}, []]
PENDING = [[7, "third", {}, {}, []], [5, "second", {}, {}, []]]  # ComfyUI's queue is a heap


def server(**queue: list[Any]) -> Any:
    """A ComfyUI in which nothing ends."""
    told = {"/queue": {"queue_running": [], "queue_pending": [], **queue}}
    return SimpleNamespace(json=lambda path: told.get(path, {}))


def test_what_is_told_is_given_back() -> None:
    answers = iter(["", "", "told"])
    assert waiting.until(lambda: next(answers), "an answer", 5) == "told"


def test_a_limit_says_what_it_waited_for_and_how_far_that_came() -> None:
    with pytest.raises(TimeoutError, match=r"^waited 0 s for a run to end; step 3 of 25$"):
        waiting.until(lambda: None, "a run to end", 0, lambda: "step 3 of 25")


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("second", "1 prompts come before it"),
        ("third", "2 prompts come before it"),
        ("gone", "it neither runs nor waits"),
    ],
)
def test_a_prompt_that_does_not_run_says_so(prompt: str, expected: str) -> None:
    busy = server(queue_running=[RUNNING], queue_pending=PENDING)
    with pytest.raises(TimeoutError, match=f"^waited 0 s for x to end; {expected}$"):
        waiting.finished(busy, prompt, "x", 0)


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ({"node": "3", "step": "step 2 of 9"}, "node 3 'Sample' runs, step 2 of 9"),
        ({"node": "3"}, "node 3 'Sample' runs, and tells no step"),
        ({}, "it runs, ComfyUI does not say which node"),
    ],
)
def test_a_prompt_that_runs_says_its_node_and_step(
    monkeypatch: pytest.MonkeyPatch, seen: dict[str, str], expected: str
) -> None:
    async def watch(server: Any, client: str, found: dict[str, str]) -> None:
        assert client == "me"
        found |= seen

    monkeypatch.setattr(waiting, "_watch", watch)
    assert waiting.progress(server(queue_running=[RUNNING]), "runs") == expected
    assert waiting.working(server(queue_running=[RUNNING])) == expected


def test_a_browser_test_whose_thread_has_a_loop_is_told_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def watch(server: Any, client: str, found: dict[str, str]) -> None:
        found["node"] = "3"

    async def told() -> str:
        return waiting.progress(server(queue_running=[RUNNING]), "runs")

    monkeypatch.setattr(waiting, "_watch", watch)
    assert asyncio.run(told()) == "node 3 'Sample' runs, and tells no step"


def test_a_server_without_work_says_so() -> None:
    assert waiting.working(server()) == "ComfyUI runs nothing"
