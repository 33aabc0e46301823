"""What a user sees: the pack's templates are offered, one opens, runs and shows its pictures."""

import json
from pathlib import Path
from typing import Any

import pytest
from selfguidance.tests.browser.pages import (
    NODES,
    SHOWN,
    Complaints,
    finished_run,
    press_run,
    shot,
    visit,
    wait_until,
)
from selfguidance.tools.host import serve
from selfguidance.tools.workflows import workflows

PREVIEW = "SelfGuidanceAttentionPreview"
PICTURE_OF_TEMPLATE = """name => [...document.querySelectorAll("[role=dialog] img")]
    .some(image => image.alt === name && image.naturalWidth > 0)"""


def open_template(page: Any, name: str) -> None:
    """Click through ComfyUI's template browser."""
    page.get_by_role("button", name="Templates").click()
    page.get_by_text(serve.PACK, exact=True).first.click()
    for file in workflows.saved():  # the page loads and drops pictures as one scrolls
        card = page.get_by_test_id(f"template-workflow-{file.stem}")
        card.evaluate("card => card.scrollIntoView({ block: 'center' })")  # not its name alone
        wait_until(page, PICTURE_OF_TEMPLATE, f"the thumbnail of {file.stem}", file.stem)
    page.get_by_text(name, exact=True).first.click()
    opened = f"type => ({NODES}).some(node => node.type === type)"
    wait_until(page, opened, f"the nodes of {name}", PREVIEW)


@pytest.mark.pages
@pytest.mark.parametrize("drawn", SHOWN)
def test_a_template_opens_runs_and_shows_attention(
    chromium: str,
    server: serve.Server,
    page: Any,
    complaints: Complaints,
    tmp_path: Path,
    drawn: str,
) -> None:
    name = next(file.stem for file in workflows.saved() if PREVIEW in file.read_text("utf-8"))
    visit(page, server, drawn)
    open_template(page, name)

    press_run(page)
    status = finished_run(server)
    assert status["status_str"] == "success", json.dumps(status, indent=1)

    wait_until(page, SHOWN[drawn], "the picture of the attention", PREVIEW)
    shot(page, tmp_path / "page.png")
