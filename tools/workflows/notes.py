"""The note of a derived workflow: what it is for, what it needs, what to expect."""

from __future__ import annotations

from . import parts
from .graphs import Graph
from .kinds import Kind

BESIDE_PHOTO = (-parts.COLUMN, 640)  # below Load Image, which Nodes 2.0 enlarges with its picture
STAND_IN = "\n\nWith a photo of your own: "  # the paragraph that is done in a derived workflow
EXPECT = (
    "\n\n**What to expect**: real models attend less exactly than Shapes. If an object does not "
    "move, look at its attention first, then try another seed or clearer words. {these} not run on "
    "this {what} yet: the graph was checked, and run with {instead} in its place."
)


def rewrite(graph: Graph, note: Graph, kind: Kind, photo: bool) -> None:
    """Put what is to be known of a kind of model before the text of a note, with room for it."""
    more = _offered(kind) if _downloads(kind) else _own(kind)
    if photo:
        more += "\n\nThe caption must describe *your* photo, and name what you want to move."
    told = note["widgets_values"][0].partition(STAND_IN)[0]
    note["widgets_values"][0] = f"{more}\n\n{told}"
    if _downloads(kind):
        _move(graph, note)
    elif photo:
        note["pos"], note["size"] = list(BESIDE_PHOTO), [330, 520]


def _downloads(kind: Kind) -> bool:
    return all(file.url for file in kind.files)


def _own(kind: Kind) -> str:
    (file,) = kind.files
    return (
        f"**For {kind.title}**: put **{file.name}**, or any checkpoint of that kind, "
        "into *models/checkpoints* and choose it on the left. "
        f"Sizes are {kind.side} x {kind.side}."
        + EXPECT.format(these="These settings were", what="checkpoint", instead="Shapes")
    )


def _offered(kind: Kind) -> str:
    # without code in backticks, which cannot be read on a note in Nodes 2.0
    files = "".join(
        f"\n- [{file.name}]({file.url}) into *models/{file.folder}*" for file in kind.files
    )
    return (
        f"**For {kind.title}**. ComfyUI offers to download what is missing; by hand:\n{files}\n\n"
        f"Sizes are {kind.side} x {kind.side}; sampling is that of ComfyUI's own template."
        f"{kind.advice and ' ' + kind.advice}"
        + EXPECT.format(
            these="This was",
            what="model",
            instead="a narrow one of its form, of random weights,",
        )
    )


def _move(graph: Graph, note: Graph) -> None:
    """Move a note below the nodes at the left of all others, or beside them without a column."""
    others = [node for node in graph["nodes"] if node is not note]
    left = min(node["pos"][0] for node in others)
    column = [node for node in others if node["pos"][0] == left]
    note["size"] = [330, 620]
    if left == 0:
        note["pos"] = [-parts.COLUMN, 0]
        graph["extra"]["ds"]["offset"][0] += parts.SCROLL
    elif any(node["type"] == "LoadImage" for node in column):
        note["pos"] = list(BESIDE_PHOTO)
    else:
        note["pos"] = [left, max(node["pos"][1] + node["size"][1] for node in column) + 150]
