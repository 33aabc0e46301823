"""The help pages have one form and speak of the nodes as they are."""

import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from selfguidance.tools.host import host, serve

DOCS = host.ROOT / "web" / "docs"
PAGES = sorted(DOCS.glob("SelfGuidance*.md"))
TRANSLATED = sorted(DOCS.glob("SelfGuidance*/*.md"))
SECTIONS = {
    "en": ("When to use it", "Inputs", "Outputs", "Common mistakes"),
    "zh": ("何时使用", "输入", "输出", "常见错误"),
}
LANGUAGES = sorted({page.stem for page in TRANSLATED})
LARGEST = 40_000  # bytes of a picture

each = pytest.mark.parametrize(
    "page", [*PAGES, *TRANSLATED], ids=lambda page: page.relative_to(DOCS).as_posix()
)


def node_of(page: Path) -> str:
    return page.stem if page.parent == DOCS else page.parent.name


def items(page: Path, section: int) -> dict[str, tuple[str, str]]:
    """By name, what a section's list says in brackets and after them."""
    language = "en" if page.parent == DOCS else page.stem
    title = re.escape(SECTIONS[language][section])
    body = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", page.read_text("utf-8"), re.S | re.M)[1]
    found = re.findall(
        r"^- \*\*(.+?)\*\*(?: ?[(\uff08](.*?)[)\uff09])?[:\uff1a] ?(.+)$", body, re.M
    )
    assert len({name for name, *_ in found}) == len(found), "a name stands there twice"
    return {name: (inner, meaning) for name, inner, meaning in found}


@each
def test_a_page_has_all_sections_in_order(page: Path) -> None:
    language = "en" if page.parent == DOCS else page.stem
    text = page.read_text("utf-8")
    found = re.findall(r"^## (.+)$", text, re.M)
    assert [title for title in found if title in SECTIONS[language]] == [*SECTIONS[language]]
    assert found[-1] == SECTIONS[language][-1]
    assert re.match(r"# \S.+\n\n\S", text)
    assert all(len(part.strip()) > 4 for part in re.split(r"^## .+$", text, flags=re.M))


@each
def test_a_page_shows_the_picture_of_its_node(server: serve.Server, page: Path) -> None:
    (words, target) = re.search(r"!\[(.*?)\]\((.+?)\)", page.read_text("utf-8")).groups()
    assert len(words) > 10  # what it shows, for who cannot see it
    assert target == f"images/{node_of(page)}.jpg"
    data = server.get(f"/extensions/{serve.PACK}/docs/{target}")
    assert len(data) <= LARGEST
    with Image.open(DOCS / target) as picture:
        assert min(picture.size) > 100


def test_there_is_no_picture_without_a_page() -> None:
    pictures = (DOCS / "images").glob("*.jpg")
    assert {picture.stem for picture in pictures} == {page.stem for page in PAGES}


def test_one_command_draws_every_picture(comfy: Path) -> None:
    from selfguidance.tools.docs import pictures

    assert set(pictures.DRAWN) == {page.stem for page in PAGES}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_has_every_page(language: str) -> None:
    there = {node_of(page) for page in TRANSLATED if page.stem == language}
    assert there == {page.stem for page in PAGES}


@pytest.mark.parametrize("page", TRANSLATED, ids=node_of)
def test_a_translation_has_the_examples_of_the_original(page: Path) -> None:
    blocks = [
        re.findall(r"^```.*?^```$", file.read_text("utf-8"), re.S | re.M)
        for file in (DOCS / f"{node_of(page)}.md", page)
    ]
    assert blocks[0] == blocks[1]


@each
def test_every_input_is_there_with_its_default_and_range(known: dict[str, Any], page: Path) -> None:
    given = known[node_of(page)]["input"]
    inputs = {**given.get("required", {}), **given.get("optional", {})}
    shown = items(page, 1)
    assert list(shown) == list(inputs)
    for name, (inner, meaning) in shown.items():
        kind, *options = inputs[name]
        assert len(meaning) > 2, name
        if kind in ("INT", "FLOAT"):
            plain = inner.replace("2^64 - 1", str(2**64 - 1))
            numbers = [float(number) for number in re.findall(r"-?\d+\.?\d*", plain)]
            assert numbers == [float(options[0][key]) for key in ("default", "min", "max")], name
        elif kind == "BOOLEAN":
            assert re.search(r"on|开" if options[0]["default"] else r"off|关", inner), name
        elif kind == "STRING" and options[0].get("default"):
            assert f"`{options[0]['default']}`" in inner, name


@each
def test_every_output_is_there(known: dict[str, Any], page: Path) -> None:
    named = [name.strip() for names in items(page, 2) for name in names.split(",")]
    assert named == known[node_of(page)]["output_name"]
