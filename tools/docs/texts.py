"""Write what follows from the nodes' schemas: the English locale, and lists of the help pages.

`locales/en/nodeDefs.json` is the schemas' own text, for ComfyUI and as the original of
translations. In `web/docs` defaults and ranges of the inputs are filled from the
schemas, in every language; what an input means is written by hand. Lists, not tables: the help
panel is narrow.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..host import host

LOCALES = host.ROOT / "locales"
DOCS = host.ROOT / "web" / "docs"
SCRIPTS = host.ROOT / "web" / "js"
TITLES = {"en": ("Inputs", "Outputs"), "zh": ("输入", "输出")}  # of a help page's lists
WORDS = {
    "en": {"default": "default ", "on": "on", "off": "off", " to ": " to "},
    "zh": {"default": "默认 ", "on": "开", "off": "关", " to ": " 到 "},
}
BRACKETS = {"en": (" (", ")", "; ", ": "), "zh": ("（", "）", "；", "：")}  # noqa: RUF001
ITEM = re.compile(r"^- \*\*(?P<name>\w+)\*\*(?:[ (（].*?[)）])?(?::|：) ?(?P<meaning>.*)$", re.M)  # noqa: RUF001
# text("key", "English" + "more", ...) in our scripts
STRING = r'"(?:[^"\\]|\\.)*"'
TEXT = re.compile(rf"\btext\(\s*({STRING}),\s*({STRING}(?:\s*\+\s*{STRING})*)")

Json = dict[str, Any]


def schemas() -> dict[str, Json]:
    """What ComfyUI tells the page about each node, by id; ComfyUI's modules must be importable."""
    from ..host.pack import NODES

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


def script_texts() -> dict[str, str]:
    """What our scripts say in English, by key."""
    found = {}
    for script in sorted(SCRIPTS.rglob("*.js")):
        for key, english in TEXT.findall(script.read_text("utf-8")):
            found[json.loads(key)] = "".join(map(json.loads, re.findall(STRING, english)))
    return dict(sorted(found.items()))


def default_and_range(kind: Any, options: Json) -> tuple[str, str]:
    """What an input starts with and what it may be; empty where that says nothing."""
    choices = kind if isinstance(kind, list) else options.get("options")
    default = options.get("default")
    if choices is not None:
        few = [f"`{choice}`" for choice in choices] if len(choices) <= 3 else []
        return (f"`{default}`" if default else ""), ", ".join(few)
    if kind == "BOOLEAN":
        return ("on" if default else "off"), ""
    if kind == "STRING":
        return (f"`{default}`" if default else ""), ""
    if kind in ("INT", "FLOAT"):
        high = "2^64 - 1" if options["max"] == 2**64 - 1 else f"{options['max']:g}"
        return f"{default:g}", f"{options['min']:g} to {high}"
    return "", ""


def filled(page: str, info: Json, language: str) -> str:
    """A help page whose list of inputs has the schema's defaults and ranges.

    Items are `- **name** (default; range): meaning`, with what stands in brackets written here.
    """
    known = {name: default_and_range(kind, options) for name, kind, options in inputs(info)}
    words, brackets = WORDS[language], BRACKETS[language]

    def item(match: re.Match[str]) -> str:
        name, meaning = match["name"], match["meaning"]
        if name not in known:
            return match[0]
        default, extent = known[name]
        for english, word in words.items():
            default = word if default == english else default
            extent = extent.replace(english, word) if english == " to " else extent
        inner = brackets[2].join(filter(None, (default and words["default"] + default, extent)))
        inner = f"{brackets[0]}{inner}{brackets[1]}" if inner else ""
        return f"- **{name}**{inner}{brackets[3]}{meaning}"

    before, title, rest = page.partition(f"\n## {TITLES[language][0]}\n")
    listed, end, after = rest.partition(f"\n## {TITLES[language][1]}\n")
    return before + title + ITEM.sub(item, listed) + end + after


def written(infos: Mapping[str, Json]) -> dict[Path, str]:
    """Every file that follows from the schemas and scripts, with its text."""
    main = LOCALES / "en" / "main.json"
    texts = {main: _json({**json.loads(main.read_text("utf-8")), "selfGuidance": script_texts()})}
    texts[LOCALES / "en" / "nodeDefs.json"] = _json(node_defs(infos))
    for node, info in infos.items():
        for page in (DOCS / f"{node}.md", *sorted((DOCS / node).glob("*.md"))):
            if page.exists():
                language = "en" if page.parent == DOCS else page.stem
                texts[page] = filled(page.read_text("utf-8"), info, language)
    return texts


def _json(data: Json) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def main(_: list[str]) -> None:
    """Write them."""
    for file, text in written(schemas()).items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
