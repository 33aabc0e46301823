"""Example workflows that are derived from others: main recipes for SD 1.5 and SDXL, and the tour.

They are rewritten from the workflows for the Shapes model, so that a recipe has one graph for all
models. Their files and pictures are in git like the others; a test checks that they are current.
"""

from __future__ import annotations

import copy
import json
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from ..host import host
from . import tour

FOLDER = host.ROOT / "examples_workflows"
Graph = dict[str, Any]
SPACE = uuid.UUID("5b1f6c2e-6f0a-4c55-9a53-0c1f0b7a1e02")


@dataclass(frozen=True)
class Checkpoint:
    """The checkpoint of a variant.

    Attributes:
        key: part of the file names of its workflows.
        title: its name in texts.
        file: its usual file name.
        side: width and height of the pictures in pixels.
        first: number of its first workflow.
    """

    key: str
    title: str
    file: str
    side: int
    first: int


CHECKPOINTS = (
    Checkpoint("sd15", "Stable Diffusion 1.5", "v1-5-pruned-emaonly.safetensors", 512, 50),
    Checkpoint("sdxl", "SDXL", "sd_xl_base_1.0.safetensors", 1024, 60),
)
RECIPES = (
    "move_an_object",
    "resize_an_object",
    "keep_layout_change_look",
    "move_object_in_a_photo",
)
SAMPLING = {2: 30, 3: 7.0, 4: "dpmpp_2m", 5: "karras"}  # values of the KSampler's widgets, by index
RECORDING = {0: 30, 1: "karras"}  # the same of Record Image
NEGATIVE = "blurry, low quality"
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
    return [f"{checkpoint.key}_{recipe}" for checkpoint in CHECKPOINTS for recipe in RECIPES]


def shapes_file(recipe: str) -> Path:
    """The workflow for Shapes from which a recipe's variants are derived."""
    (file,) = FOLDER.glob(f"[0-9][0-9]_{recipe}.json")
    return file


def variant(graph: Graph, checkpoint: Checkpoint) -> Graph:
    """A workflow for Shapes, rewritten for a checkpoint."""
    graph = copy.deepcopy(graph)
    graph["id"] = str(uuid.uuid5(SPACE, f"{checkpoint.key} {graph['id']}"))
    for node in list(graph["nodes"]):
        _rewrite(graph, node, checkpoint)
    return graph


def _rewrite(graph: Graph, node: Graph, checkpoint: Checkpoint) -> None:
    kind, values = node["type"], node.get("widgets_values") or []
    if kind == "SelfGuidanceDemoModel":
        _become(node, "CheckpointLoaderSimple", ["ckpt_name"], [checkpoint.file])
    elif kind == "SelfGuidanceDemoPicture":
        _photo(graph, node, checkpoint)
    elif kind == "EmptyLatentImage":
        values[:2] = [checkpoint.side, checkpoint.side]
    elif kind == "SelfGuidancePrompt":
        text, objects = TEXTS.get(values[0], (values[0] or NEGATIVE, ""))
        linked = next(slot for slot in node["inputs"] if slot["name"] == "text")["link"]
        values[:] = [text, objects if not linked else TEXTS[values[0]][1]]
    elif kind == "SelfGuidanceKSampler":
        for place, value in SAMPLING.items():
            values[place] = value
    elif kind == "SelfGuidanceRecordImage":
        for place, value in RECORDING.items():
            values[place] = value
    elif kind == "MarkdownNote":
        photo = _has(graph, "LoadImage", "DemoPicture")
        values[0] = _note(values[0], checkpoint, photo)
        if photo:  # below the Load Image node, which Nodes 2.0 enlarges when it has a picture
            node["pos"], node["size"] = [-460, 640], [330, 520]
    else:
        if kind == "SelfGuidanceMoveObject" and _has(graph, "LoadImage", "DemoPicture"):
            values[1:3] = [0.15, 0.0]  # objects of photos are large
        values[:] = [TEXTS[v][0] if isinstance(v, str) and v in TEXTS else v for v in values]


def _has(graph: Graph, *kinds: str) -> bool:
    return any(node["type"].endswith(kinds) for node in graph["nodes"])


def _become(node: Graph, kind: str, widgets: list[str], values: list[Any]) -> None:
    node["type"] = kind
    node["properties"] = {"Node name for S&R": kind}
    slot = {"type": "COMBO", "link": None}
    node["inputs"] = [{"name": name, **slot, "widget": {"name": name}} for name in widgets]
    node["widgets_values"] = values


