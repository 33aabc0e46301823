"""From the first click on "Start here" to the picture with the circle moved, and on from there."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from selfguidance.tests.browser.layouts import NODE, Canvas
from selfguidance.tests.browser.pages import (
    NODES,
    THEMES,
    Complaints,
    open_card,
    pictured,
    press_run,
    wait_until,
)
from selfguidance.tests.browser.test_live import VIEW, wait_for_status
from selfguidance.tests.host.gallery import NEAR, distance, read, things
from selfguidance.tools.host import serve

TOUR = "00_start_here"
GUIDED = 13  # the sampler after the canvas
SET_STEPS = f"""steps => {{
    for (const node of {NODES}) {{
        const widget = node.widgets?.find(widget => widget.name === "steps");
        if (widget) widget.value = steps;
    }}
}}"""
CHIP = f"""name => {{
    const node = ({NODES}).find(node => node.id == {GUIDED});
    const view = node.widgets.find(widget => widget.name === "live view").element;
    const chips = [...view.querySelectorAll(".self-guidance-chip")];
    chips.find(chip => chip.textContent === name).click();
}}"""
HIDDEN = f"""() => ({NODES}).find(node => node.id == {GUIDED})
    ?.properties.self_guidance_live_view?.hidden"""


@pytest.fixture(params=["canvas", "vue"])
def tour(
    chromium: str, server: serve.Server, page: Any, complaints: Complaints, request: Any
) -> Canvas:
    """The page with "Start here", opened from its card."""
    canvas = Canvas(page, server, request.param)
    canvas.forget()  # nothing runs where all is known already
    open_card(page, TOUR)
    wait_until(page, f"() => {NODE}", "the canvas's node")
    canvas.look(0.6)
    return canvas


def look(tour: Canvas, file: Path, state: str) -> None:
    for theme in THEMES:
        pictured(tour.page, theme, file / f"{state}_{theme}.png")


@pytest.mark.pages
def test_the_circle_is_dragged_to_the_right_and_goes_there(tour: Canvas, tmp_path: Path) -> None:
    before = things(tour.picture(tour.run(), "Before"))["red circle"]
    look(tour, tmp_path, "run")
    tour.page.locator(".sgl-bar [data-act=reset]").click()
    tour.drag("red circle", 0.35, 0.0)
    look(tour, tmp_path, "dragged")
    drawn = tour.picture(tour.run(), "After")
    look(tour, tmp_path, "drawn")

    after, goal = things(drawn)["red circle"], tour.entries["red circle"]
    assert goal["x"] == pytest.approx(before.x + 0.35, abs=0.03)
    assert after.x > before.x + 0.25
    assert distance(after, goal["x"], goal["y"]) < NEAR

    # the same without a page: from the API form, every node anew
    graph = read("api", "start_here.json")
    (node,) = [n for n in graph.values() if n["class_type"] == "SelfGuidanceLayout"]
    node["inputs"]["layout"] = tour.value
    tour.forget()
    posted = tour.post(graph)
    told = dict(posted["status"]["messages"])
    assert told["execution_cached"]["nodes"] == []
    assert np.array_equal(tour.picture(posted, "After"), drawn)


def kept(tour: Canvas, value: str) -> None:
    """What the user set is still there."""
    same = f"value => {NODE}?.widgets[0].value === value"
    wait_until(tour.page, same, "the layout that was kept", value)
    assert tour.page.evaluate(HIDDEN) == ["blue square"]


def test_reload_tabs_and_a_stopped_run_lose_nothing(tour: Canvas, tmp_path: Path) -> None:
    page = tour.page
    page.evaluate(SET_STEPS, 5)
    first = tour.picture(tour.run(), "After")
    wait_until(page, f"() => ({VIEW})({GUIDED}).chips.length", "the chips of the view")
    page.evaluate(CHIP, "blue square")
    value = tour.value
    kept(tour, value)

    open_card(page, "10_look_at_attention")
    wait_until(page, f"() => !{NODE}", "the empty graph")
    page.get_by_text(TOUR, exact=True).first.click()
    kept(tour, value)
    page.locator(".sgl-stage image").wait_for(state="attached")
    look(tour, tmp_path, "back")

    page.wait_for_timeout(1500)  # the page saves its draft a little later
    tour.reload()
    kept(tour, value)

    stopped(tour)
    page.evaluate(SET_STEPS, 5)
    assert np.array_equal(tour.picture(tour.run(), "After"), first)


def stopped(tour: Canvas) -> None:
    """A long run, stopped by the page's own key for it."""
    before = set(tour.server.json("/history"))
    tour.page.evaluate(SET_STEPS, 300)
    press_run(tour.page)
    wait_for_status(tour.page, "of 300", node=8)
    tour.page.keyboard.press("Control+Alt+Enter")
    wait_for_status(tour.page, "stopped at step", node=8)
    run = tour.wait(lambda: set(tour.server.json("/history")) - before)
    assert run["status"]["messages"][-1][0] == "execution_interrupted"
