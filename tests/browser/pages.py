"""Actions of a user on ComfyUI's page, and the page's state and errors."""

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from selfguidance.tools.host import serve, waiting

Value = TypeVar("Value")
OURS = f"/extensions/{serve.PACK}/"
REGISTRY = "api.comfy.org"  # the page looks up nodes of packs there; errors of that are ignored
THEMES = ("dark", "light")
SHOTS = "SELF_GUIDANCE_SHOTS"  # variable that is set where screenshots are wanted

SEE_ERRORS = "error-overlay-see-errors"  # a button of newer pages
CARD = "[data-testid^=template-workflow-]"
HITS = 12  # more than a search for a name finds, fewer than there are templates

NODES = "window.app?.graph?.nodes ?? []"  # their ids are numbers, on newer pages strings
SHOWN = {  # whether a node of this type shows a picture, by the way in which ComfyUI draws nodes
    "canvas": f"""type => ({NODES}).filter(node => node.type === type)
        .flatMap(node => node.imgs ?? []).some(image => image.naturalWidth > 0)""",
    "vue": f"""type => ({NODES}).filter(node => node.type === type)
        .map(node => document.querySelector(`[data-node-id="${{node.id}}"] img`))
        .some(image => image?.naturalWidth > 0)""",
}
# by the colour of text in a field, because not every page has a class that names its theme
DARK = """(() => {
    const probe = document.body.appendChild(document.createElement("span"));
    probe.style.color = "var(--input-text)";
    const [red] = getComputedStyle(probe).color.match(/\\d+/g).map(Number);
    probe.remove();
    return red > 127;
})()"""
FRAMES = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
PALETTE = """theme => window.app.extensionManager.setting.set("Comfy.ColorPalette", theme)"""


class Complaints:
    """Errors of the page that come from the pack's files or name its nodes."""

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


def visit(page: Any, server: serve.Server, drawn: str = "canvas", offers: bool = False) -> None:
    """Open the page with an empty history and the dark theme.

    Args:
        page: the page.
        server: the server that serves it.
        drawn: how it draws nodes, a key of `SHOWN`.
        offers: whether it offers to download missing models, in a dialog over the graph.
    """
    server.get("/settings/Comfy.TutorialCompleted", b"true")
    server.get("/settings/Comfy.ColorPalette", b'"dark"')
    server.get("/settings/Comfy.VueNodes.Enabled", json.dumps(drawn == "vue").encode())
    server.get("/settings/Comfy.Workflow.ShowMissingModelsWarning", json.dumps(offers).encode())
    idle(server)
    server.get("/history", json.dumps({"clear": True}).encode())
    load(page, server)


def idle(server: serve.Server) -> None:
    """Stop running and queued graphs, which a failed test may have left."""
    server.get("/queue", json.dumps({"clear": True}).encode())

    def ended() -> bool:
        running = server.json("/queue")["queue_running"]
        if running:
            server.get("/interrupt", b"{}")
        return not running

    waiting.until(ended, "an interrupted run to end", 60, lambda: waiting.working(server))


def load(page: Any, server: serve.Server) -> None:
    """Load or reload the page."""
    page.goto(server.address)
    wait_until(page, f"() => ({NODES}).length", "the page's first graph")


def open_card(page: Any, name: str) -> None:
    """Find a template of the pack in ComfyUI's template browser and click on its card."""
    page.get_by_role("button", name="Templates").click()
    dialog = page.get_by_role("dialog").first
    dialog.get_by_text(serve.PACK, exact=True).first.click()
    # the list is redrawn a little after the last key; a click before that may be lost
    last = dialog.locator(CARD).nth(HITS)
    last.wait_for()
    dialog.get_by_placeholder(re.compile("^Search")).fill(name)
    last.wait_for(state="detached")
    card = dialog.get_by_test_id(f"template-workflow-{name}")
    card.click()
    card.wait_for(state="hidden")  # not the dialog: one about missing models may come after it


def press_run(page: Any) -> None:
    """Click on Run."""
    page.get_by_role("button", name="Run", exact=True).first.click()


def finished_run(server: serve.Server) -> dict[str, Any]:
    """The status of the only run in the server's history, once it has ended."""
    (run,) = until_run(server, lambda: server.json("/history")).values()
    return run["status"]


def until_run(server: serve.Server, read: Callable[[], Value], seconds: float = 300) -> Value:
    """Call `read` until it returns a true value, such as the result of a finished run."""
    return waiting.until(read, "a run to end", seconds, lambda: waiting.working(server))


def wait_until(page: Any, condition: str, what: str, arg: Any = None, seconds: float = 120) -> None:
    """Wait until a JavaScript function returns a true value on the page.

    Raises:
        TimeoutError: the time limit was reached; the message says what was waited for.
    """
    from playwright.sync_api import TimeoutError as Late

    try:
        page.wait_for_function(condition, arg=arg, timeout=1000 * seconds)
    except Late as error:
        raise TimeoutError(f"waited {seconds:.0f} s for {what}") from error


@contextmanager
def themed(page: Any, theme: str) -> Iterator[None]:
    """Context in which the page has a theme; the dark theme is restored afterwards."""
    page.evaluate(PALETTE, theme)
    wait_until(page, f"theme => {DARK} === (theme === 'dark')", f"the {theme} theme", theme)
    settle(page)
    try:
        yield
    finally:
        if theme != "dark":
            page.evaluate(PALETTE, "dark")


def settle(page: Any) -> None:
    """Wait until pending changes are drawn, which the page does before its next frame."""
    page.evaluate(FRAMES)


def steady(read: Callable[[], Any], page: Any) -> Any:
    """Call `read` until it has returned the same value for half a second; returns that value."""
    values = [read()]
    while len(values) < 6 or any(one != values[-1] for one in values[-6:]):
        assert len(values) < 600, "it goes on changing"
        page.wait_for_timeout(100)
        values.append(read())
    return values[-1]


def shot(page: Any, file: Path) -> None:
    """Save a screenshot of the page, if somebody will look at it."""
    if os.environ.get(SHOTS):
        page.screenshot(path=str(file))


def pictured(page: Any, theme: str, file: Path) -> None:
    """Save a screenshot of the page in a theme, if somebody will look at it."""
    if os.environ.get(SHOTS):
        with themed(page, theme):
            page.screenshot(path=str(file))
