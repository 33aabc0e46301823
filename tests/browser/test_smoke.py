"""What a user sees: the pack's templates are offered, one opens, runs and shows its pictures."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selfguidance.demo import host, serve

PREVIEW = "SelfGuidanceAttentionPreview"
OURS = f"/extensions/{serve.PACK}/"
REGISTRY = "api.comfy.org"  # the page looks up every pack's nodes there, and may not reach it
WORKFLOWS = sorted((host.ROOT / "examples_workflows").glob("*.json"))

NODES = "window.app?.graph?.nodes ?? []"
PICTURE_OF_TEMPLATE = """name => [...document.querySelectorAll("[role=dialog] img")]
    .some(image => image.alt === name && image.naturalWidth > 0)"""
SHOWN = {  # whether a node of this type shows a picture, for each way that ComfyUI draws nodes
    "canvas": f"""type => ({NODES}).filter(node => node.type === type)
        .flatMap(node => node.imgs ?? []).some(image => image.naturalWidth > 0)""",
    "vue": f"""type => ({NODES}).filter(node => node.type === type)
        .map(node => document.querySelector(`[data-node-id="${{node.id}}"] img`))
        .some(image => image?.naturalWidth > 0)""",
}


class Complaints:
    """Errors on the page that come from the pack's own files or speak of its nodes."""

    def __init__(self, page: Any) -> None:
        self.texts: list[str] = []
        page.on("console", self.console)
        page.on("pageerror", lambda error: self.note(str(error.stack or error)))

    def console(self, message: Any) -> None:
        if message.type == "error":
            self.note(f"{message.text} ({message.location.get('url', '')})")

    def note(self, text: str) -> None:
        if REGISTRY not in text and (OURS in text or "SelfGuidance" in text):
            self.texts.append(text)


@pytest.fixture
def complaints(page: Any) -> Iterator[Complaints]:
    found = Complaints(page)
    yield found
    assert not found.texts


def open_template(page: Any, name: str) -> None:
    """Click through ComfyUI's template browser."""
    page.get_by_role("button", name="Templates").click()
    page.get_by_text(serve.PACK, exact=True).first.click()
    for file in WORKFLOWS:  # the page loads and drops pictures as one scrolls
        page.get_by_text(file.stem, exact=True).first.scroll_into_view_if_needed()
        page.wait_for_function(PICTURE_OF_TEMPLATE, arg=file.stem)
    page.get_by_text(name, exact=True).first.click()
    page.wait_for_function(f"type => ({NODES}).some(node => node.type === type)", arg=PREVIEW)


def finished_run(server: serve.Server, seconds: float = 300) -> dict[str, Any]:
    """The status of the only run in the server's history, once it has ended."""
    end = time.monotonic() + seconds
    while not (runs := server.json("/history")):
        assert time.monotonic() < end, f"nothing has run within {seconds:.0f} s"
        time.sleep(0.3)
    (run,) = runs.values()
    return run["status"]


@pytest.mark.parametrize("drawn", SHOWN)
def test_a_template_opens_runs_and_shows_attention(
    chromium: str,
    server: serve.Server,
    page: Any,
    complaints: Complaints,
    tmp_path: Path,
    drawn: str,
) -> None:
    name = next(file.stem for file in WORKFLOWS if PREVIEW in file.read_text("utf-8"))
    server.get("/settings/Comfy.TutorialCompleted", b"true")
    server.get("/settings/Comfy.VueNodes.Enabled", json.dumps(drawn == "vue").encode())
    server.get("/history", json.dumps({"clear": True}).encode())
    page.goto(server.address)
    page.wait_for_function(f"() => ({NODES}).length")
    open_template(page, name)

    page.get_by_test_id("queue-button").get_by_role("button").first.click()
    status = finished_run(server)
    assert status["status_str"] == "success", json.dumps(status, indent=1)

    page.wait_for_function(SHOWN[drawn], arg=PREVIEW)
    page.screenshot(path=str(tmp_path / "page.png"))
