"""The layout canvas as users have it: in a real page, with a real mouse, in both renderers."""

import json
from pathlib import Path
from typing import Any

import pytest
from selfguidance.tests.browser.layouts import NODE, Canvas
from selfguidance.tests.browser.pages import Complaints, shot, wait_until
from selfguidance.tests.host.gallery import NEAR, distance, overlap, read, things
from selfguidance.tools.host import serve, waiting

BOX = {"x": 0.3, "y": 0.7, "width": 0.3, "height": 0.3}
MOVE = {"phrase": "red circle", "kind": "move", "start": BOX, "x": 0.3, "y": 0.7, "scale": 1}
SQUARE = MOVE | {"phrase": "blue square", "start": BOX | {"y": 0.3}, "y": 0.3}
EVIL = '"><img src=x onerror="window.evil=1"><script>window.evil=1</script>'


def layout(*objects: dict[str, Any]) -> str:
    return json.dumps({"version": 1, "objects": [{"rotation": 0, **o} for o in objects]})


BROKEN = {
    "no JSON": "{",
    "markup": EVIL,
    "absurd": layout(MOVE | {"x": 1e300}),
    "twice": layout(MOVE, MOVE),
    "prototype": '{"version":1,"objects":[{"__proto__":{}}]}',
    "huge": "[" * 100_000,
}


@pytest.fixture(params=["canvas", "vue"])
def canvas(
    chromium: str, server: serve.Server, page: Any, complaints: Complaints, request: Any
) -> Canvas:
    return Canvas(page, server, request.param)


@pytest.fixture
def classic(chromium: str, server: serve.Server, page: Any, complaints: Complaints) -> Canvas:
    """A canvas whose graph is drawn in the classic way."""
    return Canvas(page, server, "canvas")


@pytest.mark.pages
def test_a_dragged_object_is_drawn_where_it_was_dropped(canvas: Canvas, tmp_path: Path) -> None:
    canvas.open("")
    assert "Run once" in canvas.page.locator(".sgl-veil").inner_text()
    before = things(canvas.picture(canvas.run(), "After"))
    canvas.part("red circle").wait_for()
    assert canvas.value == ""  # a look at the picture asks for nothing

    canvas.drag("red circle", 0.35, -0.05)
    goal = canvas.entries["red circle"]
    was = before["red circle"]
    assert goal["x"] - goal["start"]["x"] == pytest.approx(0.35, abs=0.01)
    assert abs(goal["start"]["x"] - was.x) < 0.03 and abs(goal["start"]["y"] - was.y) < 0.03

    run = canvas.run()
    after = canvas.picture(run, "After")
    shot(canvas.page, tmp_path / "dragged.png")
    found = things(after)
    assert distance(found["red circle"], goal["x"], goal["y"]) < NEAR
    assert overlap(found["blue square"].mask, before["blue square"].mask) > 0.7


@pytest.mark.pages
def test_keys_and_handles_edit_and_undo_gives_everything_back(canvas: Canvas) -> None:
    start = layout(MOVE, SQUARE)
    canvas.open(start)
    canvas.part("red circle").click()
    press = canvas.page.keyboard.press
    press("ArrowRight")
    press("Shift+ArrowUp")
    moved = canvas.entries["red circle"]
    assert (moved["x"], moved["y"]) == pytest.approx((0.31, 0.65))
    canvas.drag("red circle", 0.1, 0.1, "corner", 2)
    assert canvas.entries["red circle"]["scale"] == pytest.approx(1.67, abs=0.05)
    canvas.drag("red circle", 0.4, 0.45, "turn")
    assert 45 < canvas.entries["red circle"]["rotation"] < 135
    for _ in range(4):
        press("Control+z")
    assert canvas.value == start
    for _ in range(4):
        press("Control+Shift+z")
    assert canvas.entries["red circle"]["rotation"] > 45

    nodes = canvas.page.evaluate("() => window.app.graph.nodes.length")
    press("Delete")  # the object's edits, not the node
    assert canvas.entries["red circle"]["x"] == 0.3
    assert canvas.page.evaluate("() => window.app.graph.nodes.length") == nodes


