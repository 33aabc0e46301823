"""A real Chromium, driven by playwright; no browser is downloaded."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
from selfguidance.tests.browser.pages import Complaints
from selfguidance.tools.host import browser


def missing(what: str) -> NoReturn:
    """Skip where a browser is a matter of choice; fail in CI, which promises one."""
    if os.environ.get("CI"):
        pytest.fail(f"CI needs {what}", pytrace=False)
    pytest.skip(f"needs {what}")


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
