"""A Chromium driven by playwright; no browser is downloaded."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

import pytest
from selfguidance.tests.browser.pages import Complaints
from selfguidance.tools.host import browser, frontend, serve

STORAGE = "cookies,local_storage,indexeddb,cache_storage,service_workers"
NAMED = "SELF_GUIDANCE_PAGE"  # variable with the folder of the page that all tests use


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run every test on the page of the installed ComfyUI, and marked ones also on a newer one."""
    if "server" in metafunc.fixturenames:
        pages = ["own"]
        if os.environ.get(NAMED):
            pages = ["named"]
        elif metafunc.definition.get_closest_marker("pages"):
            pages += ["newer"]
        metafunc.parametrize("server", pages, indirect=True, scope="session")


def missing(what: str) -> NoReturn:
    """Skip the test for lack of something; fail in CI, where it must be there."""
    if os.environ.get("CI"):
        pytest.fail(f"CI needs {what}", pytrace=False)
    pytest.skip(f"needs {what}")


@pytest.fixture(scope="session")
def server(
    comfy_path: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[serve.Server]:
    """A ComfyUI server with the pack and one of the versions of its page."""
    base = tmp_path_factory.mktemp("server")
    log, page = base / "comfyui.log", folder_of(request.param)
    with serve.Server(comfy_path, base, serve.free_port(), log=log, page=page) as running:
        running.wait()
        yield running


def folder_of(page: str) -> Path | None:
    """Folder of a version of the page; None for that of the installed ComfyUI."""
    if page == "named":
        return Path(os.environ[NAMED])
    try:
        return frontend.newer() if page == "newer" else None
    except OSError as error:
        missing(str(error))


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the browser."""
    return browser.find() or missing("a Chromium on PATH (Debian: apt-get install chromium)")


@pytest.fixture(scope="session")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the browser's profile; its cache of the page's files serves all tests."""
    return tmp_path_factory.mktemp("profile")


@pytest.fixture(scope="module")
def locale() -> str:
    """Language of the browser and so of ComfyUI's page; test modules may override it."""
    return "en-US"


@pytest.fixture(scope="module")
def context(chromium: str, profile: Path, locale: str) -> Iterator[Any]:
    """A running browser, wide enough for a workflow.

    Not of the whole session, because no event loop can run beside playwright's.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("playwright's Python package (python -m pip install playwright)")
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            str(profile),
            executable_path=chromium,
            headless=True,
            locale=locale,
            args=browser.FLAGS,
            viewport={"width": 1600, "height": 1000},
        )
        context.set_default_timeout(120_000)
        yield context
        context.close()


@pytest.fixture
def page(context: Any) -> Iterator[Any]:
    """An empty page; what it saved in the browser is deleted afterwards."""
    page = context.new_page()
    yield page
    address = urlsplit(page.url)
    page.close()
    if address.netloc:  # not that of a page that was never opened
        session = context.new_cdp_session(context.pages[0])
        told = {"origin": f"{address.scheme}://{address.netloc}", "storageTypes": STORAGE}
        session.send("Storage.clearDataForOrigin", told)
        session.detach()


@pytest.fixture
def complaints(page: Any) -> Iterator[Complaints]:
    """Errors of the page about the pack; the test fails if there are any at its end."""
    found = Complaints(page)
    yield found
    assert not found.texts
