"""Run the example workflows in a real ComfyUI and write their thumbnails.

The files in `examples_workflows` are the graphs as ComfyUI's page saves them; the number before a
name sets the order in the template browser. Two files are made from each: `api/<name>.json`, the
API form that /prompt accepts, and `<name>.jpg`, the thumbnail for the template browser.
"""

from __future__ import annotations

import io
import json
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode

from PIL import Image, ImageDraw, ImageFont

from ..host import host, serve, waiting

FOLDER = host.ROOT / "examples_workflows"
NOTES = ("Note", "MarkdownNote")  # not part of the API form
WIDGETS = ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO")
# By workflow: titles of the nodes whose pictures are in its thumbnail, and their widths in pixels.
THUMBNAILS = {
    "boxes_and_presence": {
        "Without guidance": 200,
        "In their boxes": 200,
        "Energies of the terms": 310,
    },
    "compose_from_two_pictures": dict.fromkeys(
        ("First picture", "Second picture", "Composed"), 200
    ),
    "copy_object_from_a_photo": dict.fromkeys(("Photo", "Without guidance", "Copied"), 200),
    "drag_an_object": {"Before": 272, "After": 272},
    "keep_layout_change_look": dict.fromkeys(
        ("Reference", "Without guidance", "With its layout"), 200
    ),
    "keep_look_change_layout": dict.fromkeys(
        ("Reference", "Without guidance", "With its look"), 200
    ),
    "layout_of_one_look_of_another": dict.fromkeys(("Layout", "Look", "Layout and look"), 200),
    "look_at_attention": {"Picture": 190, "Attention of every word": 400},
    "look_from_a_feature": dict.fromkeys(("Photo", "Without guidance", "With the look"), 200),
    "move_an_object": {"Before": 272, "After": 272},
    "move_object_in_a_photo": {"Photo": 272, "Moved": 272},
    "place_by_mask": dict.fromkeys(("Without guidance", "Mask", "Placed"), 200),
    "place_with_a_fitted_head": dict.fromkeys(
        ("First example", "Second example", "Asked", "Placed"), 150
    ),
    "preserve_a_region": dict.fromkeys(
        ("Reference", "May change", "Without guidance", "The rest preserved"), 150
    ),
    "remove_object_from_a_photo": {"Photo": 272, "Removed": 272},
    "resize_an_object": {"Before": 272, "After": 272},
    "start_here": {"Before": 272, "After": 272},
    "save_and_load_record": {"Before": 272, "After": 272},
}
GAP, CAPTION = 8, 22

Graph = dict[str, Any]
Pictures = dict[str, list[Image.Image]]  # by title of the node that shows them


def saved() -> list[Path]:
    """The files of all workflows, in the form of ComfyUI's page, in the order of their numbers."""
    return sorted(FOLDER.glob("*.json"))


def name_of(file: Path) -> str:
    """The name of a workflow: that of its file without the number."""
    return file.stem.partition("_")[2]


def file_of(name: str, folder: Path = FOLDER) -> Path:
    """The file of the workflow of this name.

    Raises:
        FileNotFoundError: there is none.
    """
    for file in folder.glob(f"*_{name}.json"):
        if name_of(file) == name:
            return file
    raise FileNotFoundError(f"no workflow '{name}' in {folder}")


def api_form(graph: Graph, known: Mapping[str, Any]) -> Graph:
    """A saved graph in the API form, as ComfyUI's page sends it to /prompt.

    Args:
        graph: as the page saves it; without subgraphs, reroutes and muted nodes.
        known: /object_info of the server.

    Raises:
        ValueError: a node has more or fewer widget values than widgets.
    """
    links = {link[0]: [str(link[1]), link[2]] for link in graph["links"]}
    nodes = [node for node in graph["nodes"] if node["type"] not in NOTES]
    return {
        str(node["id"]): _api_node(node, known[node["type"]], links)
        for node in sorted(nodes, key=lambda node: node["id"])
    }


