"""Our scripts speak the language of the page."""

from typing import Any

import pytest
from selfguidance.tools.host import host, serve

# runs text.js in the browser with a server of our own making
SAID = """async ([address, locale, reply, key, english, values]) => {
    const module = await import(address);
    await module.useLocale(locale, { fetchApi: async () => new Response(reply) });
    return module.text(key, english, values);
}"""
REPLY = '{"zh": {"selfGuidance": {"greet": "你好 {name}", "odd": 7}}}'


@pytest.fixture
def said(server: serve.Server, page: Any) -> Any:
    page.goto(f"{server.address}/extensions/{serve.PACK}/js/text.js")
    address = f"{server.address}/extensions/{serve.PACK}/js/text.js"

    def say(locale: str, reply: str, key: str, english: str, **values: str) -> str:
        return page.evaluate(SAID, [address, locale, reply, key, english, values])

    return say


def test_a_text_comes_in_the_language_of_the_page_and_else_in_english(said: Any) -> None:
    assert said("zh", REPLY, "greet", "Hello {name}", name="<b>") == "你好 <b>"
    assert said("en", REPLY, "greet", "Hello {name}", name="a") == "Hello a"
    assert said("fr", REPLY, "greet", "Hello") == "Hello"
    assert said("zh", REPLY, "other", "Hello") == "Hello"
    assert said("zh", REPLY, "toString", "Hello") == "Hello"


def test_a_broken_reply_leaves_english(said: Any) -> None:
    assert said("zh", "<html>", "greet", "Hello") == "Hello"
    assert said("zh", "null", "greet", "Hello") == "Hello"
    assert said("zh", REPLY, "odd", "Hello {who}") == "Hello {who}"


def test_importing_it_does_nothing() -> None:
    source = (host.ROOT / "web" / "js" / "text.js").read_text("utf-8")
    lines = [line for line in source.splitlines() if line and line[0] not in " /*}"]
    assert all(line.startswith(("let texts", "export ")) for line in lines), lines
