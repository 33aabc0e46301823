"""Workflows for models of users, the tour and the blueprints: up to date, and right for ComfyUI."""

import functools
import json
import re
import shutil
import sysconfig
from pathlib import Path
from typing import Any

import pytest
from selfguidance.tests.host.gallery import read
from selfguidance.tools.host import serve, waiting
from selfguidance.tools.workflows import blueprints, kinds, variants, workflows

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
def test_a_variant_asks_for_its_model_and_its_size_as_comfyui_does(name: str) -> None:
    kind, _ = kinds.of(name)
    graph = read("api", f"{name}.json")
    used = {node["class_type"] for node in graph.values()}
    assert not used & {"SelfGuidanceDemoModel", "SelfGuidanceDemoPicture"}
    wanted = [*kind.parts, *([kind.behind] if kind.behind else [])]
    for part in wanted:
        (node,) = [n for n in graph.values() if n["class_type"] == part.type]
        assert {k: v for k, v in node["inputs"].items() if k not in part.takes} == part.widgets
    (latent,) = [n for n in graph.values() if n["class_type"] == kind.latent]
    assert latent["inputs"]["width"] == latent["inputs"]["height"] == kind.side
    steps, cfg, sampler, scheduler = kind.sampling
    for node in graph.values():
        if node["class_type"] == "SelfGuidanceKSampler":
            asked = [node["inputs"][k] for k in ("steps", "cfg", "sampler_name", "scheduler")]
            assert asked == [steps, cfg, sampler, scheduler]
            negative = graph[node["inputs"]["negative"][0]]["class_type"]
            assert (negative == "ConditioningZeroOut") == (kind.negative is None) == (cfg == 1.0)
        if node["class_type"] == "SelfGuidanceRecordImage":
            assert [node["inputs"][k] for k in ("steps", "scheduler")] == [steps, scheduler]


@each
def test_a_variant_looks_for_words_of_its_prompts(name: str) -> None:
    graph = read("api", f"{name}.json")

    def value(given: Any) -> str:
        return graph[given[0]]["inputs"]["value"] if isinstance(given, list) else given

    prompts = [value(n["inputs"]["text"]) for n in graph.values() if "text" in n["inputs"]]
    asked = {value(n["inputs"].get("object", "")) for n in graph.values()} - {""}
    assert asked or "keep_layout" in name
    assert all(any(phrase in prompt for prompt in prompts) for phrase in asked)
    assert not re.findall(r"\b(circle|square|star|heart)\b", json.dumps(graph))


@each
def test_the_page_is_told_what_it_can_download_and_the_note_says_where_it_goes(name: str) -> None:
    kind, _ = kinds.of(name)
    graph = read(f"{name}.json")
    offered = [one for n in graph["nodes"] for one in n["properties"].get("models", ())]
    files = [file for file in kind.files if file.url]
    assert {tuple(one.values()) for one in offered} == {(f.name, f.url, f.folder) for f in files}
    (note,) = [n["widgets_values"][0] for n in graph["nodes"] if n["type"] == "MarkdownNote"]
    assert all(file.name in note and f"models/{file.folder}" in note for file in kind.files)


@pytest.mark.parametrize("kind", kinds.KINDS, ids=lambda kind: kind.key)
def test_files_are_those_of_comfyuis_own_templates(comfy_path: Path, kind: kinds.Kind) -> None:
    if not any(file.url for file in kind.files):
        pytest.skip("users take a checkpoint of their own")
    known = _downloads()
    if not {file.name for file in kind.files} <= {name for name, *_ in known}:
        pytest.skip("this ComfyUI has no template of the model")
    assert {(file.name, file.folder, file.url) for file in kind.files} <= known


