"""A real Chromium, driven by playwright; no browser is downloaded."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
from selfguidance.tests.browser.pages import Complaints
from selfguidance.tools.host import browser, frontend, serve

NAMED = "SELF_GUIDANCE_PAGE"  # in the environment: the folder of a page for all tests


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run every test on the host's own page, and what is marked on the newest one, too."""
    if "server" in metafunc.fixturenames:
        pages = ["own"]
        if os.environ.get(NAMED):
            pages = ["named"]
        elif metafunc.definition.get_closest_marker("pages"):
            pages += ["newest"]
        metafunc.parametrize("server", pages, indirect=True, scope="session")


def missing(what: str) -> NoReturn:
    """Skip where a browser is a matter of choice; fail in CI, which promises one."""
    if os.environ.get("CI"):
        pytest.fail(f"CI needs {what}", pytrace=False)
    pytest.skip(f"needs {what}")


@pytest.fixture(scope="session")
def server(
    comfy_path: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[serve.Server]:
    """A ComfyUI of its own process with the pack, and one of the pages."""
    base = tmp_path_factory.mktemp("server")
    log, page = base / "comfyui.log", folder_of(request.param)
    with serve.Server(comfy_path, base, serve.free_port(), log=log, page=page) as running:
        running.wait()
        yield running


def folder_of(page: str) -> Path | None:
    """Where a page lies, None for the host's own one."""
    if page == "named":
        return Path(os.environ[NAMED])
    try:
        return frontend.newest() if page == "newest" else None
    except OSError as error:
        missing(str(error))


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the browser."""
    return browser.find() or missing("a Chromium on PATH (Debian: apt-get install chromium)")


@pytest.fixture
def locale() -> str:
    """Language of the browser, which ComfyUI's page takes over; modules may have another."""
    return "en-US"


@pytest.fixture
def page(chromium: str, tmp_path: Path, locale: str) -> Iterator[Any]:
    """An empty page of a browser without history, wide enough for a workflow."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("playwright's Python package (python -m pip install playwright)")
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            str(tmp_path / "profile"),
            executable_path=chromium,
            headless=True,
            locale=locale,
            args=browser.FLAGS,
            viewport={"width": 1600, "height": 1000},
        )
        context.set_default_timeout(120_000)
        yield context.pages[0]
        context.close()


@pytest.fixture
def complaints(page: Any) -> Iterator[Complaints]:
    """What the page complains of about the pack: nothing, by the end of the test."""
    found = Complaints(page)
    yield found
    assert not found.texts
