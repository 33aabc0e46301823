"""The workflow `start_here`: the first edit, as a guided tour with a note at each stop."""

from __future__ import annotations

import copy
from typing import Any

Graph = dict[str, Any]

WELCOME = """# Start here

This graph draws a picture, and then **the same picture with one object moved**. It needs no
download: Shapes, a tiny model, comes with the pack and runs on any CPU.

**Press Run.** Then read the notes 1 to 4 from left to right.

Later, for your own model: replace *Demo Model* by *Load Checkpoint* and set prompt and
size, or open a template whose name says `sd15` or `sdxl`."""
STOPS = (
    (
        "1. A picture and its record",
        """The first sampler is an ordinary KSampler that also takes notes: its
**record** says where the model looked for each word. *Attention before* shows that for "red
circle". The bright spot should lie on the circle: only what the model sees can be moved.""",
    ),
    (
        "2. What to change",
        """**Move Object** takes the record, a name and a distance. Try it: set **dx** to
-0.2 or **dy** to -0.3 and press Run. 0.25 is a quarter of the picture. Another object:
write "blue square" into *Object to move*, on the left.""",
    ),
    (
        "3. The same seed, guided",
        """The second sampler draws the same seed. At each step the **terms** compare
where the circle is with where it should be, and nudge the picture. The square and the
background are held as they were.""",
    ),
    (
        "4. Did it work?",
        """*Attention after* shows where the circle is now. *Energies* show how far each
term was from its goal: curves that fall and stay low are good. One that stays high needs
more weight, or asks for what the model cannot draw.""",
    ),
)
GUIDE = """# Which node when

| You want to | Use |
| --- | --- |
| move or resize one thing, keep the rest | Move Object, Resize Object |
| take one thing away | Remove Object |
| edit a photo | Record Image, then one of these |
| arrange a new picture | Box, Position, or Mask |
| get a thing that is left out | Presence |
| keep a layout, change the look | Image with appearance 0 |
| keep a look, change the layout | Image with layout 0 |
| bring in a thing from another picture | Copy Object |
| use your own sampler graph | Apply, or Guider |

Every node explains itself: select it and press the **?** above it."""


def start_here(graph: Graph) -> Graph:
    """The tour, made from the workflow that moves one object."""
    graph = copy.deepcopy(graph)
    graph["id"] = "5b1f6c2e-6f0a-4c55-9a53-0c1f0b7a1e99"
    (old,) = [node for node in graph["nodes"] if node["type"] == "MarkdownNote"]
    graph["nodes"].remove(old)
    left, right = -480, 2030
    places = [
        (420, -60, 330, 330),
        (420, 970, 330, 270),
        (850, 1170, 330, 250),
        (right, 640, 360, 290),
    ]
    _note(graph, old, "Welcome", WELCOME, (left, -60, 420, 430))
    for (title, text), place in zip(STOPS, places, strict=True):
        _note(graph, old, title, text, place)
    _note(graph, old, "Which node when", GUIDE, (left, 430, 420, 560))
    return graph


def _note(graph: Graph, like: Graph, title: str, text: str, place: tuple[int, ...]) -> None:
    graph["last_node_id"] += 1
    note = copy.deepcopy(like)
    note["id"] = graph["last_node_id"]
    note["title"] = title
    note["pos"], note["size"] = list(place[:2]), list(place[2:])
    note["widgets_values"] = [text]
    graph["nodes"].append(note)
