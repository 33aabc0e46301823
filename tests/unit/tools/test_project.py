"""What the registry and package managers read agrees with itself."""

import re
import sys

import pytest
from PIL import Image
from selfguidance.tools.host import environment, host

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

PROJECT = tomllib.loads((host.ROOT / "pyproject.toml").read_text("utf-8"))


def test_name_and_version_fit_the_registry() -> None:
    project = PROJECT["project"]
    assert "comfyui" not in project["name"].lower()
    assert re.fullmatch(r"\d+\.\d+\.\d+", project["version"])
    assert set(PROJECT["tool"]["comfy"]) >= {"PublisherId", "DisplayName", "Icon", "Banner"}


def test_requirements_are_those_of_the_project() -> None:
    lines = (host.ROOT / "requirements.txt").read_text("utf-8").split()
    assert lines == PROJECT["project"]["dependencies"]


def test_licence_is_the_whole_text() -> None:
    assert PROJECT["project"]["license"] == "GPL-3.0-or-later"
    text = (host.ROOT / "LICENSE").read_text("utf-8")
    assert "Version 3, 29 June 2007" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_development_requirements_have_an_upper_bound() -> None:
    files = ("requirements-dev.txt", "tools/sweep/requirements.txt")
    lines = [line for file in files for line in (host.ROOT / file).read_text("utf-8").split()]
    assert all("<" in line for line in lines)
    assert "pytest" in map(environment.name, lines)


@pytest.mark.parametrize(("name", "shape"), [("icon", (400, 400)), ("banner", (21 * 60, 9 * 60))])
def test_the_registry_gets_pictures_of_its_sizes(name: str, shape: tuple[int, int]) -> None:
    with Image.open(host.ROOT / "brand" / f"{name}.png") as picture:
        assert picture.size == shape


def test_the_changelog_has_what_is_not_released_yet_first_and_no_later_version() -> None:
    text = (host.ROOT / "CHANGELOG.md").read_text("utf-8")
    titles = re.findall(r"^## \[(.+?)\]", text, re.M)
    assert titles[0] == "Unreleased"
    version = PROJECT["project"]["version"]
    numbers = [tuple(map(int, title.split("."))) for title in titles[1:]]
    assert numbers == sorted(numbers, reverse=True)
    assert all(number <= tuple(map(int, version.split("."))) for number in numbers)


def test_what_archives_include_is_there() -> None:
    for folder in PROJECT["tool"]["comfy"]["includes"]:
        assert (host.ROOT / folder).is_dir()
