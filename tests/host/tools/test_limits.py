"""A run that takes too long is reported with the node that runs, and its step."""

import re

from selfguidance.tests.host.gallery import read
from selfguidance.tools.host import serve, waiting

SAMPLER = "SelfGuidanceKSampler"


def test_a_run_that_takes_too_long_is_reported_with_its_node_and_step(server: serve.Server) -> None:
    graph = read("api", "look_at_attention.json")
    ((number, node),) = [item for item in graph.items() if item[1]["class_type"] == SAMPLER]
    node["inputs"] |= {"steps": 2000, "seed": 77}
    prompt = server.json("/prompt", {"prompt": graph, "client_id": "limits"})["prompt_id"]
    pattern = re.compile(rf"node {number} '{node['_meta']['title']}' runs, step \d+ of 2000")
    try:
        waiting.until(
            lambda: pattern.fullmatch(waiting.progress(server, prompt)),
            "a word about a step",
            120,
            lambda: waiting.progress(server, prompt),
        )
    finally:
        server.get("/interrupt", b"{}")
    waiting.finished(server, prompt, "an interrupted run", 60)
