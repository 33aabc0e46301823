"""A sweep in a real ComfyUI: the same pixels as over /prompt, a record, and a cell that fails."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image
from selfguidance.guidance.record import file as record_file
from selfguidance.tests.host.gallery import read
from selfguidance.tools.host import host, serve
from selfguidance.tools.workflows import workflows

STEPS = {"8.steps": 2, "13.steps": 2}
CELLS = [
    {"2.text": "a red circle and a blue square", "12.dx": 0.2},
    {"2.text": "a green triangle", "12.dx": 0.2},  # has no red circle
    {"2.text": "a red circle and a blue square", "12.dx": 0.3},
]


@pytest.fixture(scope="module")
def swept(comfy_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a sweep of three cells, in a process of its own."""
    folder = tmp_path_factory.mktemp("sweep")
    said = {"workflow": "11_move_an_object", "output": "out", "set": STEPS, "list": CELLS}
    said |= {"outputs": ["Before", "After"], "measure": "tools.sweep.measures:shapes"}
    (folder / "sweep.yaml").write_text(yaml.safe_dump(said, sort_keys=False), "utf-8")
    env = {**os.environ, "SELF_GUIDANCE_CPU": "1", "SELF_GUIDANCE_BASE": str(folder / "base")}
    command = [sys.executable, "tools/run.py", "sweep", str(folder / "sweep.yaml")]
    done = subprocess.run(command, cwd=host.ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 of 3 cells are done, 1 of them failed" in done.stdout
    return folder / "out"


@pytest.fixture(scope="module")
def rows(swept: Path) -> list[dict[str, Any]]:
    """The rows of its table."""
    with (swept / "table.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_bad_prompt_is_a_row_with_its_error(swept: Path, rows: list[dict[str, Any]]) -> None:
    first, wrong, last = rows
    assert "red circle" in wrong["error"] and "ValueError" in wrong["error"]
    assert not wrong["pictures"] and not first["error"] and not last["error"]
    kept = sorted(path.name for path in (swept / "pictures").iterdir())
    names = ("After", "Before")
    assert kept == [f"{cell}_{name}.png" for cell in ("0001", "0003") for name in names]


def test_a_row_has_seeds_and_numbers(rows: list[dict[str, Any]]) -> None:
    assert rows[0]["3. Sample again with terms.seed"] == "2"
    assert float(rows[0]["3. Sample again with terms: position of red circle"]) > 0
    found = [name for name in rows[0] if name.startswith("Before: ") and name.endswith(" area")]
    assert found and float(rows[0][found[0]]) > 0


def test_records_can_be_read(swept: Path) -> None:
    paths = sorted((swept / "records").iterdir())
    assert len(paths) == 4
    record = record_file.load(paths[1])
    assert len(record.steps) == 2 and any(step.guided for step in record.steps)


def test_pixels_are_those_of_the_server(swept: Path, server: serve.Server) -> None:
    graph = read("api", "move_an_object.json")
    for key in ("8", "13"):
        graph[key]["inputs"]["steps"] = 2
    graph["12"]["inputs"]["dx"] = 0.3
    pictures = workflows.run(server, graph, "the last cell")
    for title in ("Before", "After"):
        with Image.open(swept / "pictures" / f"0003_{title}.png") as picture:
            assert json.loads(picture.info["prompt"])["12"]["inputs"]["dx"] == 0.3
            assert np.array_equal(np.asarray(picture), np.asarray(pictures[title][0])), title
