"""Sends the steps of a run to ComfyUI's page while it samples.

A recorded step becomes one message, `self_guidance.live`, to the page that queued the run: at most
one in `INTERVAL` seconds, and always one about the last step. Without a page no message is made.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from comfy.model_patcher import ModelPatcher
from comfy_api import feature_flags
from comfy_execution.progress import get_progress_state
from comfy_execution.utils import get_executing_context
from server import PromptServer

from ...guidance.plan import Plan
from ...guidance.record.record import Step
from ..engine.attach import Watch
from .message import RunMessages

EVENT = "self_guidance.live"
INTERVAL = 0.25
# Feature flag that ComfyUI's page sends when it connects; other clients do not know these messages.
OF_A_PAGE = "supports_preview_metadata"


@dataclass(frozen=True)
class Page:
    """The page that queued the prompt that runs now.

    Attributes:
        send: sends it a message.
        node: execution id of the node that runs, such as "4", or "1:4" in a subgraph.
        prompt: id of the queued prompt.
    """

    send: Callable[[dict[str, Any]], None]
    node: str
    prompt: str


@contextmanager
def live(model: ModelPatcher) -> Iterator[Watch | None]:
    """Context with the `Watch` that sends its runs to the page; None without a page."""
    page = listening_page()
    if page is None:
        yield None
        return
    views: list[LiveView] = []

    def watch(plan: Plan, sigmas: Sequence[float]) -> Callable[[Step], None]:
        views.append(LiveView(page, RunMessages(model, plan, sigmas)))
        return views[-1]

    try:
        yield watch
    finally:
        for view in views:
            view.flush()


class LiveView:
    """Sends the steps of one run. Its exceptions are logged and end the view, not the run.

    Args:
        page: receives the messages.
        messages: makes them.
        clock: gives the time in seconds.
    """

    def __init__(
        self, page: Page, messages: RunMessages, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._page, self._messages, self._clock = page, messages, clock
        self._about = {"node": page.node, "prompt": page.prompt}
        self._next = clock()
        self._waiting: Step | None = None
        self._broken = False

    def __call__(self, step: Step) -> None:
        """Send a message about a step, or keep the step until the interval has passed."""
        if self._broken:
            return
        self._waiting = step
        with self._guarded():
            self._messages.add(step)
        if self._clock() >= self._next:
            self.flush()

    def flush(self) -> None:
        """Send a message about the step that was kept, if any."""
        step, self._waiting = self._waiting, None
        if step is None or self._broken:
            return
        with self._guarded():
            self._page.send({**self._about, **self._messages.message(step)})
        self._next = self._clock() + INTERVAL

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except Exception:
            self._broken = True
            logging.exception("self-guidance: the live view stopped, the run goes on")


def listening_page() -> Page | None:
    """The page that queued what this thread runs; None without one, or if it was closed."""
    server = getattr(PromptServer, "instance", None)
    context = get_executing_context()
    client = getattr(server, "client_id", None)
    known = getattr(server, "sockets_metadata", {})
    if server is None or client is None or context is None:
        return None
    if not feature_flags.supports_feature(known, client, OF_A_PAGE):
        return None
    # of a node that was expanded at run time, the expanded node itself is displayed
    node = get_progress_state().dynprompt.get_display_node_id(context.node_id)
    return Page(lambda data: server.send_sync(EVENT, data, client), node, context.prompt_id)
