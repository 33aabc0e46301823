"""A subgraph blueprint of ours is found in the page, put on the canvas, and run."""

from typing import Any

import numpy as np
import pytest
from selfguidance.tests.browser.pages import NODES, settle, shot, visit, wait_until
from selfguidance.tests.host.gallery import NEAR, distance, things
from selfguidance.tools.host import serve
from selfguidance.tools.workflows import blueprints, workflows

# of pages up to 1.32, and of newer ones
SEARCH = ".comfy-vue-node-search-container input, input[placeholder='Add a node...']"
# what a double click does, which newer pages miss where they are drawn slowly
SEARCH_NODES = "() => window.app.extensionManager.command.execute('Workspace.SearchBox.Toggle')"
FEED = """() => {
    const graph = window.app.graph;
    const [recipe] = graph.nodes.filter(node => node.isSubgraphNode?.());
    const add = (type, values = {}) => {
        const node = window.LiteGraph.createNode(type);
        graph.add(node);
        for (const [name, value] of Object.entries(values)) {
            node.widgets.find(widget => widget.name === name).value = value;
        }
        return node;
    };
    const feed = (node, slot, name) =>
        node.connect(slot, recipe, recipe.inputs.findIndex(input => input.name === name));
    const model = add("SelfGuidanceDemoModel");
    const positive = add("SelfGuidancePrompt");
    const negative = add("SelfGuidancePrompt", { text: "" });
    const latent = add("EmptyLatentImage", { width: 128, height: 128 });
    for (const prompt of [positive, negative]) model.connect(1, prompt, 0);
    feed(model, 0, "model");
    feed(model, 2, "vae");
    feed(positive, 0, "positive");
    feed(negative, 0, "negative");
    feed(latent, 0, "latent_image");
    for (const [slot, title] of [[0, "After"], [1, "Before"]]) {
        const preview = add("PreviewImage");
        preview.title = title;
        recipe.connect(slot, preview, 0);
    }
    return recipe.inputs.map(input => input.name);
}"""


@pytest.fixture
def empty(server: serve.Server, page: Any) -> Any:
    """The page with an empty canvas."""
    visit(page, server)
    page.evaluate("() => { window.app.graph.clear(); window.app.canvas.setDirty(true, true); }")
    settle(page)  # until then a click meets the nodes that were drawn last
    return page


def put_on_canvas(page: Any, name: str) -> None:
    """Search for a node by name and take the first hit."""
    page.evaluate(SEARCH_NODES)
    # what is typed before the search stands there goes to the canvas, as shortcuts
    page.locator(SEARCH).first.wait_for()
    page.keyboard.type(name, delay=20)
    page.get_by_role("option").filter(has_text=name).first.click()
    wait_until(
        page, f"() => ({NODES}).some(node => node.isSubgraphNode?.())", "the blueprint's node"
    )


def test_a_blueprint_is_put_on_the_canvas_and_moves_the_object(
    server: serve.Server, empty: Any, tmp_path: Any
) -> None:
    plan = blueprints.BLUEPRINTS[0]
    put_on_canvas(empty, plan.name)
    shot(empty, tmp_path / "blueprint.png")
    names = empty.evaluate(FEED)
    assert {"model", "positive", "object", "dx", "dy", "seed"} <= set(names)
    sent = empty.evaluate("async () => (await window.app.graphToPrompt()).output")
    pictures = workflows.run(server, sent)
    before, after = (things(np.asarray(pictures[t][0]) / 255) for t in ("Before", "After"))
    (move,) = [n["inputs"] for n in sent.values() if n["class_type"] == "SelfGuidanceMoveObject"]
    was, now = before.pop(move["object"]), after.pop(move["object"])
    assert move["dx"] > 0.2
    assert distance(now, was.x + move["dx"], was.y + move["dy"]) < NEAR
    assert before.keys() == after.keys()


@pytest.mark.parametrize("plan", blueprints.BLUEPRINTS, ids=lambda plan: plan.recipe)
def test_every_blueprint_opens_with_its_values(empty: Any, plan: blueprints.Blueprint) -> None:
    """Each on a page of its own: newer pages hold a blueprint at the mouse until it is dropped."""
    put_on_canvas(empty, plan.name)
    (instance,) = blueprints.blueprint(plan)["nodes"]
    shown = empty.evaluate(
        f"""() => ({NODES}).filter(node => node.isSubgraphNode?.()).map(node => ({{
            inputs: node.inputs.map(input => input.name),
            outputs: node.outputs.map(output => output.name),
            values: node.widgets.map(widget => widget.value),
        }}))"""
    )
    assert len(shown) == 1
    assert shown[0]["inputs"] == [one["name"] for one in instance["inputs"]]
    assert shown[0]["outputs"] == [one["name"] for one in instance["outputs"]]
    assert shown[0]["values"] == instance["widgets_values"]
