"""ComfyUI's page gets our nodes and texts in its language, whole and up to date."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selfguidance.tools.host import host, serve

LOCALES = host.ROOT / "locales"
TRANSLATIONS = sorted(file.name for file in LOCALES.iterdir() if file.name != "en")
HAN = re.compile(r"[\u4e00-\u9fff]")
each = pytest.mark.parametrize("language", TRANSLATIONS)


def read(language: str, name: str) -> dict[str, Any]:
    return json.loads((LOCALES / language / name).read_text("utf-8"))


def leaves(data: Any, *path: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every text of a file, by its path."""
    if isinstance(data, str):
        yield path, data
    else:
        for key, value in data.items():
            yield from leaves(value, *path, key)


def test_what_follows_from_the_schemas_is_up_to_date(comfy: Path) -> None:
    from selfguidance.tools.docs import texts

    for file, text in texts.written(texts.schemas()).items():
        assert file.read_text("utf-8") == text, f"{file.name}: run `python -m nox -s texts`"


def test_a_text_of_a_script_is_found_with_its_key(comfy: Path) -> None:
    from selfguidance.tools.docs import texts

    source = 'a.textContent = text("one", "A \\"b\\" " +\n "c {d}", { d }); mytext("no", "x")'
    ((key, english),) = texts.TEXT.findall(source)
    assert (key, "".join(map(json.loads, re.findall(texts.STRING, english)))) == (
        '"one"',
        'A "b" c {d}',
    )


@each
def test_a_translation_has_every_text_of_the_nodes(language: str) -> None:
    english = dict(leaves(read("en", "nodeDefs.json")))
    translated = dict(leaves(read(language, "nodeDefs.json")))
    assert translated.keys() == english.keys()
    same = [path for path, text in translated.items() if not HAN.search(text)]
    # names of ComfyUI's own that stay as they are in Chinese
    assert {translated[path] for path in same} <= {"CLIP", "VAE", "CFG", "Latent"}


@each
def test_a_translation_has_every_text_of_the_scripts(language: str) -> None:
    english = read("en", "main.json")["selfGuidance"]
    translated = read(language, "main.json")["selfGuidance"]
    assert translated.keys() == english.keys()
    for key, text in english.items():
        places = [sorted(re.findall(r"\{\w+\}", words)) for words in (text, translated[key])]
        assert places[0] == places[1], key


@each
def test_display_names_of_a_translation_tell_nodes_and_inputs_apart(language: str) -> None:
    nodes = read(language, "nodeDefs.json")
    names = [node["display_name"] for node in nodes.values()]
    assert len(set(names)) == len(names)
    for node in nodes.values():
        labels = [slot["name"] for slot in node["inputs"].values()]
        assert len(set(labels)) == len(labels), node["display_name"]


@each
def test_the_server_gives_the_translation(server: serve.Server, language: str) -> None:
    served = server.json("/i18n")[language]
    assert served["nodeDefs"] == read(language, "nodeDefs.json")
    assert served["selfGuidance"] == read(language, "main.json")["selfGuidance"]