@functools.cache
def _downloads() -> set[tuple[str, str, str]]:
    """What ComfyUI's own templates offer to download: name, folder and address of files."""
    found = set()

    def walk(value: Any) -> None:
        if isinstance(value, dict) and {"name", "url", "directory"} <= set(value):
            found.add((value["name"], value["directory"], value["url"].partition("?")[0]))
        for inner in value.values() if isinstance(value, dict) else value:
            if isinstance(inner, (dict, list)):
                walk(inner)

    for package in Path(sysconfig.get_path("purelib")).glob("comfyui_workflow_templates*"):
        for file in package.glob("templates/*.json"):
            walk(json.loads(file.read_text("utf-8")))
    return found


@each
def test_links_of_a_variant_agree_at_both_ends(name: str) -> None:
    graph = read(f"{name}.json")
    nodes = {node["id"]: node for node in graph["nodes"]}
    links = {link[0]: link for link in graph["links"]}
    assert len(nodes) == len(graph["nodes"]) and max(nodes) == graph["last_node_id"]
    assert len(links) == len(graph["links"]) and max(links) == graph["last_link_id"]
    for number, source, slot, target, place, kind in links.values():
        output, taken = nodes[source]["outputs"][slot], nodes[target]["inputs"][place]
        assert number in output["links"] and taken["link"] == number
        assert output["type"] == taken["type"] == kind
    ends = [one for n in nodes.values() for o in n["outputs"] for one in o["links"] or []]
    ends += [i["link"] for n in nodes.values() for i in n["inputs"] if i["link"] is not None]
    assert sorted(ends) == sorted([*links, *links])


@each
def test_comfyui_takes_a_variant_and_stops_only_at_the_weights(
    server: serve.Server, photo: None, name: str
) -> None:
    kind, _ = kinds.of(name)
    graph = read("api", f"{name}.json")
    for file in kind.files:
        folder = server.base / "models" / file.folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / file.name).touch()
    loaders = {part.type for part in kind.parts if part.files}
    prompt = server.json("/prompt", {"prompt": graph, "client_id": "variants"})["prompt_id"]
    done = waiting.finished(server, prompt, name)
    (error,) = [text for kind, text in done["status"]["messages"] if kind == "execution_error"]
    assert error["node_type"] in loaders


def _with_the_demo() -> list[Any]:
    """All variants; those of a form that one for another model has before it are `exhaustive`."""
    found, forms = [], set()
    for name in variants.names():
        kind, recipe = kinds.of(name)
        form = recipe, kind.latent, kind.negative is None
        found.append(pytest.param(name, marks=pytest.mark.exhaustive if form in forms else ()))
        forms.add(form)
    return found


@pytest.mark.parametrize("name", _with_the_demo())
def test_a_variant_runs_with_the_demo_model_in_its_place(
    request: pytest.FixtureRequest, server: serve.Server, photo: None, name: str
) -> None:
    kind, _ = kinds.of(name)
    graph = read("api", f"{name}.json")
    network = "transformer" if kind.latent == "EmptySD3LatentImage" else "unet"
    if network == "transformer":
        request.getfixturevalue("transformer")
    demo = {"class_type": "SelfGuidanceDemoModel", "inputs": {"network": network}}
    for part in kind.parts:
        if part.files:
            (loader,) = [key for key, n in graph.items() if n["class_type"] == part.type]
            del graph[loader]
            _carry(graph, loader, part.gives)
    graph["demo"] = demo | {"_meta": {"title": "Demo"}}
    for node in graph.values():
        inputs: dict[str, Any] = node["inputs"]
        if {"width", "height"} <= set(inputs):
            inputs |= {"width": 128, "height": 128}
        if "steps" in inputs:
            inputs["steps"] = 2
    assert workflows.run(server, graph, name)


def _carry(graph: dict[str, Any], loader: str, gives: tuple[str, ...]) -> None:
    """Let what took something from a loader take it from the demo model."""
    outputs = ["MODEL", "CLIP", "VAE"]
    for node in graph.values():
        for key, given in node["inputs"].items():
            if isinstance(given, list) and given[0] == loader:
                node["inputs"][key] = ["demo", outputs.index(gives[given[1]])]


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
