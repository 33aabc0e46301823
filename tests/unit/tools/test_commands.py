"""Every command that nox offers has code behind it."""

import ast
import runpy
from pathlib import Path

import pytest
from selfguidance.tools.host import host

RUN = runpy.run_path(str(host.ROOT / "tools" / "run.py"))
COMMANDS = RUN["COMMANDS"]


def functions(file: Path) -> dict[str, ast.FunctionDef]:
    body = ast.parse(file.read_text("utf-8")).body
    return {node.name: node for node in body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("name", COMMANDS)
def test_command_has_a_main_that_takes_its_arguments(name: str) -> None:
    main = functions(host.ROOT.joinpath("tools", *COMMANDS[name].split(".")).with_suffix(".py"))[
        "main"
    ]
    assert len(main.args.args) == 1


def test_nox_offers_each_command_with_a_word_about_it() -> None:
    sessions = functions(host.ROOT / "noxfile.py")
    assert set(sessions) >= {*COMMANDS, "ui", "lint", "types", "tests"} - {"serve", "typecheck"}
    assert all(ast.get_docstring(session) for session in sessions.values())
