"""Example workflows that follow from others: the main recipes for SD 1.5 and SDXL, and the tour.

They are rewritten from the workflows for Shapes, so that one recipe has one graph. Their files and
pictures are checked in like all others; a test holds them to what this writes.
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
class Family:
    """What a graph needs to know about a model family.

    Attributes:
        side: width and height that its models draw best, in pixels.
    """

    key: str
    title: str
    checkpoint: str
    side: int
    first: int  # number of its first workflow


FAMILIES = (
    Family("sd15", "Stable Diffusion 1.5", "v1-5-pruned-emaonly.safetensors", 512, 50),
    Family("sdxl", "SDXL", "sd_xl_base_1.0.safetensors", 1024, 60),
)
RECIPES = (
    "move_an_object",
    "resize_an_object",
    "keep_layout_change_look",
    "move_object_in_a_photo",
)
SAMPLING = {2: 30, 3: 7.0, 4: "dpmpp_2m", 5: "karras"}  # of the sampler's widgets, by place
LOOKING = {0: 30, 1: "karras"}
NEGATIVE = "blurry, low quality"
SCENE = "a photo of a red apple and a blue cup on a wooden table"
TEXTS = {  # of Shapes, and in their place
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
    """Names of the variants for model families."""
    return [f"{family.key}_{recipe}" for family in FAMILIES for recipe in RECIPES]


def source(recipe: str) -> Path:
    """The file for Shapes that a recipe is rewritten from."""
    (file,) = FOLDER.glob(f"[0-9][0-9]_{recipe}.json")
    return file


def variant(graph: Graph, family: Family) -> Graph:
    """A workflow for Shapes, rewritten for a model family."""
    graph = copy.deepcopy(graph)
    graph["id"] = str(uuid.uuid5(SPACE, f"{family.key} {graph['id']}"))
    for node in list(graph["nodes"]):
        _rewrite(graph, node, family)
    return graph


def _rewrite(graph: Graph, node: Graph, family: Family) -> None:
    kind, values = node["type"], node.get("widgets_values") or []
    if kind == "SelfGuidanceDemoModel":
        _become(node, "CheckpointLoaderSimple", ["ckpt_name"], [family.checkpoint])
    elif kind == "SelfGuidanceDemoPicture":
        _photo(graph, node, family)
    elif kind == "EmptyLatentImage":
        values[:2] = [family.side, family.side]
    elif kind == "SelfGuidancePrompt":
        text, objects = TEXTS.get(values[0], (values[0] or NEGATIVE, ""))
        linked = next(slot for slot in node["inputs"] if slot["name"] == "text")["link"]
        values[:] = [text, objects if not linked else TEXTS[values[0]][1]]
    elif kind == "SelfGuidanceKSampler":
        for place, value in SAMPLING.items():
            values[place] = value
    elif kind == "SelfGuidanceRecordImage":
        for place, value in LOOKING.items():
            values[place] = value
    elif kind == "MarkdownNote":
        photo = _has(graph, "LoadImage", "DemoPicture")
        values[0] = _note(values[0], family, photo)
        if photo:  # below the photo, which Nodes 2.0 draws larger once it is there
            node["pos"], node["size"] = [-460, 640], [330, 520]
    else:
        if kind == "SelfGuidanceMoveObject" and _has(graph, "LoadImage", "DemoPicture"):
            values[1:3] = [0.15, 0.0]  # what stands on the photo is large
        values[:] = [TEXTS[v][0] if isinstance(v, str) and v in TEXTS else v for v in values]


def _has(graph: Graph, *kinds: str) -> bool:
    return any(node["type"].endswith(kinds) for node in graph["nodes"])


def _become(node: Graph, kind: str, widgets: list[str], values: list[Any]) -> None:
    node["type"] = kind
    node["properties"] = {"Node name for S&R": kind}
    slot = {"type": "COMBO", "link": None}
    node["inputs"] = [{"name": name, **slot, "widget": {"name": name}} for name in widgets]
    node["widgets_values"] = values


def _photo(graph: Graph, node: Graph, family: Family) -> None:
    """A file in place of the rendered picture, scaled to the size that the model draws."""
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
    _become(scale, "ImageScale", [*names], ["lanczos", family.side, family.side, "center"])
    for slot, kind in zip(scale["inputs"], ("COMBO", "INT", "INT", "COMBO"), strict=True):
        slot["type"] = kind
    scale["inputs"].insert(0, {"name": "image", "type": "IMAGE", "link": ids[1]})
    scale["size"] = [330, 130]
    node["pos"], node["size"] = [-460, 0], [330, 330]  # beside the graph, where there is room
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


def _note(text: str, family: Family, photo: bool) -> str:
    more = (
        f"**For {family.title}**: put `{family.checkpoint}`, or any checkpoint of that kind, into "
        f"`models/checkpoints` and choose it on the left. Sizes are {family.side} x {family.side}."
        "\n\n**What to expect**: real models attend less exactly than Shapes. If an object does "
        "not move, look at its attention first, then try another seed or clearer words. These "
        "settings were not run on this checkpoint yet: the graph was checked, and run with Shapes "
        "in its place."
    )
    if photo:
        more += "\n\nThe caption must describe *your* photo, and name what you want to move."
    return f"{more}\n\n{text}"


def card(name: str) -> Image.Image:
    """The picture of a variant: that of Shapes, and says so."""
    key, _, recipe = name.partition("_")
    family = next(family for family in FAMILIES if family.key == key)
    shown = Image.open(source(recipe).with_suffix(".jpg")).convert("RGB")
    picture = Image.new("RGB", (shown.width, shown.height + 44), "#30304a")
    picture.paste(shown, (0, 44))
    text = f"for {family.title} - picture made with Shapes"
    middle = (shown.width / 2, 22)
    ImageDraw.Draw(picture).text(middle, text, "white", ImageFont.load_default(20), anchor="mm")
    return picture


def written() -> dict[Path, str]:
    """Every file that follows from another, with its text."""
    graphs = {FOLDER / "00_start_here.json": tour.start_here(_read("drag_an_object"))}
    for family in FAMILIES:
        for number, recipe in enumerate(RECIPES, family.first):
            file = FOLDER / f"{number}_{family.key}_{recipe}.json"
            graphs[file] = variant(_read(recipe), family)
    texts = {
        file: json.dumps(graph, indent=2, ensure_ascii=False) for file, graph in graphs.items()
    }
    return {file: text + "\n" for file, text in texts.items()}


def _read(recipe: str) -> Graph:
    graph: Graph = json.loads(source(recipe).read_text("utf-8"))
    return graph


def write() -> None:
    """Write them all."""
    for file, text in written().items():
        file.write_text(text, "utf-8")
