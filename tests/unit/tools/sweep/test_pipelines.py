"""Sweeps on the page docs/pipelines.md are read as it says."""

import re
from pathlib import Path

import pytest
from selfguidance.tools.host import host
from selfguidance.tools.sweep import inputs, measures, table

PAGE = (host.ROOT / "docs" / "pipelines.md").read_text("utf-8")
SWEEPS = re.findall(r"```yaml\n(.*?)```", PAGE, re.S)


@pytest.mark.parametrize(("text", "cells"), [*zip(SWEEPS, (15, 120), strict=True)])
def test_a_sweep_of_the_page_is_read(tmp_path: Path, text: str, cells: int) -> None:
    (tmp_path / "moves.yaml").write_text(text, "utf-8")
    found = table.read(tmp_path / "moves.yaml")
    assert len(found.cells) == cells
    for name in found.cells[0]:
        target = inputs.find(name, found.graph)
        assert target.input in found.graph[target.node]["inputs"]
    if found.measure:
        measures.function(found.measure)


def test_the_page_names_every_key() -> None:
    assert [key for key in table.KINDS if f"{key}:" not in PAGE] == []
