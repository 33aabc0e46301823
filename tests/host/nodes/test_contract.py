"""What shared workflows rely on: ids, inputs, outputs, types, defaults and ranges of every node.

`contract.txt` holds them, a line each, in the order of the nodes' widgets, by which ComfyUI's page
saves values. It was written before the folders of the pack changed. A line that is there stays;
what a later change adds is written into it by hand, so that nobody adds or changes by accident.
"""

import json
from collections.abc import Iterator, Mapping
from difflib import unified_diff
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("contract.txt")
SETTINGS = ("default", "min", "max", "step", "multiline", "forceInput", "control_after_generate")
LISTS_OF_THE_HOST = ("sampler_name", "scheduler", "file")  # combos whose entries are not ours


def lines(known: Mapping[str, Any]) -> Iterator[str]:
    """The contract of our nodes.

    Args:
        known: /object_info of a server with the pack.
    """
    for name in sorted(name for name in known if name.startswith("SelfGuidance")):
        node = known[name]
        yield name
        for group in ("required", "optional"):
            for key, (kind, *options) in node["input"].get(group, {}).items():
                settings = options[0] if options else {}
                yield f"  {group} {key}: {described(key, kind, settings)}"
        for kind, key in zip(node["output"], node["output_name"], strict=True):
            yield f"  output {key}: {kind}"
        if node["output_node"]:
            yield "  shows its result"


def described(key: str, kind: Any, settings: Mapping[str, Any]) -> str:
    """Type and settings of one input; hosts write combos in two ways."""
    if isinstance(kind, list) or kind == "COMBO":
        entries = kind if isinstance(kind, list) else settings["options"]
        kind = "COMBO" if key in LISTS_OF_THE_HOST else f"COMBO {json.dumps(entries)}"
    held = {name: settings[name] for name in SETTINGS if settings.get(name) is not None}
    return " ".join([kind, *(f"{name}={json.dumps(value)}" for name, value in held.items())])


def test_nodes_are_what_shared_workflows_rely_on(known: dict[str, Any]) -> None:
    landed = FILE.read_text("utf-8").splitlines()
    difference = unified_diff(
        landed, [*lines(known)], "contract.txt", "the nodes", lineterm="", n=0
    )
    assert "\n".join(difference) == ""