def test_objects_are_locked_freed_added_and_typed(canvas: Canvas) -> None:
    canvas.open(layout(MOVE, SQUARE))
    canvas.part("red circle").click()
    canvas.page.keyboard.press("k")
    canvas.drag("red circle", 0.3, 0.0)  # a locked one does not move
    assert canvas.entries["red circle"]["kind"] == "keep"
    canvas.page.get_by_role("option", name="blue square").click()
    canvas.page.locator(".sgl-fields [data-act=free]").click()
    assert canvas.entries["blue square"]["kind"] == "free"
    canvas.page.locator(".sgl-add input").fill("green star")
    canvas.page.locator(".sgl-add [data-act=add]").click()
    entry = canvas.page.locator(".sgl-fields input[name=width]")
    entry.fill("0.44")
    entry.press("Tab")
    assert canvas.entries["green star"] == {
        "phrase": "green star", "kind": "add", "x": 0.5, "y": 0.5, "width": 0.44, "height": 0.3,
    }  # fmt: skip


def test_drags_are_true_at_every_zoom_and_one_step_of_the_pages_own_undo(canvas: Canvas) -> None:
    start = layout(MOVE, SQUARE)
    canvas.open(start)
    for scale in (0.65, 1.3):
        canvas.look(scale)
        canvas.drag("red circle", 0.2, 0.1)
        assert canvas.entries["red circle"]["x"] == pytest.approx(0.5, abs=0.01)
        assert canvas.entries["red circle"]["y"] == pytest.approx(0.8, abs=0.01)
        canvas.page.evaluate("() => document.activeElement.blur()")
        canvas.page.keyboard.press("Control+z")
        undone = f"start => {NODE}?.widgets.find(w => w.name === 'layout').value === start"
        wait_until(canvas.page, undone, "the layout before the drag", start)


def test_a_finger_drags_an_object_and_not_the_graph(canvas: Canvas) -> None:
    canvas.open(layout(MOVE, SQUARE))
    before = canvas.page.evaluate(f"() => [...window.app.canvas.ds.offset, ...{NODE}.pos]")
    kinds = """() => {
        window.kinds = new Set();
        addEventListener("pointermove", event => window.kinds.add(event.pointerType), true);
    }"""
    canvas.page.evaluate(kinds)
    canvas.touch("red circle", 0.3, -0.1)
    assert canvas.page.evaluate("() => [...window.kinds]") == ["touch"]
    assert canvas.entries["red circle"]["x"] == pytest.approx(0.6, abs=0.01)
    assert canvas.entries["red circle"]["y"] == pytest.approx(0.6, abs=0.01)
    after = canvas.page.evaluate(f"() => [...window.app.canvas.ds.offset, ...{NODE}.pos]")
    assert after == before


def test_a_broken_layout_says_so_and_breaks_nothing(canvas: Canvas) -> None:
    for kind, value in BROKEN.items():
        canvas.open(value)
        veil = canvas.page.locator(".sgl-veil")
        assert "cannot be read" in veil.inner_text(), kind
        assert canvas.value == value, kind  # nothing is lost before the user says so
        canvas.page.locator(".sgl-bar [data-act=reset]").click()
        assert canvas.value == "", kind
        assert not canvas.page.evaluate("() => window.evil"), kind
    names_are_text(canvas)


def names_are_text(canvas: Canvas) -> None:
    """Wherever they are shown."""
    canvas.open(layout(MOVE | {"phrase": EVIL}, SQUARE))
    assert canvas.page.get_by_role("option").first.inner_text() == EVIL
    canvas.page.get_by_role("option").first.click()
    canvas.page.wait_for_timeout(300)
    assert canvas.page.locator(".sgl img, .sgl script").count() == 0
    assert not canvas.page.evaluate("() => window.evil")


def test_a_broken_layout_is_a_readable_error_of_the_node(server: serve.Server) -> None:
    graph = read("api", "drag_an_object.json")
    (node,) = [n for n in graph.values() if n["class_type"] == "SelfGuidanceLayout"]
    node["inputs"] |= {"layout": EVIL}
    for wire in ("reference", "image"):  # the layout alone needs no run
        del node["inputs"][wire]
    prompt = server.json("/prompt", {"prompt": {"1": node}, "client_id": "another"})["prompt_id"]
    run = waiting.finished(server, prompt, "a broken layout")
    kind, told = run["status"]["messages"][-1]
    assert kind == "execution_error" and told["node_type"] == "SelfGuidanceLayout"
    assert told["exception_type"] == "ValueError"
    assert "the layout cannot be read: it is no JSON" in told["exception_message"]


