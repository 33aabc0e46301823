"""What a user does on ComfyUI's page, by the mouse: open a template, look, press Run."""

import json
from pathlib import Path
from typing import Any

from selfguidance.demo import serve
from selfguidance.tests.browser.test_smoke import NODES

THEMES = ("dark", "light")
PALETTE = """theme => window.app.extensionManager.setting.set("Comfy.ColorPalette", theme)"""


def visit(page: Any, server: serve.Server, drawn: str) -> None:
    """The page with nodes drawn in one of the two ways, "canvas" or "vue", in dark colours."""
    server.get("/settings/Comfy.TutorialCompleted", b"true")
    server.get("/settings/Comfy.ColorPalette", b'"dark"')
    server.get("/settings/Comfy.VueNodes.Enabled", json.dumps(drawn == "vue").encode())
    server.get("/history", json.dumps({"clear": True}).encode())
    page.goto(server.address)
    page.wait_for_function(f"() => ({NODES}).length")


def open_card(page: Any, name: str) -> None:
    """Find a template of the pack in ComfyUI's template browser and click on its card."""
    page.get_by_role("button", name="Templates").click()
    dialog = page.get_by_role("dialog").first
    dialog.get_by_text(serve.PACK, exact=True).first.click()
    dialog.get_by_placeholder("Search...").fill(name)
    dialog.get_by_test_id(f"template-workflow-{name}").click()
    dialog.wait_for(state="hidden")


def pictured(page: Any, theme: str, file: Path) -> None:
    """A screenshot in one of the page's own themes, which is dark again afterwards."""
    page.evaluate(PALETTE, theme)
    page.wait_for_timeout(300)
    page.screenshot(path=str(file))
    if theme != "dark":
        page.evaluate(PALETTE, "dark")
