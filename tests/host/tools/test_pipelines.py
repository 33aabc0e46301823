"""The scripts on the page docs/pipelines.md run as they stand, with fewer steps."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from selfguidance.tools.host import host, serve, waiting

PAGE = (host.ROOT / "docs" / "pipelines.md").read_text("utf-8")
ADDRESS = "http://127.0.0.1:8188"
EXAMPLE = Path("examples_workflows", "api", "11_move_an_object.json")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the example, of two steps, where the scripts run."""
    graph = json.loads((host.ROOT / EXAMPLE).read_text("utf-8"))
    for node in graph.values():
        if "steps" in node["inputs"]:
            node["inputs"]["steps"] = 2
    (tmp_path / EXAMPLE).parent.mkdir(parents=True)
    (tmp_path / EXAMPLE).write_text(json.dumps(graph), "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_python_script_keeps_pictures_and_reads_the_record(
    folder: Path, server: serve.Server, capsys: pytest.CaptureFixture[str]
) -> None:
    script, reader = re.findall(r"```python\n(.*?)```", PAGE, re.S)[:2]
    names: dict[str, Any] = {}
    exec(script.replace(ADDRESS, server.address), names)
    exec(reader, names)
    said = capsys.readouterr().out
    assert "node 13: step 2 of 2" in said and "'circle'" in said
    pictures = [file for file in names["files"] if file.suffix == ".png"]
    assert len(pictures) == 5 and all(Image.open(file).size for file in pictures)
    assert all(tensor.shape[0] == 2 for tensor in names["maps"].values())


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("bash")), reason="no curl")
def test_the_lines_with_curl_queue_a_graph_and_get_a_picture(
    folder: Path, server: serve.Server
) -> None:
    (text,) = [block for block in re.findall(r"```sh\n(.*?)```", PAGE, re.S) if "curl" in block]
    queue, rest = text.replace(ADDRESS, server.address).split("history", 1)
    queue = queue.rsplit("curl", 1)[0]
    env = {**os.environ, "NO_PROXY": "127.0.0.1"}

    def bash(line: str) -> bytes:
        return subprocess.run(["bash", "-c", line], capture_output=True, env=env, check=True).stdout

    identity = json.loads(bash(queue))["prompt_id"]
    entry = waiting.finished(server, identity, "the graph of the page")["outputs"]["15"]["images"][
        0
    ]
    bash("curl" + rest.split("curl", 1)[1].replace("NAME", entry["filename"]))
    with Image.open(folder / "picture.png") as picture:
        assert picture.size == (128, 128)
