"""Write what follows from the nodes' schemas: the English locale, and tables of the help pages.

`locales/en/nodeDefs.json` is the schemas' own text, for ComfyUI and as the original of
translations. In `web/docs` the columns Default and Range of the inputs are filled from the
schemas, in every language; what an input means is written by hand.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from . import host

LOCALES = host.ROOT / "locales"
DOCS = host.ROOT / "web" / "docs"
SCRIPTS = host.ROOT / "web" / "js"
HEADS = ("Input", "输入")  # first cell of the table of inputs, by language
SOCKET = "-"  # in place of a default or a range where there is none
# text("key", "English" + "more", ...) in our scripts
STRING = r'"(?:[^"\\]|\\.)*"'
TEXT = re.compile(rf"\btext\(\s*({STRING}),\s*({STRING}(?:\s*\+\s*{STRING})*)")

Json = dict[str, Any]


def schemas() -> dict[str, Json]:
    """What ComfyUI tells the page about each node, by id; ComfyUI's modules must be importable."""
    from selfguidance.nodes import NODES

    return {info["name"]: info for info in (node.GET_NODE_INFO_V1() for node in NODES)}


def inputs(info: Json) -> Iterator[tuple[str, Any, Json]]:
    """Name, type and options of each input of a node, in its order."""
    for group in ("required", "optional"):
        for name, (kind, *options) in (info["input"].get(group) or {}).items():
            yield name, kind, options[0] if options else {}


def node_defs(infos: Mapping[str, Json]) -> Json:
    """`nodeDefs.json` of the schemas' language."""
    return {node: _definition(info) for node, info in infos.items()}


def _definition(info: Json) -> Json:
    outputs = zip(info["output_name"], info["output_tooltips"], strict=True)
    return {
        "display_name": info["display_name"],
        "description": info["description"],
        "inputs": {
            name: {"name": name, "tooltip": options["tooltip"]} for name, _, options in inputs(info)
        },
        "outputs": {
            str(i): {"name": name} | ({"tooltip": tooltip} if tooltip else {})
            for i, (name, tooltip) in enumerate(outputs)
        },
    }


def said() -> dict[str, str]:
    """What our scripts say in English, by key."""
    found = {}
    for script in sorted(SCRIPTS.rglob("*.js")):
        for key, english in TEXT.findall(script.read_text("utf-8")):
            found[json.loads(key)] = "".join(map(json.loads, re.findall(STRING, english)))
    return dict(sorted(found.items()))


def default_and_range(kind: Any, options: Json) -> tuple[str, str]:
    """The cells of an input: its default and what it may be."""
    choices = kind if isinstance(kind, list) else options.get("options")
    if choices is not None:
        few = [f"`{choice}`" for choice in choices] if len(choices) <= 3 else []
        default = options.get("default")
        return f"`{default}`" if default else SOCKET, ", ".join(few) or SOCKET
    if kind == "BOOLEAN":
        return ("on" if options["default"] else "off"), "on, off"
    if kind == "STRING":
        return f"`{options['default']}`" if options["default"] else SOCKET, SOCKET
    if kind in ("INT", "FLOAT"):
        high = "2^64 - 1" if options["max"] == 2**64 - 1 else f"{options['max']:g}"
        return f"{options['default']:g}", f"{options['min']:g} to {high}"
    return SOCKET, SOCKET


def filled(page: str, info: Json) -> str:
    """A help page whose table of inputs has the schema's defaults and ranges.

    Rows are `| name | default | range | meaning |`; those of unknown names stay as they are.
    """
    known = {name: default_and_range(kind, options) for name, kind, options in inputs(info)}
    lines, inside = [], False
    for line in page.splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)]
        inside = line.startswith("|") and (inside or cells[1] in HEADS)
        if inside and cells[1].strip("`") in known:
            name, meaning = cells[1], cells[4]
            line = "| " + " | ".join((name, *known[name.strip("`")], meaning)) + " |"
        lines.append(line)
    return "\n".join(lines) + "\n"


def written(infos: Mapping[str, Json]) -> dict[Path, str]:
    """Every file that follows from the schemas and scripts, with its text."""
    main = LOCALES / "en" / "main.json"
    texts = {main: _json({**json.loads(main.read_text("utf-8")), "selfGuidance": said()})}
    texts[LOCALES / "en" / "nodeDefs.json"] = _json(node_defs(infos))
    for node, info in infos.items():
        for page in (DOCS / f"{node}.md", *sorted((DOCS / node).glob("*.md"))):
            if page.exists():
                texts[page] = filled(page.read_text("utf-8"), info)
    return texts


def _json(data: Json) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def main(_: list[str]) -> None:
    """Write them."""
    for file, text in written(schemas()).items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
