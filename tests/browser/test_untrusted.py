"""Workflows from anybody: what they say stays text, and neither size nor shape breaks the page."""

import copy
from typing import Any

import pytest
from selfguidance.tests.browser.pages import (
    NODES,
    SEE_ERRORS,
    SHOWN,
    finished_run,
    press_run,
    shot,
    visit,
    wait_until,
)
from selfguidance.tests.host.gallery import read
from selfguidance.tools.host import serve

EVIL = '"><img src=x onerror="window.evil=1"><script>window.evil=1</script>'
OPEN = "graph => window.app.loadGraphData(graph)"
PINNED = "self_guidance_attention"
SHOWING = "self_guidance_live_view"
PROPERTIES: dict[str, Any] = {
    "markup": {"open": True, "hidden": [EVIL], "pins": [EVIL], "step": EVIL, "site": EVIL},
    "types": {"open": "yes", "hidden": 7, "pins": {"0": "a"}, "step": [], "picture": None},
    "absurd": {"open": True, "hidden": ["a"] * 10_000, "pins": ["b"] * 10_000, "step": 1e300},
    "no object": [1, 2, 3],
    "prototype": {"__proto__": {"open": True}, "constructor": EVIL, "toString": 1},
}
# canvases of more pixels than any screen has would take all memory
LARGEST = """() => Math.max(...[...document.querySelectorAll(".self-guidance-view canvas")]
    .map(canvas => canvas.width * canvas.height))"""


def hostile(name: str, properties: Any) -> dict[str, Any]:
    """A template whose notes, titles and views are not what the pack would save."""
    graph = copy.deepcopy(read(f"{name}.json"))
    for group in graph["groups"]:
        group["title"] = EVIL
    for node in graph["nodes"]:
        node["title"] = EVIL
        if node["type"] in ("Note", "MarkdownNote", "SelfGuidancePrompt"):
            node["widgets_values"][0] = EVIL + node["widgets_values"][0]
        if node["type"] in ("SelfGuidanceKSampler", "SelfGuidanceAttentionPreview"):
            node["properties"] |= {PINNED: properties, SHOWING: properties}
            node["size"] = [40_000, 40_000]
    return graph


@pytest.mark.pages
@pytest.mark.parametrize("drawn", SHOWN)
def test_hostile_workflows_run_no_script_and_leave_the_page_alive(
    chromium: str,
    server: serve.Server,
    page: Any,
    complaints: Any,
    drawn: str,
) -> None:
    visit(page, server, drawn)
    for kind, properties in PROPERTIES.items():
        page.evaluate(OPEN, hostile("look_at_attention", properties))
        ours = f"() => ({NODES}).some(n => n.type === 'SelfGuidanceKSampler')"
        wait_until(page, ours, f"the nodes of the graph '{kind}'")
        page.wait_for_timeout(600)
        assert page.evaluate("() => window.evil") is None, kind
        assert page.locator(".self-guidance-view :is(img, script)").count() == 0
        assert page.evaluate(LARGEST) < 5e7, kind
        sent = page.evaluate("async () => (await window.app.graphToPrompt()).output")
        assert sent, kind
    page.evaluate(OPEN, read("look_at_attention.json"))
    node = f"() => ({NODES}).some(n => n.title === 'Sample and record')"
    wait_until(page, node, "the node 'Sample and record'")


@pytest.mark.parametrize("drawn", SHOWN)
def test_a_bad_name_is_a_readable_error_of_its_node(
    chromium: str,
    server: serve.Server,
    page: Any,
    complaints: Any,
    tmp_path: Any,
    drawn: str,
) -> None:
    visit(page, server, drawn)
    graph = read("start_here.json")
    (canvas,) = [node for node in graph["nodes"] if node["type"] == "SelfGuidanceLayout"]
    canvas["widgets_values"][0] = EVIL
    for node in graph["nodes"]:
        if node["type"] == "SelfGuidanceKSampler":
            node["widgets_values"][2] = 2
    page.evaluate(OPEN, graph)
    press_run(page)
    assert finished_run(server)["status_str"] == "error"
    told = page.get_by_text("the layout cannot be read").first
    details = page.get_by_test_id(SEE_ERRORS)  # of newer pages, which tell of errors in a panel
    told.or_(details).first.wait_for()
    if details.is_visible():
        details.click()
    told.wait_for()
    shot(page, tmp_path / "error.png")
    failed = page.evaluate("() => window.app.lastExecutionError?.node_id")
    assert str(failed) == str(canvas["id"])
    assert page.evaluate("() => window.evil") is None
