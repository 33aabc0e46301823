"""The workflow `start_here`: a first edit with notes that explain its nodes."""

from __future__ import annotations

import copy
from typing import Any

Graph = dict[str, Any]

WELCOME = """# Start here

This graph draws a picture, lets you **drag its objects**, and draws it again. It needs no download:
Shapes, a tiny model, comes with the pack and runs on any CPU.

**Press Run** and read the notes 1 to 4 from left to right.

Later, for your own model: replace *Demo Model* by its loaders and set prompt and size, or open a
template whose name says **sd15**, **sdxl**, **z_image**, **qwen_image**, **flux1** or **sd35**."""
STOPS = (
    (
        "1. A picture and its record",
        """The first sampler is an ordinary KSampler that also takes notes: its **record** says
where the model looked for each word. That is where the outlines on the canvas come from.""",
    ),
    (
        "2. Drag",
        """Press **Run** once, and the picture stands here with an outline around every object.
**Drag** one, or a corner to resize it, and press Run again. What you leave alone stays as it is;
**Lock** holds an object, **Free** leaves it to the model. Ctrl+Z takes back.""",
    ),
    (
        "3. The same seed, guided",
        """The second sampler draws the same seed. At each step it compares where the objects are
with where they shall be, and nudges the picture. Open **Live view** below its settings and
run again: you see what every word looks at while the picture comes up.""",
    ),
    (
        "4. Go on",
        """Try another seed on the left, or another prompt: Shapes knows circle, square,
triangle, star and heart in red, orange, yellow, green, blue and purple.

Did an object not arrive? *Attention Preview* shows whether the model sees it where you do, *Energy
Plot* which wish was in the way. **10_look_at_attention** and **11_move_an_object** have both.""",
    ),
)
GUIDE = """# Which node when

| You want to | Use |
| --- | --- |
| rearrange a picture by hand | Layout |
| the same in numbers | Move Object, Resize Object |
| take one thing away | Remove Object |
| edit a photo | Record Image, then one of these |
| arrange a new picture | Box, Position, or Mask |
| get a thing that is left out | Presence |
| keep a layout, change the look | Image with appearance 0 |
| keep a look, change the layout | Image with layout 0 |
| bring in a thing from another picture | Copy Object |
| use your own sampler graph | Apply, or Guider |

Every node explains itself: select it and press the **i** above it."""


def start_here(graph: Graph) -> Graph:
    """The workflow, made from `drag_an_object`."""
    graph = copy.deepcopy(graph)
    graph["id"] = "5b1f6c2e-6f0a-4c55-9a53-0c1f0b7a1e99"
    (old,) = [node for node in graph["nodes"] if node["type"] == "MarkdownNote"]
    graph["nodes"].remove(old)
    left, above, right = -400, -330, 1770
    # all nodes are visible in 1600 x 1000 pixels; at scales below 0.6 ComfyUI's page omits text
    graph["extra"]["ds"]["offset"] = [590, 560]
    places = (
        (420, above, 330, 190),
        (850, above, 450, 190),
        (1390, above, 330, 190),
        (right, -60, 290, 440),
    )
    _note(graph, old, "Welcome", WELCOME, (left, -60, 350, 480))
    for (title, text), place in zip(STOPS, places, strict=True):
        _note(graph, old, title, text, place)
    _note(graph, old, "Which node when", GUIDE, (left, 480, 350, 600))
    return graph


def _note(graph: Graph, like: Graph, title: str, text: str, place: tuple[int, ...]) -> None:
    graph["last_node_id"] += 1
    note = copy.deepcopy(like)
    note["id"] = graph["last_node_id"]
    note["title"] = title
    note["pos"], note["size"] = list(place[:2]), list(place[2:])
    note["widgets_values"] = [text]
    graph["nodes"].append(note)