def _api_node(node: Graph, schema: Graph, links: Mapping[int, list[Any]]) -> Graph:
    names = []
    for group in ("required", "optional"):
        for name, (kind, *rest) in schema["input"].get(group, {}).items():
            options = rest[0] if rest else {}
            if isinstance(kind, list) or (kind in WIDGETS and not options.get("forceInput")):
                more = options.get("control_after_generate") or options.get("image_upload")
                names += [name, None] if more else [name]
    values = node.get("widgets_values") or []
    title = node.get("title") or schema["display_name"] or node["type"]
    if len(values) != len(names):
        raise ValueError(
            f"node {node['id']} '{title}': expected {len(names)} widget values, got {len(values)}; "
            "open the workflow in ComfyUI and save it again"
        )
    inputs = {name: value for name, value in zip(names, values, strict=True) if name}
    for slot in node.get("inputs", ()):
        if slot.get("link") is not None:
            inputs[slot["name"]] = links[slot["link"]]
    return {"class_type": node["type"], "inputs": inputs, "_meta": {"title": title}}


def run(
    server: serve.Server, graph: Graph, name: str = "a workflow", seconds: float = 300
) -> Pictures:
    """Run a graph in its API form; returns the pictures that its nodes show.

    Args:
        server: the server that runs it.
        graph: the graph.
        name: of the graph in errors.
        seconds: time limit.

    Raises:
        RuntimeError: ComfyUI refused the graph, or a node failed.
        TimeoutError: the time limit was reached; the message names the running node.
    """
    # without a client id ComfyUI omits the outputs of cached nodes
    request = {"prompt": graph, "client_id": "workflows"}
    try:
        prompt = server.json("/prompt", request)["prompt_id"]
    except HTTPError as error:
        raise RuntimeError(f"ComfyUI refused {name}: {error.read().decode()}") from error
    done = waiting.finished(server, prompt, name, seconds)
    if done["status"]["status_str"] != "success":
        raise RuntimeError(f"{name} failed: {json.dumps(done['status']['messages'][-1])}")
    return {
        graph[node]["_meta"]["title"]: [_picture(server, file) for file in shown["images"]]
        for node, shown in done["outputs"].items()
        if shown.get("images")
    }


def _picture(server: serve.Server, file: Mapping[str, str]) -> Image.Image:
    return Image.open(io.BytesIO(server.get(f"/view?{urlencode(file)}"))).convert("RGB")


def thumbnail(pictures: Pictures, widths: Mapping[str, int]) -> Image.Image:
    """Pictures side by side with their titles below; widths in pixels by title."""
    panels = []
    for title, width in widths.items():
        picture = pictures[title][0]
        size = (width, round(picture.height * width / picture.width))
        panels.append((title, picture.resize(size, Image.Resampling.BICUBIC)))
    height = max(panel.height for _, panel in panels)
    total = sum(widths.values()) + GAP * (len(panels) + 1)
    sheet = Image.new("RGB", (total, height + 2 * GAP + CAPTION), "#1c1c1f")
    draw, left, font = ImageDraw.Draw(sheet), GAP, ImageFont.load_default(14)
    for title, panel in panels:
        sheet.paste(panel, (left, GAP + (height - panel.height) // 2))
        place = (left + panel.width / 2, GAP + height + CAPTION / 2 + 2)
        draw.text(place, title, "white", font, anchor="mm")
        left += panel.width + GAP
    return sheet


def as_text(graph: Graph) -> str:
    """A graph as the text of a file."""
    return json.dumps(graph, indent=2, ensure_ascii=False) + "\n"


def _remake(server: serve.Server, file: Path, known: Mapping[str, Any]) -> None:
    started = time.monotonic()
    graph = api_form(json.loads(file.read_text("utf-8")), known)
    api = FOLDER / "api" / file.name
    api.parent.mkdir(exist_ok=True)
    api.write_text(as_text(graph), "utf-8")
    picture = file.with_suffix(".jpg")
    name = name_of(file)
    if name in THUMBNAILS:
        thumbnail(run(server, graph, name), THUMBNAILS[name]).save(picture, quality=90)
    else:  # for a checkpoint that is not part of the pack
        from . import variants

        variants.card(name).save(picture, quality=90)
    seconds = time.monotonic() - started
    print(f"{seconds:6.1f} s  {picture.relative_to(host.ROOT)}", flush=True)


def main(names: list[str]) -> None:
    """Write API forms and thumbnails of the workflows of these names, or of all."""
    from . import variants

    variants.write()
    files = [file for file in saved() if not names or name_of(file) in names]
    if not files:
        sys.exit(f"no such workflow; there are: {', '.join(map(name_of, saved()))}")
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        log = base / "comfyui.log"
        with serve.Server(host.find(), base, serve.free_port(), serve.on_cpu(), log) as server:
            print("starting ComfyUI ...", flush=True)
            server.wait()
            known = server.json("/object_info")
            for file in files:
                _remake(server, file, known)
