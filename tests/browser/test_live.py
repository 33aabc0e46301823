"""The live view in the sampler's node, in a real page, with both ways to draw nodes."""

import json
from pathlib import Path
from typing import Any

import pytest
from selfguidance.tests.browser.pages import (
    NODES,
    SHOWN,
    THEMES,
    Complaints,
    finished_run,
    shot,
    steady,
    themed,
    visit,
    wait_until,
)
from selfguidance.tools.host import serve
from selfguidance.tools.workflows import workflows

GUIDED = 13  # the second sampler of the template
SHORT = f"""steps => {{
    for (const node of {NODES}) {{
        const widget = node.widgets?.find(widget => widget.name === "steps");
        if (widget) widget.value = steps;
    }}
    return window.app.queuePrompt(0);
}}"""
# the view of a node, by what the page shows of it
VIEW = f"""id => {{
    const node = ({NODES}).find(node => node.id == id);
    const view = node.widgets.find(widget => widget.name === "live view").element;
    const painted = name => {{
        const canvas = view.querySelector(name);
        const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
        return data.reduce((sum, value) => sum + value, 0);
    }};
    return {{
        status: view.querySelector(".self-guidance-status").textContent,
        open: view.querySelector(".self-guidance-switch").ariaExpanded,
        chips: [...view.querySelectorAll(".self-guidance-chip")].map(chip => chip.textContent),
        pressed: [...view.querySelectorAll(".self-guidance-chip")].map(chip => chip.ariaPressed),
        stage: painted(".self-guidance-stage"),
        plot: painted(".self-guidance-plot"),
        energy: view.querySelector(".self-guidance-note").textContent,
        markup: view.querySelectorAll("b, script, img").length,
    }};
}}"""

# how far the line of the summed energy, the only one in grey, stands out from what is behind it
CONTRAST = f"""id => {{
    const node = ({NODES}).find(node => node.id == id);
    const view = node.widgets.find(widget => widget.name === "live view").element;
    const plot = view.querySelector(".self-guidance-plot");
    const data = plot.getContext("2d").getImageData(0, 0, plot.width, plot.height).data;
    const greys = [...data].filter((value, i) =>
        i % 4 === 0 && value === data[i + 1] && value === data[i + 2] && data[i + 3] === 255);
    const frame = view.querySelector(".self-guidance-plot-frame");
    const behind = getComputedStyle(frame).backgroundColor;
    const [red, green, blue] = behind.match(/[\\d.]+/g).map(Number);
    const linear = value => ((value / 255 + 0.055) / 1.055) ** 2.4;
    const back = 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
    const [dark, light] = [linear(greys[0]), back].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
}}"""

# how many views are on the page; 0 if one of them belongs to no node of the graph
JOINED = f"""() => {{
    const own = ({NODES}).flatMap(node => node.widgets ?? []).map(widget => widget.element);
    const shown = [...document.querySelectorAll(".self-guidance-view")];
    return shown.every(view => own.includes(view)) ? shown.length : 0;
}}"""


def opened(server: serve.Server, page: Any, drawn: str, name: str = "11_move_an_object") -> None:
    """The page with a template, its nodes drawn in one of the two ways."""
    visit(page, server, drawn)
    graph = json.loads((workflows.FOLDER / f"{name}.json").read_text("utf-8"))
    page.evaluate("graph => window.app.loadGraphData(graph)", graph)
    ours = f"() => ({NODES}).some(node => node.type.startsWith('SelfGuidance'))"
    wait_until(page, ours, f"the nodes of {name}")


def seen(page: Any, node: int = GUIDED) -> dict[str, Any]:
    return page.evaluate(VIEW, node)


def wait_for_status(page: Any, part: str, node: int = GUIDED) -> None:
    condition = f"([id, part]) => ({VIEW})(id).status.includes(part)"
    what = f"the view of node {node} to say '{part}'"
    wait_until(page, condition, what, [node, part], 240)


