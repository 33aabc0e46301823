"""The attention browser in the preview's node, in a real page, with both ways to draw nodes."""

import json
from pathlib import Path
from typing import Any

import pytest
from selfguidance.tests.browser.pages import (
    NODES,
    SHOWN,
    THEMES,
    finished_run,
    pictured,
    settle,
    wait_until,
)
from selfguidance.tests.browser.test_live import SHORT, opened
from selfguidance.tools.host import serve

ONE = 10  # the preview of one object in the template
WIDGET = f"({NODES}).find(node => node.id == {ONE}).widgets.find(w => w.name === 'attention')"
VIEW = f"""() => {{
    const view = {WIDGET}.element;
    const canvas = view.querySelector(".self-guidance-stage");
    const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    const chips = [...view.querySelectorAll(".self-guidance-words button")];
    return {{
        status: view.querySelector(".self-guidance-status").textContent,
        words: chips.map(chip => chip.textContent),
        pinned: chips.filter(chip => chip.ariaPressed === "true").map(chip => chip.textContent),
        stage: data.reduce((sum, value, i) => (sum + value * (i % 97)) % 1e9, 0),
    }};
}}"""
FIRE = f"""([index, kind]) => {{
    const chip = {WIDGET}.element.querySelectorAll(".self-guidance-words button")[index];
    if (kind === "click") chip.click(); else chip.dispatchEvent(new Event(kind));
}}"""

SCRUB = f"""() => {{
    const scrub = {WIDGET}.element.querySelector(".self-guidance-scrub");
    scrub.value = "0";
    scrub.dispatchEvent(new Event("input"));
}}"""

# pixels that one sees of the row of words that the list cuts off; None if it shows them all
CUT = f"""() => {{
    const list = {WIDGET}.element.querySelector(".self-guidance-words");
    if (list.scrollHeight <= list.clientHeight) return null;
    const rows = [...new Set([...list.children].map(chip => chip.offsetTop))];
    const top = rows.filter(row => row - list.offsetTop < list.clientHeight).at(-1);
    return list.clientHeight - (top - list.offsetTop);
}}"""


def seen(page: Any) -> dict[str, Any]:
    settle(page)
    return page.evaluate(VIEW)


def inputs(page: Any) -> dict[str, Any]:
    return page.evaluate(f"async () => (await window.app.graphToPrompt()).output[{ONE}].inputs")


def filled(server: serve.Server, page: Any, drawn: str) -> dict[str, Any]:
    """The browser after a run."""
    opened(server, page, drawn, "10_look_at_attention")
    page.evaluate(f"() => window.app.canvas.centerOnNode(window.app.graph.getNodeById({ONE}))")
    page.evaluate(SHORT, 3 if drawn == "vue" else 4)
    assert finished_run(server)["status_str"] == "success"
    wait_until(page, f"() => ({VIEW})().words.length", "the words of the view")
    plain = seen(page)
    assert plain["words"][:2] == ["red circle", "blue square"] and not plain["pinned"]
    return plain


def hovered_differs(page: Any, plain: dict[str, Any]) -> None:
    chips = f"{WIDGET}.element.querySelectorAll('.self-guidance-words button')"
    maps = []
    for index, name in enumerate(("red circle", "blue square")):
        page.evaluate_handle(f"index => {chips}[index]", index).as_element().hover()
        hovered = seen(page)
        assert hovered["status"] == name and hovered["stage"] != plain["stage"]
        maps.append(hovered["stage"])
    assert maps[0] != maps[1]
    page.mouse.move(800, 990)
    assert seen(page)["stage"] == plain["stage"]


@pytest.mark.pages
@pytest.mark.parametrize("drawn", SHOWN)
def test_words_are_looked_at_pinned_scrubbed_and_used_as_a_mask(
    server: serve.Server,
    page: Any,
    complaints: Any,
    tmp_path: Path,
    drawn: str,
) -> None:
    plain = filled(server, page, drawn)
    cut = page.evaluate(CUT)
    assert cut is None or 8 < cut < 14, "no half of a row shows that there are more words"
    hovered_differs(page, plain)
    page.evaluate(FIRE, [0, "click"])
    page.evaluate(FIRE, [1, "click"])
    both = seen(page)
    assert both["pinned"] == ["red circle", "blue square"]
    page.evaluate(SCRUB)
    assert seen(page)["stage"] != both["stage"]
    for theme in THEMES:
        pictured(page, theme, tmp_path / f"attention_{theme}.png")

    page.evaluate(f"() => {WIDGET}.element.querySelector('.self-guidance-use').click()")
    wanted = inputs(page)
    assert (wanted["object"], wanted["step"], wanted["site"]) == ("red circle, blue square", 0, -1)
    assert "attention" not in wanted

    saved = json.loads(page.evaluate("() => JSON.stringify(window.app.graph.serialize())"))
    page.evaluate("graph => window.app.loadGraphData(graph)", saved)
    kept = page.evaluate(f"() => ({NODES}).find(node => node.id == {ONE}).properties")
    assert kept["self_guidance_attention"]["pins"] == ["red circle", "blue square"]
    assert inputs(page) == wanted


def test_maps_that_are_gone_or_broken_give_a_message(
    server: serve.Server,
    page: Any,
    complaints: Any,
) -> None:
    opened(server, page, "canvas", "10_look_at_attention")
    node = f"({NODES}).find(node => node.id == {ONE})"
    gone = {"filename": "none.safetensors", "subfolder": "", "type": "temp"}
    page.evaluate(f"file => {node}.onExecuted({{ self_guidance_maps: [file] }})", gone)
    wait_until(
        page, f"() => ({VIEW})().status.includes('run again')", "the view to say 'run again'"
    )
    (server.base / "temp" / "broken.safetensors").write_bytes(b"\x01" * 40)
    broken = {**gone, "filename": "broken.safetensors"}
    page.evaluate(f"file => {node}.onExecuted({{ self_guidance_maps: [file] }})", broken)
    failed = f"() => ({VIEW})().status.startsWith('maps cannot be shown')"
    wait_until(page, failed, "the view to say 'maps cannot be shown'")
