"""Every template opens, is drawn as it should, and nothing complains."""

import json
from pathlib import Path
from typing import Any

import pytest
from selfguidance.tests.browser.pages import (
    NODES,
    SEE_ERRORS,
    Complaints,
    open_card,
    settle,
    shot,
    themed,
    visit,
    wait_until,
)
from selfguidance.tools.host import serve
from selfguidance.tools.workflows import kinds, workflows

HOLDS = f"""ids => JSON.stringify(({NODES}).map(node => Number(node.id)).sort((a, b) => a - b))
    === JSON.stringify(ids)"""
OPEN = "graph => window.app.loadGraphData(graph)"
SENT = "async () => (await window.app.graphToPrompt()).output"
BODIES = f"""() => document.querySelectorAll('[data-node-id]').length >= ({NODES}).length"""

VERSION = "() => (window.__COMFYUI_FRONTEND_VERSION__ ?? '0.0').split('.').slice(0, 2).map(Number)"
DIALOG_UNTIL, PANEL_FROM = [1, 39], [1, 49]  # pages that tell of missing models, and where

# titles of nodes that Nodes 2.0 draws over each other
COVERED = """() => {
    const drawn = [...document.querySelectorAll("[data-node-id]")];
    const boxes = drawn.map(node => node.getBoundingClientRect());
    const meet = (a, b) => a.left + 2 < b.right && b.left + 2 < a.right
        && a.top + 2 < b.bottom && b.top + 2 < a.bottom;
    return drawn.filter((_, i) => boxes.some((box, k) => k !== i && meet(boxes[i], box)))
        .map(node => window.app.graph.getNodeById(node.dataset.nodeId)?.title);
}"""


def test_every_template_opens_whole_and_is_sent_in_its_api_form_and_nothing_complains(
    server: serve.Server, page: Any, complaints: Complaints, tmp_path: Path
) -> None:
    """As a click on its card opens it; test_smoke.py looks at the cards themselves."""
    visit(page, server)
    for file in workflows.saved():
        opened(server, page, file)
        shot(page, tmp_path / f"{file.stem}.png")
        api = json.loads((workflows.FOLDER / "api" / file.name).read_text("utf-8"))
        assert page.evaluate(SENT) == api, file.stem
        assert not complaints.texts, file.stem


@pytest.mark.pages
def test_nodes_2_draws_every_template_without_overlaps_and_nothing_complains(
    server: serve.Server, page: Any, complaints: Complaints, tmp_path: Path
) -> None:
    visit(page, server, "vue")
    with themed(page, "light"):
        for file in workflows.saved():
            opened(server, page, file)
            wait_until(page, BODIES, f"Nodes 2.0 to draw {file.stem}")
            settle(page)
            assert page.evaluate(COVERED) == [], file.stem
            shot(page, tmp_path / f"{file.stem}.png")
            assert not complaints.texts, file.stem


def opened(server: serve.Server, page: Any, file: Path) -> None:
    """Open a template as the server has it, and wait until the page holds all its nodes."""
    graph = server.json(f"/api/workflow_templates/{serve.PACK}/{file.name}")
    page.evaluate(OPEN, graph)
    ids = sorted(node["id"] for node in json.loads(file.read_text("utf-8"))["nodes"])
    wait_until(page, HOLDS, f"the nodes of {file.stem}", ids)


def test_missing_files_of_a_template_are_offered(
    chromium: str, server: serve.Server, page: Any, tmp_path: Path
) -> None:
    visit(page, server, offers=True)
    version = page.evaluate(VERSION)
    if DIALOG_UNTIL < version < PANEL_FROM:
        pytest.skip("not known how this page tells of missing models")
    for kind in kinds.KINDS:
        files = [file for file in kind.files if file.url]
        if files:
            open_card(page, f"{kind.first}_{kind.key}_{kind.recipes[0]}")
            offered = in_dialog if version <= DIALOG_UNTIL else in_panel
            text = offered(page, files[0].name)
            shot(page, tmp_path / f"{kind.key}.png")
            assert all(f"{file.folder} / {file.name}" in text for file in files)
            page.keyboard.press("Escape")
            page.get_by_role("dialog").first.wait_for(state="hidden")


def in_dialog(page: Any, file: str) -> str:
    """What the dialog of older pages says, which opens by itself."""
    offer = page.get_by_role("dialog").filter(has_text=file)
    offer.wait_for()
    return offer.inner_text()


def in_panel(page: Any, file: str) -> str:
    """The same of newer pages, whose list of errors has a button to download each file."""
    page.get_by_test_id(SEE_ERRORS).click()
    rows = page.get_by_test_id("missing-model-importable-rows").filter(has_text=file)
    rows.wait_for()
    lines = rows.inner_text().split("\n")
    named, folders, buttons = lines[::3], lines[1::3], lines[2::3]
    assert set(buttons) == {"Download"}
    return "\n".join(f"{folder} / {name}" for folder, name in zip(folders, named, strict=True))
