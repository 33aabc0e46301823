"""What the registry and package managers read agrees with itself."""

import re
import sys

import pytest
from selfguidance.demo import environment, host

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
    lines = (host.ROOT / "requirements-dev.txt").read_text("utf-8").split()
    assert all("<" in line for line in lines)
    assert "pytest" in map(environment.name, lines)