def test_copies_and_nodes_in_subgraphs_have_their_own_layout(canvas: Canvas) -> None:
    canvas.open(layout(MOVE, SQUARE))
    values = canvas.page.evaluate(
        f"""() => {{
            const {{ app }} = window, node = {NODE};
            app.canvas.selectItems([node]);
            app.canvas.copyToClipboard();
            app.canvas.pasteFromClipboard();
            const all = app.graph.nodes.filter(n => n.type === node.type);
            all[1].widgets[0].value = "";
            const values = all.map(n => n.widgets[0].value);
            app.graph.remove(all[1]);
            return values;
        }}"""
    )
    assert values == [layout(MOVE, SQUARE), ""]
    inner = canvas.page.evaluate(
        f"""async () => {{
            const {{ app }} = window, node = {NODE};
            const {{ subgraph }} = app.graph.convertToSubgraph(new Set([node]));
            app.canvas.setGraph(subgraph);
            const {{ output }} = await app.graphToPrompt();
            return Object.values(output).find(n => n.class_type === "SelfGuidanceLayout");
        }}"""
    )
    assert inner["inputs"]["layout"] == layout(MOVE, SQUARE)


def is_freed(canvas: Canvas, node: str) -> bool:
    """Whether the element of a node's first widget with one leaves memory with its node."""
    canvas.page.evaluate(
        f"""() => {{
            const node = {node};
            window.held = new WeakRef(node.widgets.find(widget => widget.element).element);
            window.app.graph.remove(node);
        }}"""
    )
    canvas.page.wait_for_timeout(1000)
    canvas.page.evaluate("() => window.app.loadGraphData({nodes: [], links: [], version: 0.4})")
    session = canvas.page.context.new_cdp_session(canvas.page)
    for _ in range(12):
        canvas.page.wait_for_timeout(300)
        session.send("HeapProfiler.collectGarbage")
        if canvas.page.evaluate("() => window.held.deref() === undefined"):
            return True
    return False


def test_a_removed_node_leaves_nothing_behind(classic: Canvas) -> None:
    classic.open(layout(MOVE, SQUARE))
    assert is_freed(classic, NODE)


def test_nodes_2_frees_the_canvas_where_it_frees_its_own_text_fields(
    chromium: str, server: serve.Server, page: Any
) -> None:
    """ComfyUI 0.3.75 frees neither: the tooltip of PrimeVue that it puts on every widget stays
    among the listeners for a change of theme, and what it holds leads to the widget and its node.
    """
    canvas = Canvas(page, server, "vue")
    canvas.open(layout(MOVE, SQUARE))
    ours = is_freed(canvas, NODE)
    canvas.open(layout(MOVE, SQUARE))
    canvas.page.evaluate(
        f"""() => {{
            const node = window.LiteGraph.createNode("CLIPTextEncode");
            node.pos = {NODE}.pos;
            window.app.graph.add(node);
        }}"""
    )
    canvas.page.wait_for_timeout(1000)
    core = "window.app.graph.nodes.find(node => node.type === 'CLIPTextEncode')"
    if not is_freed(canvas, core):
        pytest.skip("this page keeps its own text fields, too")
    assert ours


LISTENERS = ("window", "document", "document.body", "window.app.canvas.canvas", "window.app.api")


def test_nodes_that_come_and_go_leave_no_listener_on_the_page(canvas: Canvas) -> None:
    session = canvas.page.context.new_cdp_session(canvas.page)

    def listeners() -> list[int]:
        counts = []
        for target in LISTENERS:
            found = session.send("Runtime.evaluate", {"expression": target})["result"]
            told = session.send("DOMDebugger.getEventListeners", {"objectId": found["objectId"]})
            counts.append(len(told["listeners"]))
        return counts

    canvas.open(layout(MOVE, SQUARE))
    canvas.page.wait_for_timeout(1000)
    before = listeners()
    again = f"""() => {{
        const {{ app, LiteGraph }} = window, place = {NODE}.pos;
        for (const type of ["Layout", "KSampler", "AttentionPreview"]) {{
            const node = LiteGraph.createNode(`SelfGuidance${{type}}`);
            node.pos = place;
            app.graph.add(node);
            setTimeout(() => app.graph.remove(node), 500);
        }}
    }}"""
    for _ in range(3):
        canvas.page.evaluate(again)
        canvas.page.wait_for_timeout(1000)
    assert listeners() == before
