"""Generate texts from the schemas of the nodes: the English locale, and lists in the help pages.

`locales/en/nodeDefs.json` has the text of the schemas, for ComfyUI and for translators. In the help
pages of every language (`web/docs`) defaults and ranges of the inputs are filled in from the
schemas; the meaning of an input is written by hand. Inputs are lists and not tables, because the
help panel is narrow.
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
TITLES = {"en": ("Inputs", "Outputs"), "zh": ("输入", "输出")}  # headings of a help page's lists
WORDS = {
    "en": {"default": "default ", "on": "on", "off": "off", " to ": " to "},
    "zh": {"default": "默认 ", "on": "开", "off": "关", " to ": " 到 "},
}
BRACKETS = {"en": (" (", ")", "; ", ": "), "zh": ("（", "）", "；", "：")}  # noqa: RUF001
ITEM = re.compile(r"^- \*\*(?P<name>\w+)\*\*(?:[ (（].*?[)）])?(?::|：) ?(?P<meaning>.*)$", re.M)  # noqa: RUF001
# matches text("key", "English" + "more", ...) in the scripts of web/js
STRING = r'"(?:[^"\\]|\\.)*"'
TEXT = re.compile(rf"\btext\(\s*({STRING}),\s*({STRING}(?:\s*\+\s*{STRING})*)")

Json = dict[str, Any]


def schemas() -> dict[str, Json]:
    """The entry of each node in /object_info, by id; ComfyUI's modules must be importable."""
    from ..host.pack import NODES

    return {info["name"]: info for info in (node.GET_NODE_INFO_V1() for node in NODES)}


def inputs(info: Json) -> Iterator[tuple[str, Any, Json]]:
    """Name, type and options of each input of a node, in the order of the schema."""
    for group in ("required", "optional"):
        for name, (kind, *options) in (info["input"].get(group) or {}).items():
            yield name, kind, options[0] if options else {}


def node_defs(infos: Mapping[str, Json]) -> Json:
    """The content of the English `nodeDefs.json`."""
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
    """The English texts of the scripts in web/js, by key."""
    found = {}
    for script in sorted(SCRIPTS.rglob("*.js")):
        for key, english in TEXT.findall(script.read_text("utf-8")):
            found[json.loads(key)] = "".join(map(json.loads, re.findall(STRING, english)))
    return dict(sorted(found.items()))


def default_and_range(kind: Any, options: Json) -> tuple[str, str]:
    """Default, and range or choices, of an input as Markdown; empty if there are none."""
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
    """A help page with the defaults and ranges of the schema in its list of inputs.

    Items are `- **name** (default; range): meaning`; only the part in brackets is replaced.

    Args:
        page: Markdown of the help page.
        info: the node's entry in /object_info.
        language: a key of `TITLES`.
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
    """Every generated file with its text."""
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
    """Write the generated files."""
    for file, text in written(schemas()).items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
