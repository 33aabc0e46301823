"""The pack in a real ComfyUI server: its nodes, their help, and the workflows it offers."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from selfguidance.tools.host import host, serve

WORKFLOWS = sorted((host.ROOT / "examples_workflows").glob("*.json"))
each_workflow = pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda f: f.stem)


@pytest.fixture(scope="module")
def nodes(server: serve.Server) -> dict[str, Any]:
    """What the server tells the browser about every node of ours, by id."""
    known = server.json("/object_info")
    ours = {name: node for name, node in known.items() if name.startswith("SelfGuidance")}
    assert ours, server.log.read_text("utf-8")
    return ours


@pytest.mark.compat("Front ends", "The pack loads, its nodes are listed")
def test_the_pack_loads_through_comfyuis_own_loader(
    server: serve.Server, nodes: dict[str, Any]
) -> None:
    log = server.log.read_text("utf-8")
    assert "IMPORT FAILED" not in log
    assert "SelfGuidanceKSampler" in nodes
    assert all(node["python_module"] == f"custom_nodes.{serve.PACK}" for node in nodes.values())


def test_every_node_and_input_explains_itself(nodes: dict[str, Any]) -> None:
    silent = [
        f"{name}.{key}"
        for name, node in nodes.items()
        for group in ("required", "optional")
        for key, (_, *options) in node["input"].get(group, {}).items()
        if not (options and options[0].get("tooltip"))
    ]
    assert not silent
    assert not [name for name, node in nodes.items() if not node["description"]]
    assert not [
        name for name, node in nodes.items() if not node["category"] or not node["display_name"]
    ]


def test_every_node_has_a_help_page_that_the_server_gives(
    server: serve.Server, nodes: dict[str, Any]
) -> None:
    pages = host.ROOT / "web" / "docs"
    assert {page.stem for page in pages.glob("*.md")} == set(nodes)
    for name in nodes:
        page = server.get(f"/extensions/{serve.PACK}/docs/{name}.md").decode()
        assert page == (pages / f"{name}.md").read_text("utf-8")


def test_the_readme_says_what_each_node_does(nodes: dict[str, Any]) -> None:
    text = (host.ROOT / "README.md").read_text("utf-8")
    table = text.partition("| Node | What it does |\n")[2].partition("\n\n")[0]
    rows = [line.split(" | ")[0].strip("| ") for line in table.splitlines()[1:]]
    names = [node["display_name"].removeprefix("Self-Guidance ") for node in nodes.values()]
    assert sorted(", ".join(rows).split(", ")) == sorted(
        name.removesuffix(" (layout)") for name in names
    )


def test_scripts_of_the_pack_are_loaded_by_the_browser(server: serve.Server) -> None:
    ours = [path for path in server.json("/extensions") if f"/{serve.PACK}/" in path]
    scripts = (host.ROOT / "web").rglob("*.js")
    assert sorted(path.rsplit("/", 1)[1] for path in ours) == sorted(s.name for s in scripts)


def test_there_are_workflows_with_names_that_fit_into_a_template_link() -> None:
    assert WORKFLOWS
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]+", workflow.stem) for workflow in WORKFLOWS)


@pytest.mark.compat("Front ends", "Example workflows in the template browser")
def test_the_template_browser_lists_every_workflow(server: serve.Server) -> None:
    listed = server.json("/workflow_templates")[serve.PACK]
    assert sorted(listed) == [workflow.stem for workflow in WORKFLOWS]


@each_workflow
def test_the_template_browser_gets_workflow_and_picture(
    server: serve.Server, workflow: Path
) -> None:
    address = f"/api/workflow_templates/{serve.PACK}/{workflow.stem}"
    assert json.loads(server.get(address + ".json")) == json.loads(workflow.read_text("utf-8"))
    assert server.get(address + ".jpg")[:3] == b"\xff\xd8\xff"


@each_workflow
def test_workflows_use_nodes_that_exist(server: serve.Server, workflow: Path) -> None:
    graph = json.loads(workflow.read_text("utf-8"))
    subgraphs = graph.get("definitions", {}).get("subgraphs", [])
    known = {*server.json("/object_info"), "Note", "MarkdownNote", "Reroute", "PrimitiveNode"}
    known |= {subgraph["id"] for subgraph in subgraphs}
    used = {node["type"] for part in (graph, *subgraphs) for node in part["nodes"]}
    assert not used - known
    assert any(name.startswith("SelfGuidance") for name in used)
