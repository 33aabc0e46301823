"""The picture for the help page of the layout canvas: a screenshot from a browser."""

from __future__ import annotations

import base64
import io
import json
import sys
from typing import Any

import numpy as np
from PIL import Image

from ...guidance.layout.canvas import VERSION
from ...guidance.layout.terms import measured
from ...nodes.layout import canvas_facts
from ..host import browser, host
from .panels import CIRCLE, SQUARE, Panels, before, draws

WEB = host.ROOT / "web"
AT = "http://canvas"  # no server: requests to it are answered from the folder `WEB`
WIDTH, HEIGHT = 440, 560
DRAG = 0.4, -0.08  # displacement of the circle, fractions of the picture
PAGE = """<body style="margin: 0; height: 100vh; background: #2b2b2b">
<link rel="stylesheet" href="/js/layout/layout.css">
<script type="module">
    import { Editor } from "/js/layout/editor.js";
    import { understood } from "/js/layout/model.js";
    window.open = (value, message) => {
        const editor = new Editor(() => {});
        document.body.append(editor.element);
        editor.connect();
        editor.value = value;
        editor.show(understood(message, (picture) => picture));
    };
</script>"""


@draws("Layout")
def _layout() -> Panels:
    return {"The circle is dragged to the right": _shot(_dragged(), _message())}


def _dragged() -> str:
    """The JSON of the layout after the circle was dragged."""
    places = {name: vars(place) for name, place in measured(before().record).items()}
    moves = {CIRCLE: DRAG, SQUARE: (0.0, 0.0)}
    objects = [
        {
            "phrase": name,
            "kind": "move",
            "start": places[name],
            "x": places[name]["x"] + dx,
            "y": places[name]["y"] + dy,
            "scale": 1,
            "rotation": 0,
        }
        for name, (dx, dy) in moves.items()
    ]
    return json.dumps({"version": VERSION, "objects": objects})


def _message() -> dict[str, Any]:
    """The message that a finished run sends to the canvas."""
    file = io.BytesIO()
    Image.fromarray((before().image * 255).round().astype(np.uint8)).save(file, "PNG")
    return {
        **canvas_facts(before().record, {}),
        "aspect": 1.0,
        "image": f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}",
    }


def _give(route: Any) -> None:
    path = route.request.url.removeprefix(AT)
    if path == "/":
        route.fulfill(body=PAGE, content_type="text/html")
    else:
        route.fulfill(path=WEB / path.lstrip("/"))


def _shot(layout: str, message: dict[str, Any]) -> np.ndarray:
    """The canvas with the circle selected, [H, W, 3] in 0..1."""
    chromium = browser.find()
    if not chromium:
        sys.exit("the picture of the layout canvas needs a Chromium on PATH")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=browser.FLAGS)
        page = opened.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.route(f"{AT}/**", _give)
        page.goto(f"{AT}/")
        page.wait_for_function("() => document.readyState === 'complete'")
        page.evaluate("([layout, message]) => window.open(layout, message)", [layout, message])
        page.locator(f'.sgl-object[data-phrase="{CIRCLE}"] .sgl-hit-body').first.click()
        page.mouse.move(0, 0)
        taken = page.screenshot()
        opened.close()
    return np.asarray(Image.open(io.BytesIO(taken)).convert("RGB")) / 255
