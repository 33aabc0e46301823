"""Whatever is wired: a finite result, or one ValueError that names the input and says what to do.

SELF_GUIDANCE_FUZZ=500 looks at as many examples of each node, other ones every time; without it a
few, always the same.
"""

import os
import re
from types import ModuleType
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from selfguidance.guidance.record.record import Record
from selfguidance.tests.host import drawn

DEEP = int(os.environ.get("SELF_GUIDANCE_FUZZ", "0"))
fuzzed = settings(
    max_examples=DEEP or 12,
    derandomize=not DEEP,
    deadline=None,
    database=None,
    phases=(Phase.generate,),  # shrinking takes minutes and examples are small
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)
TERMS = (
    "MoveObject ResizeObject CopyObject RemoveObject Image Position Size Shape Appearance Mask Box "
    "Presence Combine"
).split()
READERS = "Feature FitHead AttentionPreview EnergyPlot".split()
ADVICE = re.compile(
    r"\b(use|wire|write|choose|take|switch|give|make|record|encode|draw|check|lower|raise|let|must|"
    r"remove|paint|set|fit|leave|lie|lies|name|needs?|they are|its words are)\b"
)


@pytest.fixture(scope="module")
def pool(lab: ModuleType) -> drawn.Pool:
    return drawn.Pool(lab)


def node_of(name: str) -> Any:
    from selfguidance.tools.host.pack import NODES

    (node,) = [n for n in NODES if n.define_schema().node_id == f"SelfGuidance{name}"]
    return node


def test_every_node_that_gives_terms_is_fuzzed(lab: ModuleType) -> None:
    from selfguidance.tools.host.pack import NODES

    schemas = [node.GET_SCHEMA() for node in NODES]
    giving = {
        schema.node_id.removeprefix("SelfGuidance")
        for schema in schemas
        if any(output.io_type == "SELF_GUIDANCE_TERMS" for output in schema.outputs)
    }
    assert giving == {*TERMS, "Layout"}  # whose value is fuzzed by the tests of its canvas


def refused(error: ValueError, node: Any, *given: dict[str, Any]) -> None:
    """The message names an input, or what one holds, and says what to do."""
    message = str(error)
    names = {name for group in node.INPUT_TYPES().values() for name in group}
    names |= {name for inputs in given for name in inputs}
    values = [value for inputs in given for value in inputs.values()]
    held = " ".join(v if isinstance(v, str) else prompt_of(v) for v in values)
    named = any(re.search(rf"\b{re.escape(name)}\b", message) for name in names)
    assert named or any(quoted in held for quoted in re.findall("'([^']+)'", message)), message
    assert ADVICE.search(message) and len(message.split()) >= 6, message


def prompt_of(value: Any) -> str:
    """The words of a record, of which a message may speak."""
    return value.table.prompt if isinstance(value, Record) and value.steps else ""


def check_finite(outputs: Any) -> None:
    for output in outputs:
        if isinstance(output, torch.Tensor):
            assert torch.isfinite(output).all()


@pytest.mark.parametrize("name", TERMS)
@fuzzed
@given(data=st.data())
def test_any_term_guides_or_is_refused_clearly(
    pool: drawn.Pool, name: str, data: st.DataObject
) -> None:
    node = node_of(name)
    wired = drawn.made(data.draw(drawn.inputs(node, pool)), pool)
    run = data.draw(drawn.runs()).made(pool)
    try:
        (terms,) = node.execute(**wired).args
        samples, record = pool.lab.guided(pool.model, terms, **run)
    except ValueError as error:
        refused(error, node, wired, run)
        return
    if torch.isfinite(pool.lab.plain(pool.model, **run_of(run))).all():
        assert torch.isfinite(samples).all()
    assert samples.shape == run["latent_image"]["samples"].shape
    for step in record:
        assert all(torch.isfinite(torch.tensor(values)).all() for values in step.energies.values())


def run_of(run: dict[str, Any]) -> dict[str, Any]:
    """The inputs that ComfyUI's own KSampler has."""
    return {name: v for name, v in run.items() if name not in ("strength", "weighting")}


@pytest.mark.parametrize("name", READERS)
@fuzzed
@given(data=st.data())
def test_any_record_is_read_or_refused_clearly(
    pool: drawn.Pool, name: str, data: st.DataObject
) -> None:
    node = node_of(name)
    wired = drawn.made(data.draw(drawn.inputs(node, pool)), pool)
    try:
        check_finite(node.execute(**wired).args)
    except ValueError as error:
        refused(error, node, wired)


@fuzzed
@given(data=st.data())
def test_any_picture_is_recorded_or_refused_clearly(pool: drawn.Pool, data: st.DataObject) -> None:
    run = data.draw(drawn.runs()).made(pool)
    node = node_of("RecordImage")
    size = run["latent_image"]["samples"].shape
    fill = data.draw(st.sampled_from([0.0, 1.0, 1.0, -3.0, 1e4, float("nan")]))
    wired = {name: run[name] for name in ("positive", "steps", "scheduler", "seed")}
    wired["latent_image"] = {"samples": torch.full(size, fill)}
    with torch.inference_mode():
        try:
            (record,) = node.execute(pool.model, **wired).args
        except ValueError as error:
            refused(error, node, wired)
            return
    for step in record:
        check_finite(step.properties.maps.values())
