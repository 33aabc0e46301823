"""What a watcher of a run sees while it samples, and what ComfyUI's page is told of it."""

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from selfguidance.guidance.record.record import Step
from selfguidance.tests.host.nodes.test_executor import Graph, Run, graph
from selfguidance.tests.host.traces import interrupted, on_call
from selfguidance.tools.host import serve


def sampled(lab: ModuleType, watch: Any = None, seen: list[Any] | None = None) -> torch.Tensor:
    """A short guided run by the sampler node's own way."""
    import nodes as comfy_nodes
    from selfguidance.guidance.settings import Settings
    from selfguidance.nodes.engine.attach import attached

    records: list[Any] = [] if seen is None else seen
    model = attached(lab.unet("shapes"), Settings((lab.position(),)), records.append, watch)
    with torch.inference_mode():
        (latent,) = comfy_nodes.common_ksampler(
            model, 0, 3, 4.0, "euler", "normal", lab.embedded(), lab.empty(), lab.latent()
        )
    return latent["samples"]


def test_a_watcher_sees_each_step_as_it_is_made_and_changes_no_bit(lab: ModuleType) -> None:
    told: list[Any] = []
    steps: list[Step] = []

    def watch(plan: Any, sigmas: Sequence[float]) -> Callable[[Step], None]:
        told.append((plan, sigmas))
        return steps.append

    records: list[Any] = []
    watched = sampled(lab, watch, records)
    ((plan, sigmas),) = told
    assert [scheduled.term.label for scheduled in plan.terms] == ["position of red circle"]
    assert sigmas[-1] == 0 and len(sigmas) == 4
    assert len(steps) == 3
    for step, kept in zip(steps, records[0], strict=True):  # features come with the record
        assert replace(kept.properties, features=None) == step.properties
        assert (step.energies, step.guided) == (kept.energies, kept.guided)
    assert torch.equal(watched, sampled(lab))


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def show(lab: ModuleType) -> Any:
    """A show of a guided run; what it sends, its clock, and steps for it."""
    from selfguidance.guidance.plan import Plan
    from selfguidance.nodes.live.message import RunMessages
    from selfguidance.nodes.live.page import LiveView, Page

    model = lab.unet("shapes")
    _, record = lab.guided(model, [lab.position()])
    plan = Plan.of([lab.position()], model.get_model_object("model_sampling").percent_to_sigma)
    sent: list[dict[str, Any]] = []
    clock = Clock()
    story = RunMessages(model, plan, [*record.sigmas, 0.0])
    page = Page(sent.append, "1:4", "prompt")
    return SimpleNamespace(
        show=LiveView(page, story, clock), sent=sent, clock=clock, steps=record.steps, model=model
    )


def test_the_page_hears_at_most_four_times_a_second_and_always_the_last_step(show: Any) -> None:
    for step in show.steps:
        show.show(step)
        show.clock.now += 0.1
    assert [message["step"] for message in show.sent] == [1, 4]
    show.show.flush()
    show.show.flush()
    assert [message["step"] for message in show.sent] == [1, 4]
    show.show(show.steps[-1])
    assert len(show.sent) == 2
    show.show.flush()
    assert len(show.sent) == 3


def test_a_message_tells_where_each_object_is_and_shall_be(show: Any) -> None:
    show.show(show.steps[0])
    (message,) = show.sent
    json.dumps(message, allow_nan=False)
    assert (message["node"], message["prompt"]) == ("1:4", "prompt")
    assert (message["steps"], message["guided"]) == (4, True)
    circle, square = message["objects"]
    assert (circle["name"], square["name"]) == ("red circle", "blue square")
    assert circle["target"] == pytest.approx([0.8, 0.3]) and square["target"] is None
    seen = show.steps[0].properties
    assert circle["centroid"] == pytest.approx(
        seen.centroid("red circle")[0].float().mean(0).tolist(), rel=1e-3
    )
    cells = base64.b64decode(circle["map"])
    assert circle["size"] == [8, 8] and len(cells) == 64
    assert min(cells) == 0 and max(cells) == 255


def test_the_curve_has_the_weighted_energy_of_every_step_so_far(show: Any) -> None:
    for step in show.steps:
        show.show(step)
    show.show.flush()
    curve = show.sent[-1]["curve"]
    assert [point["step"] for point in curve] == [1, 2, 3, 4]
    for point, step in zip(curve, show.steps, strict=True):
        (energy,) = (values[0] for values in step.energies.values())
        assert point["energies"] == {"red circle": pytest.approx(energy, rel=1e-4)}


def test_a_long_curve_is_thinned_between_its_ends(lab: ModuleType) -> None:
    from selfguidance.guidance.record.atlas import thinned

    points = [{"step": i} for i in range(1001)]
    few = thinned(points, 5)
    assert [p["step"] for p in few] == [0, 250, 500, 750, 1000]
    assert thinned(few, 5) == few