def _photo(graph: Graph, node: Graph, checkpoint: Checkpoint) -> None:
    """Replace the rendered picture by a Load Image and an ImageScale node."""
    text = next(slot["link"] for slot in node["inputs"] if slot["name"] == "text")
    graph["links"] = [link for link in graph["links"] if link[0] != text]
    for other in graph["nodes"]:
        for output in other["outputs"]:
            output["links"] = [link for link in output["links"] or [] if link != text] or None
    ids = graph["last_node_id"] + 1, graph["last_link_id"] + 1
    graph["last_node_id"], graph["last_link_id"] = ids
    out = node["outputs"][0]["links"]
    scale = copy.deepcopy(node)
    scale["id"] = ids[0]
    scale["title"] = "To the size of the new picture"
    names = ("upscale_method", "width", "height", "crop")
    _become(scale, "ImageScale", [*names], ["lanczos", checkpoint.side, checkpoint.side, "center"])
    for slot, kind in zip(scale["inputs"], ("COMBO", "INT", "INT", "COMBO"), strict=True):
        slot["type"] = kind
    scale["inputs"].insert(0, {"name": "image", "type": "IMAGE", "link": ids[1]})
    scale["size"] = [330, 130]
    node["pos"], node["size"] = [-460, 0], [330, 330]  # to the left of the other nodes
    graph["extra"]["ds"]["offset"][0] += 560
    box = {"bounding": [-480, -90, 370, 680], "color": "#8A8", "font_size": 24, "flags": {}}
    graph["groups"].append({"id": len(graph["groups"]) + 1, "title": "Your photo", **box})
    _become(node, "LoadImage", ["image", "upload"], ["example.png", "image"])
    node["inputs"][1]["type"] = "IMAGEUPLOAD"
    node["title"] = "Your photo"
    node["outputs"] = [
        {"name": "IMAGE", "type": "IMAGE", "links": [ids[1]]},
        {"name": "MASK", "type": "MASK", "links": None},
    ]
    for link in graph["links"]:
        if link[0] in out:
            link[1] = ids[0]
    graph["links"].append([ids[1], node["id"], 0, ids[0], 0, "IMAGE"])
    graph["nodes"].append(scale)


def _note(text: str, checkpoint: Checkpoint, photo: bool) -> str:
    more = (
        f"**For {checkpoint.title}**: put `{checkpoint.file}`, or any checkpoint of that kind, "
        "into `models/checkpoints` and choose it on the left. "
        f"Sizes are {checkpoint.side} x {checkpoint.side}."
        "\n\n**What to expect**: real models attend less exactly than Shapes. If an object does "
        "not move, look at its attention first, then try another seed or clearer words. These "
        "settings were not run on this checkpoint yet: the graph was checked, and run with Shapes "
        "in its place."
    )
    if photo:
        more += "\n\nThe caption must describe *your* photo, and name what you want to move."
    return f"{more}\n\n{text}"


def card(name: str) -> Image.Image:
    """The thumbnail of a variant: that of Shapes, under a line of text that says so."""
    key, _, recipe = name.partition("_")
    checkpoint = next(checkpoint for checkpoint in CHECKPOINTS if checkpoint.key == key)
    shown = Image.open(shapes_file(recipe).with_suffix(".jpg")).convert("RGB")
    picture = Image.new("RGB", (shown.width, shown.height + 44), "#30304a")
    picture.paste(shown, (0, 44))
    text = f"for {checkpoint.title} - picture made with Shapes"
    middle = (shown.width / 2, 22)
    ImageDraw.Draw(picture).text(middle, text, "white", ImageFont.load_default(20), anchor="mm")
    return picture


def written() -> dict[Path, str]:
    """The text of every derived workflow by its file."""
    graphs = {FOLDER / "00_start_here.json": tour.start_here(_read("drag_an_object"))}
    for checkpoint in CHECKPOINTS:
        for number, recipe in enumerate(RECIPES, checkpoint.first):
            file = FOLDER / f"{number}_{checkpoint.key}_{recipe}.json"
            graphs[file] = variant(_read(recipe), checkpoint)
    texts = {
        file: json.dumps(graph, indent=2, ensure_ascii=False) for file, graph in graphs.items()
    }
    return {file: text + "\n" for file, text in texts.items()}


def _read(recipe: str) -> Graph:
    graph: Graph = json.loads(shapes_file(recipe).read_text("utf-8"))
    return graph


def write() -> None:
    """Write all derived workflows."""
    for file, text in written().items():
        file.write_text(text, "utf-8")
