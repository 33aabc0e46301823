"""Actions on the layout canvas: open a workflow, drag objects, run it."""

import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image
from selfguidance.tests.browser.pages import load, press_run, steady, until_run, visit
from selfguidance.tests.host.gallery import read
from selfguidance.tools.host import serve

NODE = "window.app.graph.nodes.find(node => node.type === 'SelfGuidanceLayout')"
ANY_RUN = {
    "picture": {
        "class_type": "EmptyImage",
        "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": 0},
    },
    "shown": {"class_type": "PreviewImage", "inputs": {"images": ["picture", 0]}},
}
STEPS = 15  # with 10 steps objects do not reach their targets here


class Canvas:
    """The one layout canvas of a page.

    Args:
        page: of playwright.
        server: the ComfyUI that the page shows.
        drawn: "canvas" or "vue", the way in which ComfyUI draws nodes.
    """

    def __init__(self, page: Any, server: serve.Server, drawn: str) -> None:
        self.page, self.server = page, server
        visit(page, server, drawn)

    def reload(self) -> None:
        """Reload the page."""
        load(self.page, self.server)

    def open(self, layout: str) -> None:
        """Open the example workflow with a layout."""
        graph = read("drag_an_object.json")
        for node in graph["nodes"]:
            if node["type"] == "SelfGuidanceLayout":
                node["widgets_values"][0] = layout
            elif node["type"] == "SelfGuidanceKSampler":
                node["widgets_values"][2] = STEPS
        self.page.evaluate("graph => window.app.loadGraphData(graph)", graph)
        self.look()

    def look(self, scale: float = 0.8) -> None:
        """Scroll and zoom the graph so that the node is in view."""
        self.page.evaluate(
            f"""scale => {{
                const [x, y] = {NODE}.pos;
                const canvas = window.app.canvas;
                canvas.ds.scale = scale;
                canvas.ds.offset = [200 / scale - x, 160 / scale - y];
                canvas.setDirty(true, true);
            }}""",
            scale,
        )
        self.page.locator(".sgl-stage").wait_for(state="visible")
        steady(lambda: self.page.locator(".sgl-stage").bounding_box(), self.page)

    @property
    def value(self) -> str:
        """The value of the widget."""
        return self.page.evaluate(f"() => {NODE}.widgets.find(w => w.name === 'layout').value")

    @property
    def entries(self) -> dict[str, Any]:
        """The objects in the value, by phrase."""
        return {entry["phrase"]: entry for entry in json.loads(self.value)["objects"]}

    def part(self, phrase: str, part: str = "body", index: int = 0) -> Any:
        """The element of an object that receives pointer events."""
        shown = f'.sgl-object[data-phrase="{phrase}"] .sgl-hit-{part}'
        return self.page.locator(shown).nth(index)

    def drag(self, phrase: str, dx: float, dy: float, part: str = "body", index: int = 0) -> None:
        """Drag a part of an object by fractions of the picture."""
        box = self.part(phrase, part, index).bounding_box()
        picture = self.page.locator(".sgl-stage image").bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(x + 8, y + 8)
        goal = x + dx * picture["width"], y + dy * picture["height"]
        self.page.mouse.move(*goal, steps=5)
        self.page.mouse.up()

    def touch(self, phrase: str, dx: float, dy: float) -> None:
        """Drag an object with a finger, by fractions of the picture."""
        box = self.part(phrase).bounding_box()
        picture = self.page.locator(".sgl-stage image").bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        session = self.page.context.new_cdp_session(self.page)
        for part in range(6):
            kind = "touchMove" if part else "touchStart"
            point = {
                "x": x + dx * picture["width"] * part / 5,
                "y": y + dy * picture["height"] * part / 5,
            }
            told = {"type": kind, "touchPoints": [point]}
            session.send("Input.dispatchTouchEvent", told)
        session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    def run(self) -> dict[str, Any]:
        """Click on Run; returns the entry of the finished run in the server's history."""
        before = set(self.server.json("/history"))
        press_run(self.page)
        return self.wait(lambda: set(self.server.json("/history")) - before)

    def post(self, graph: dict[str, Any]) -> dict[str, Any]:
        """Queue a graph without the page."""
        # without a client id ComfyUI omits the outputs of cached nodes
        asked = {"prompt": graph, "client_id": "another"}
        done = self.server.json("/prompt", asked)["prompt_id"]
        return self.wait(lambda: set(self.server.json("/history")) & {done})

    def forget(self) -> None:
        """Clear the server's cache, so that the next run executes every node."""
        self.server.get("/free", b'{"free_memory": true}')
        # the cache is cleared between runs; a run that is queued at once may start before that
        self.post(ANY_RUN)

    def wait(self, news: Callable[[], set[str]]) -> dict[str, Any]:
        """The run that `news` tells of."""
        (run,) = until_run(self.server, news)
        return self.server.json("/history")[run]

    def picture(self, run: dict[str, Any], title: str) -> np.ndarray:
        """The picture that a node showed, [H, W, 3] in 0..1."""
        graph = run["prompt"][2]
        (node,) = [n for n, entry in graph.items() if entry["_meta"]["title"] == title]
        (file,) = run["outputs"][node]["images"]
        query = "&".join(f"{key}={value}" for key, value in file.items())
        data = self.server.get(f"/view?{query}")
        return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")) / 255
