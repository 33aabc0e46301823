"""ComfyUI's page understands the example workflows as their API form says."""

import json
from typing import Any

from selfguidance.tests.browser.pages import visit
from selfguidance.tools.host import serve
from selfguidance.tools.workflows import workflows

SENT = """async graph => {
    await window.app.loadGraphData(graph);
    return (await window.app.graphToPrompt()).output;
}"""


def test_the_page_sends_the_api_form_of_every_workflow(server: serve.Server, page: Any) -> None:
    visit(page, server)
    for file in workflows.saved():
        graph = json.loads(file.read_text("utf-8"))
        api = json.loads((workflows.FOLDER / "api" / file.name).read_text("utf-8"))
        assert page.evaluate(SENT, graph) == api, file.stem