def test_a_fault_of_the_view_is_logged_and_the_run_goes_on(
    show: Any, caplog: pytest.LogCaptureFixture
) -> None:
    show.show._messages.message = None
    show.show(show.steps[0])
    assert "live view stopped" in caplog.text and not show.sent
    caplog.clear()
    show.clock.now += 1
    show.show(show.steps[1])
    show.show.flush()
    assert not caplog.text


@pytest.mark.parametrize(
    "server",
    [
        None,
        SimpleNamespace(client_id=None, sockets_metadata={}),
        SimpleNamespace(client_id="script", sockets_metadata={"script": {"feature_flags": {}}}),
        SimpleNamespace(client_id="gone", sockets_metadata={}),
        SimpleNamespace(client_id="stub"),
    ],
    ids=["no server", "no client", "a script", "a page that left", "a stub"],
)
def test_nobody_is_told_where_no_page_listens(
    lab: ModuleType, monkeypatch: pytest.MonkeyPatch, server: Any
) -> None:
    from comfy_execution.utils import CurrentNodeContext
    from selfguidance.nodes.live import page as live

    if server is None:
        monkeypatch.delattr(live.PromptServer, "instance", raising=False)
    else:
        monkeypatch.setattr(live.PromptServer, "instance", server, raising=False)
    with CurrentNodeContext("prompt", "4"), live.live(lab.unet("shapes")) as watch:
        assert watch is None


def stub_server(sent: list[Any]) -> Any:
    """A server with one page that listens."""
    return SimpleNamespace(
        client_id="page",
        sockets_metadata={"page": {"feature_flags": {"supports_preview_metadata": True}}},
        send_sync=lambda *message: sent.append(message),
    )


def test_the_sampler_node_draws_the_same_with_and_without_a_page(
    lab: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    from comfy_execution.utils import CurrentNodeContext
    from selfguidance.nodes.live import page as live

    model = lab.unet("shapes")
    alone, _ = lab.guided(model, [lab.position()])
    sent: list[Any] = []
    monkeypatch.setattr(live.PromptServer, "instance", stub_server(sent), raising=False)
    with CurrentNodeContext("prompt", "1:2:3"):
        watched, _ = lab.guided(model, [lab.position()])
    assert torch.equal(alone, watched)
    assert {(kind, client) for kind, _, client in sent} == {("self_guidance.live", "page")}
    assert sent[-1][1]["node"] == "1:2:3" and sent[-1][1]["step"] == 4


def test_an_interrupted_run_still_tells_its_last_step(
    lab: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    from comfy_execution.utils import CurrentNodeContext
    from selfguidance.nodes.live import page as live

    sent: list[Any] = []
    monkeypatch.setattr(live.PromptServer, "instance", stub_server(sent), raising=False)
    model = lab.unet("shapes")
    stop = on_call(5, interrupted)
    model.model.diffusion_model.middle_block[0].register_forward_pre_hook(lambda *_: stop())
    from comfy.model_management import InterruptProcessingException

    with CurrentNodeContext("prompt", "4"), pytest.raises(InterruptProcessingException):
        lab.guided(model, [lab.position()])
    assert sent[-1][1]["step"] == 2


def live_messages(run: Run) -> list[dict[str, Any]]:
    return [data for kind, data in run.events if kind == "self_guidance.live"]


def nested(prompt: Graph) -> Graph:
    """The same graph as the page sends it when both samplers lie in a subgraph in another one."""
    text = json.dumps(prompt)
    return json.loads(text.replace('"guided"', '"7:1:3"').replace('"plain"', '"7:1:2"'))


def test_a_page_is_told_about_samplers_in_subgraphs_by_execution_id(server: serve.Server) -> None:
    run = Run(server, nested(graph(steps=12, seed=41, dx=-0.3)), page=True)
    assert run.end[0] == "execution_success", run.end
    messages = live_messages(run)
    assert {message["node"] for message in messages} == {"7:1:2", "7:1:3"}
    guided = [message for message in messages if message["node"] == "7:1:3"]
    assert guided[-1]["step"] == 12 and len(guided[-1]["curve"]) == 12
    assert all(len(json.dumps(message)) < 20_000 for message in messages)
    picture = base64.b64decode(guided[-1]["picture"].removeprefix("data:image/jpeg;base64,"))
    assert picture[:2] == b"\xff\xd8"
    before = [message for message in messages if message["node"] == "7:1:2"][-1]["objects"][0]
    after = guided[-1]["objects"][0]
    assert before["name"] == after["name"] == "red circle" and before["target"] is None
    assert after["target"][0] == pytest.approx(before["centroid"][0] - 0.3, abs=0.1)
    assert after["centroid"][0] < before["centroid"][0] - 0.15


def test_a_script_that_listens_gets_only_what_comfyui_sends(server: serve.Server) -> None:
    run = Run(server, graph(seed=42))
    assert run.end[0] == "execution_success" and not live_messages(run)
