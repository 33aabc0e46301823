"""Workflows for SD 1.5 and SDXL, the tour and the blueprints: up to date, and right for ComfyUI."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from selfguidance.tests.host.gallery import read
from selfguidance.tools.host import serve, waiting
from selfguidance.tools.workflows import blueprints, variants, workflows

each = pytest.mark.parametrize("name", variants.names())


@pytest.fixture(scope="module")
def photo(server: serve.Server, comfy_path: Path) -> None:
    """ComfyUI's own example photo, which a server with a folder of its own lacks."""
    source = comfy_path / "input" / "example.png"
    shutil.copyfile(source, server.base / "input" / "example.png")


def test_what_follows_from_other_workflows_is_up_to_date() -> None:
    for file, text in (variants.written() | blueprints.written()).items():
        message = f"{file.name}: run `python -m nox -s workflows blueprints`"
        assert file.read_text("utf-8") == text, message


def test_there_is_no_other_blueprint() -> None:
    assert set(blueprints.FOLDER.glob("*")) == set(blueprints.written())


@each
def test_a_variant_asks_for_its_model_its_size_and_words_of_its_prompt(name: str) -> None:
    checkpoint = next(c for c in variants.CHECKPOINTS if name.startswith(c.key))
    graph = read("api", f"{name}.json")
    kinds = {node["class_type"] for node in graph.values()}
    assert not kinds & {"SelfGuidanceDemoModel", "SelfGuidanceDemoPicture"}
    (loader,) = [n for n in graph.values() if n["class_type"] == "CheckpointLoaderSimple"]
    assert loader["inputs"]["ckpt_name"] == checkpoint.file
    (latent,) = [n for n in graph.values() if n["class_type"] == "EmptyLatentImage"]
    assert latent["inputs"]["width"] == latent["inputs"]["height"] == checkpoint.side
    text = json.dumps(graph)
    assert not re.findall(r"\b(circle|square|star|heart)\b", text)
    for node in graph.values():
        if node["class_type"] == "SelfGuidanceKSampler":
            assert node["inputs"]["cfg"] == 7.0


@each
def test_comfyui_takes_a_variant_and_stops_only_at_the_weights(
    server: serve.Server, photo: None, name: str
) -> None:
    graph = read("api", f"{name}.json")
    (loader,) = [k for k, n in graph.items() if n["class_type"] == "CheckpointLoaderSimple"]
    folder = server.base / "models" / "checkpoints"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / graph[loader]["inputs"]["ckpt_name"]).touch()
    prompt = server.json("/prompt", {"prompt": graph, "client_id": "variants"})["prompt_id"]
    done = waiting.finished(server, prompt, name)
    (error,) = [text for kind, text in done["status"]["messages"] if kind == "execution_error"]
    assert error["node_id"] == loader


@each
def test_a_variant_runs_with_the_demo_model_in_its_place(
    server: serve.Server, photo: None, name: str
) -> None:
    graph = read("api", f"{name}.json")
    for node in graph.values():
        inputs: dict[str, Any] = node["inputs"]
        if node["class_type"] == "CheckpointLoaderSimple":
            node |= {"class_type": "SelfGuidanceDemoModel", "inputs": {}}
        if node["class_type"] in ("EmptyLatentImage", "ImageScale"):
            inputs |= {"width": 128, "height": 128}
        if "steps" in inputs:
            inputs["steps"] = 4
    assert workflows.run(server, graph, name)


def test_blueprints_are_served_and_use_nodes_that_exist(
    server: serve.Server, known: dict[str, Any], comfy_path: Path
) -> None:
    if not (comfy_path / "app" / "subgraph_manager.py").exists():
        pytest.skip("this ComfyUI knows no blueprints")
    served = server.json("/global_subgraphs")
    ours = {k: v for k, v in served.items() if serve.PACK in v["info"]["node_pack"]}
    assert {one["name"] for one in ours.values()} == {plan.name for plan in blueprints.BLUEPRINTS}
    for key in ours:
        graph = json.loads(server.json(f"/global_subgraphs/{key}")["data"])
        (subgraph,) = graph["definitions"]["subgraphs"]
        assert graph["nodes"][0]["type"] == subgraph["id"]
        assert {node["type"] for node in subgraph["nodes"]} <= set(known)


@pytest.mark.parametrize("plan", blueprints.BLUEPRINTS, ids=lambda plan: plan.recipe)
def test_links_of_a_blueprint_agree_at_both_ends(plan: blueprints.Blueprint) -> None:
    (subgraph,) = blueprints.blueprint(plan)["definitions"]["subgraphs"]
    nodes = {node["id"]: node for node in subgraph["nodes"]}
    links = {link["id"]: link for link in subgraph["links"]}
    assert len(links) == len(subgraph["links"])
    for number, link in links.items():
        if link["origin_id"] == blueprints.INSIDE:
            source = subgraph["inputs"][link["origin_slot"]]["linkIds"]
        else:
            source = nodes[link["origin_id"]]["outputs"][link["origin_slot"]]["links"]
        assert number in source
        if link["target_id"] == blueprints.OUTSIDE:
            target = subgraph["outputs"][link["target_slot"]]["linkIds"]
        else:
            target = [nodes[link["target_id"]]["inputs"][link["target_slot"]]["link"]]
        assert number in target
    used = {slot["link"] for node in nodes.values() for slot in node["inputs"]} - {None}
    assert used <= set(links)
