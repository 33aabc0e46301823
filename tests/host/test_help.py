"""The help pages speak of the nodes as they are."""

from typing import Any

import pytest
from selfguidance.demo import host, serve

PAGES = sorted((host.ROOT / "web" / "docs").glob("SelfGuidance*.md"))


@pytest.fixture(scope="module")
def known(server: serve.Server) -> dict[str, Any]:
    """What the server tells about every node."""
    return server.json("/object_info")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_page_names_every_input_and_output(known: dict[str, Any], page: Any) -> None:
    node = known[page.stem]
    text = page.read_text("utf-8")
    inputs = [name for group in ("required", "optional") for name in node["input"].get(group, {})]
    rows = "".join(line.split("|")[1] for line in text.splitlines() if line.startswith("| "))
    assert [name for name in (*inputs, *node["output_name"]) if name not in rows] == []
