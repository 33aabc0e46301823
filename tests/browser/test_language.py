"""The page in Chinese: names of nodes and inputs, and the help panel with its picture."""

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from selfguidance.tests.browser.pages import shot, visit, wait_until
from selfguidance.tools.host import host, serve

NODE = "SelfGuidanceMoveObject"
ALONE = """type => {
    const graph = window.app.graph;
    graph.clear();
    const node = window.LiteGraph.createNode(type);
    node.pos = [500, 300];
    graph.add(node);
    const { ds, canvas } = window.app.canvas;
    ds.offset = [0, 0];
    ds.scale = 1;
    window.app.canvas.draw(true, true); // a click meets the nodes that were drawn last
    const labels = node.inputs.map(slot => slot.label ?? slot.localized_name ?? slot.name);
    const { left, top } = canvas.getBoundingClientRect();
    return { title: node.title, labels, bar: [left + 600, top + 285] };
}"""
HELP = ".node-help-content"
INFO = "button:has(.icon-\\[lucide--info\\]), [data-testid=info-button]"


@pytest.fixture(scope="module", params=["en", "zh"])
def locale(request: pytest.FixtureRequest) -> str:
    """Language of the browser and of the page."""
    return request.param


@pytest.fixture
def language(server: serve.Server, locale: str) -> Iterator[str]:
    """The page's language, set back afterwards."""
    server.get("/settings/Comfy.Locale", json.dumps(locale).encode())
    yield locale
    server.get("/settings/Comfy.Locale", b'"en"')


def help_offered(page: Any, x: float, y: float) -> Any:
    """The button that newer pages show for a node that a user has clicked on, there."""
    from playwright.sync_api import TimeoutError as Late

    button = page.locator(INFO).first
    for _ in range(20):  # a click on a page that still loads may be lost
        page.mouse.click(x, y)
        with suppress(Late):
            button.wait_for(timeout=6000)
            return button
    raise TimeoutError("a selected node offers no help")


def test_a_node_and_its_help_speak_the_language_of_the_page(
    server: serve.Server, page: Any, language: str, tmp_path: Any
) -> None:
    visit(page, server)
    assert (
        page.evaluate("() => window.app.extensionManager.setting.get('Comfy.Locale')") == language
    )
    shown = page.evaluate(ALONE, NODE)
    file = host.ROOT / "locales" / language / "nodeDefs.json"
    words = json.loads(file.read_text("utf-8"))[NODE]
    assert shown["title"] == words["display_name"]
    assert set(shown["labels"]) == {slot["name"] for slot in words["inputs"].values()}

    help_offered(page, *shown["bar"]).click()
    image = page.locator(f"{HELP} img").first
    image.wait_for()
    drawn = f"() => document.querySelector('{HELP} img')?.naturalWidth > 100"
    wait_until(page, drawn, "the picture of the help page")
    assert image.get_attribute("src").endswith(f"/docs/images/{NODE}.jpg")
    titles = page.locator(f"{HELP} h2").all_inner_texts()
    assert titles[0] == {"en": "When to use it", "zh": "何时使用"}[language]
    shot(page, tmp_path / f"help_{language}.png")
