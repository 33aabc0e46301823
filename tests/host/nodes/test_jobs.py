"""What scripts learn of a run by ComfyUI's history and its list of jobs."""

import json
import struct
import urllib.error
import urllib.parse
from typing import Any

import pytest
from selfguidance.tests.host.nodes.test_executor import Graph, Run, graph, node, ours
from selfguidance.tools.host import serve

ROW = pytest.mark.compat("Front ends", "Files that nodes wrote, in the history and the job list")


@pytest.fixture(scope="module")
def run(server: serve.Server) -> Run:
    """A graph that writes a record and a picture."""
    whole = graph(steps=2)
    used = ("model", "positive", "negative", "latent", "plain", "decode", "picture")
    prompt: Graph = {name: whole[name] for name in used}
    prompt["decode"]["inputs"]["samples"] = ["plain", 0]
    prompt["picture"] = node("SaveImage", images=["decode", 0], filename_prefix="jobs/picture")
    prompt["save"] = ours("SaveRecord", record=["plain", 1], filename_prefix="jobs/record")
    return Run(server, prompt)


@pytest.fixture(scope="module")
def job(server: serve.Server, run: Run) -> dict[str, Any]:
    """The job of the run."""
    try:
        return server.json(f"/api/jobs/{run.history['prompt'][1]}")
    except urllib.error.HTTPError as error:
        assert error.code == 404
        pytest.skip("this ComfyUI has no list of jobs")


@ROW
def test_the_history_says_where_a_record_lies(server: serve.Server, run: Run) -> None:
    saved = run.history["outputs"]["save"]
    (file,) = saved["self_guidance_files"]
    assert file["subfolder"] == "jobs" and file["type"] == "output"
    assert saved["text"] == [f"jobs/{file['filename']} [output]"]
    content = server.get("/view?" + urllib.parse.urlencode(file))
    (size,) = struct.unpack("<Q", content[:8])
    assert json.loads(content[8 : 8 + size])["__metadata__"]["kind"] == "self-guidance record"


@ROW
def test_a_job_counts_its_files_and_shows_its_picture(run: Run, job: dict[str, Any]) -> None:
    assert job["status"] == "completed"
    assert job["outputs_count"] in (2, 3)  # older hosts count the text, too
    assert job["preview_output"]["nodeId"] == "picture"
    for name in ("save", "picture"):
        assert job["outputs"][name] == run.history["outputs"][name]
