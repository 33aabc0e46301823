"""Example workflows that are derived from others: recipes for models of users, and the tour.

They are rewritten from the workflows for the Shapes model, so that a recipe has one graph for all
models; `kinds` says what a kind of model needs. Their files and pictures are in git like the
others; a test checks that they are current.
"""

from __future__ import annotations

import copy
import json
import uuid
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from ..host import host
from . import graphs, kinds, notes, parts, tour
from .graphs import Graph
from .kinds import Kind

FOLDER = host.ROOT / "examples_workflows"
SPACE = uuid.UUID("5b1f6c2e-6f0a-4c55-9a53-0c1f0b7a1e02")
SAMPLERS = {  # of a sampler and of Record Image: places of steps, cfg, sampler and scheduler
    "SelfGuidanceKSampler": (2, 3, 4, 5),
    "SelfGuidanceRecordImage": (0, None, None, 1),
}
SCENE = "a photo of a red apple and a blue cup on a wooden table"
TEXTS = {  # by text for Shapes: the new text, and the objects of a prompt
    "a red circle and a blue square": (SCENE, "red apple, blue cup"),
    "a green star and a yellow heart": (
        "a photo of a green pear and a yellow jug on a wooden table",
        "green pear, yellow jug",
    ),
    "a purple heart and an orange square": ("a girl in a pink dress on a green hill", "girl"),
    "red circle": ("red apple", ""),
    "purple heart": ("girl", ""),
    "green star = red circle, yellow heart = blue square": (
        "green pear = red apple, yellow jug = blue cup",
        "",
    ),
}


def names() -> list[str]:
    """Names of the variants."""
    return [f"{kind.key}_{recipe}" for kind in kinds.KINDS for recipe in kind.recipes]


def shapes_file(recipe: str) -> Path:
    """The workflow for Shapes from which a recipe's variants are derived."""
    (file,) = FOLDER.glob(f"[0-9][0-9]_{recipe}.json")
    return file


def variant(graph: Graph, kind: Kind) -> Graph:
    """A workflow for Shapes, rewritten for a kind of model."""
    graph = copy.deepcopy(graph)
    graph["id"] = str(uuid.uuid5(SPACE, f"{kind.key} {graph['id']}"))
    (demo,) = (node for node in graph["nodes"] if node["type"] == "SelfGuidanceDemoModel")
    (note,) = (node for node in graph["nodes"] if node["type"] == "MarkdownNote")
    photo = any(node["type"] == "SelfGuidanceDemoPicture" for node in graph["nodes"])
    for node in list(graph["nodes"]):
        _rewrite(graph, node, kind, photo)
    parts.load(graph, demo, kind)
    parts.condition(graph, kind)
    notes.rewrite(graph, note, kind, photo)
    return graph


def _rewrite(graph: Graph, node: Graph, kind: Kind, photo: bool) -> None:
    values = node.get("widgets_values") or []
    if node["type"] == "SelfGuidanceDemoPicture":
        _photo(graph, node, kind)
    elif node["type"] == "EmptyLatentImage":
        values[:2] = [kind.side, kind.side]
        node["type"] = node["properties"]["Node name for S&R"] = kind.latent
    elif node["type"] == "SelfGuidancePrompt":
        text, objects = TEXTS.get(values[0], (values[0] or kind.negative or "", ""))
        linked = next(slot for slot in node["inputs"] if slot["name"] == "text")["link"]
        values[:] = [text, objects if not linked else TEXTS[values[0]][1]]
    elif node["type"] in SAMPLERS:
        for place, value in zip(SAMPLERS[node["type"]], kind.sampling, strict=True):
            if place is not None:
                values[place] = value
    elif node["type"] != "MarkdownNote":
        if node["type"] == "SelfGuidanceMoveObject" and photo:
            values[1:3] = [0.15, 0.0]  # objects of photos are large
        values[:] = [TEXTS[v][0] if isinstance(v, str) and v in TEXTS else v for v in values]


def _photo(graph: Graph, node: Graph, kind: Kind) -> None:
    """Replace the rendered picture by a Load Image and an ImageScale node."""
    text = next(slot["link"] for slot in node["inputs"] if slot["name"] == "text")
    graphs.disconnect(graph, text)
    out = node["outputs"][0]["links"]
    scale = copy.deepcopy(node)
    scale["title"] = "To the size of the new picture"
    sizes = {"width": kind.side, "height": kind.side}
    graphs.become(scale, "ImageScale", {"upscale_method": "lanczos", **sizes, "crop": "center"})
    scale["inputs"].insert(0, {"name": "image", "type": "IMAGE", "link": None})
    scale["size"] = [330, 130]
    node["pos"], node["size"] = [-parts.COLUMN, 0], [330, 330]  # to the left of the other nodes
    graph["extra"]["ds"]["offset"][0] += parts.SCROLL
    box = {"bounding": [-480, -90, 370, 680], "color": "#8A8", "font_size": 24, "flags": {}}
    graph["groups"].append({"id": len(graph["groups"]) + 1, "title": "Your photo", **box})
    graphs.become(node, "LoadImage", {"image": "example.png", "upload": "image"})
    node["inputs"][1]["type"] = "IMAGEUPLOAD"
    node["title"] = "Your photo"
    node["outputs"] = [{"name": n, "type": n, "links": None} for n in ("IMAGE", "MASK")]
    graph["last_node_id"] += 1
    scale["id"], scale["outputs"][0]["links"] = graph["last_node_id"], None
    graph["nodes"].append(scale)
    graphs.carry(graph, out, (scale, 0))
    graphs.connect(graph, (node, 0), scale, "image")


def card(name: str) -> Image.Image:
    """The thumbnail of a variant: that of Shapes, under a line of text that says so."""
    kind, recipe = kinds.of(name)
    shown = Image.open(shapes_file(recipe).with_suffix(".jpg")).convert("RGB")
    picture = Image.new("RGB", (shown.width, shown.height + 44), "#30304a")
    picture.paste(shown, (0, 44))
    text = f"for {kind.title} - picture made with Shapes"
    middle = (shown.width / 2, 22)
    ImageDraw.Draw(picture).text(middle, text, "white", ImageFont.load_default(20), anchor="mm")
    return picture


def written() -> dict[Path, str]:
    """The text of every derived workflow by its file."""
    made = {FOLDER / "00_start_here.json": tour.start_here(_read("drag_an_object"))}
    for kind in kinds.KINDS:
        for number, recipe in enumerate(kind.recipes, kind.first):
            file = FOLDER / f"{number}_{kind.key}_{recipe}.json"
            made[file] = variant(_read(recipe), kind)
    texts = {file: json.dumps(graph, indent=2, ensure_ascii=False) for file, graph in made.items()}
    return {file: text + "\n" for file, text in texts.items()}


def _read(recipe: str) -> Graph:
    graph: Graph = json.loads(shapes_file(recipe).read_text("utf-8"))
    return graph


def write() -> None:
    """Write all derived workflows."""
    for file, text in written().items():
        file.write_text(text, "utf-8")