@pytest.mark.pages
@pytest.mark.parametrize("drawn", SHOWN)
def test_the_sampler_shows_its_steps_while_it_runs(
    server: serve.Server, page: Any, complaints: Complaints, tmp_path: Path, drawn: str
) -> None:
    opened(server, page, drawn)
    before = seen(page)
    assert (before["open"], before["chips"], before["stage"]) == ("false", [], 0)
    page.evaluate("id => window.app.canvas.centerOnNode(window.app.graph.getNodeById(id))", GUIDED)
    steps = 5 if drawn == "vue" else 6  # nothing runs where all is known already
    page.evaluate(SHORT, steps)
    wait_for_status(page, f"step {steps} of {steps}")
    after = steady(lambda: seen(page), page)
    for theme in THEMES:
        with themed(page, theme):
            shot(page, tmp_path / f"live_{theme}.png")
            assert page.evaluate(CONTRAST, GUIDED) >= 3, theme  # as WCAG asks of graphics
    assert after["open"] == "true" and after["chips"] == ["red circle", "blue square"]
    assert after["stage"] > 0 and after["plot"] > 0 and after["energy"].startswith("energy ")
    assert finished_run(server)["status_str"] == "success"

    view = "window.app.graph.getNodeById(13).widgets.at(-1).element"
    page.evaluate(f"() => {view}.querySelector('.self-guidance-chip').click()")
    hidden = steady(lambda: seen(page), page)
    assert hidden["pressed"] == ["false", "true"]
    assert hidden["stage"] != after["stage"]
    saved = page.evaluate("() => JSON.stringify(window.app.graph.serialize())")
    kept = next(node for node in json.loads(saved)["nodes"] if node["id"] == GUIDED)
    assert kept["properties"]["self_guidance_live_view"]["hidden"] == ["red circle"]
    prompt = page.evaluate("async () => (await window.app.graphToPrompt()).output[13].inputs")
    assert "live view" not in prompt


def test_a_stopped_run_says_so_and_the_next_one_shows_again(
    server: serve.Server, page: Any, complaints: Complaints
) -> None:
    opened(server, page, "canvas")
    page.evaluate(SHORT, 300)
    wait_for_status(page, "of 300", node=8)
    page.wait_for_timeout(1000)
    server.get("/interrupt", b"{}")
    wait_for_status(page, "stopped at step", node=8)
    page.evaluate(SHORT, 4)
    wait_for_status(page, "step 4 of 4")


def removed_nodes_leave_no_view(page: Any) -> None:
    views = "document.querySelectorAll('.self-guidance-view').length"
    wait_until(page, f"() => {views}", "the views")
    page.evaluate(f"() => [...({NODES})].forEach(node => window.app.graph.remove(node))")
    wait_until(page, f"() => !{views}", "the views to go")


def test_names_from_anybody_stay_text_and_removed_nodes_leave_no_view(
    server: serve.Server, page: Any, complaints: Any
) -> None:
    opened(server, page, "canvas")
    name = "<b onclick=x>&lt;</b><script>window.hacked = 1</script>"
    page.evaluate(
        """async ([node, name]) => {
            const { api } = await import("/scripts/api.js");
            const map = btoa("\\0\\x7f\\xff\\0");
            const object = { name, map, size: [2, 2], centroid: [0.5, 0.5], target: null };
            const rest = { prompt: "p", step: 1, steps: 2, sigma: 1, curve: [], picture: "" };
            const tell = detail =>
                api.dispatchEvent(new CustomEvent("self_guidance.live", { detail }));
            tell({ node, ...rest, objects: [object] });
            tell({ node, ...rest, objects: [{ ...object, size: [1e9, 1e9] }] });
            tell(null);
        }""",
        [str(GUIDED), name],
    )
    assert seen(page)["chips"] == [name] and seen(page)["markup"] == 0
    assert page.evaluate("() => window.hacked") is None
    removed_nodes_leave_no_view(page)


@pytest.mark.parametrize("drawn", SHOWN)
def test_undo_shows_the_views_of_the_nodes_that_it_made_anew(
    server: serve.Server, page: Any, complaints: Complaints, drawn: str
) -> None:
    opened(server, page, drawn)
    wait_until(page, f"({JOINED})()", "a view in every sampler")
    page.wait_for_timeout(1000)
    views = page.evaluate(JOINED)
    steps = f"({NODES}).find(n => n.id == {GUIDED}).widgets.find(w => w.name === 'steps')"
    before = page.evaluate(f"() => {steps}.value")
    page.evaluate(
        f"""() => {{
            window.app.canvas.emitBeforeChange();
            {steps}.value = 7;
            window.app.canvas.emitAfterChange();
            document.activeElement?.blur();
        }}"""
    )
    page.wait_for_timeout(500)
    page.keyboard.press("Control+z")
    wait_until(page, f"before => {steps}?.value === before", "the steps before the edit", before)
    page.wait_for_timeout(1000)  # the same number as before the page has done anything
    wait_until(page, f"views => ({JOINED})() === views", f"{views} views again", views)
