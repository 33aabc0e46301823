"""How tests are shared out among the processes of pytest-xdist (`pytest -n 2`).

A file stays in one process, so that its fixtures are made once. So do the files that look at the
pictures of the example workflows, which take long to draw, and the browser tests, which are
sensitive to each other's load. These two begin, so that the processes end together.
"""

from pathlib import PurePosixPath
from typing import Any

import pytest

PICTURES = ("test_workflows.py", "test_workflow_looks.py", "test_workflow_scenes.py")
FIRST = ("browser", "pictures")


def share(test: str) -> str:
    """What stays in one process with this test, by its id."""
    file = PurePosixPath(test.partition("::")[0])
    if file.parts[0] == "browser":
        return "browser"
    return "pictures" if file.parts[0] == "host" and file.name in PICTURES else str(file)


def turn(test: str) -> int:
    """Lower ones begin."""
    name = share(test)
    return FIRST.index(name) if name in FIRST else len(FIRST)


def scheduling(config: pytest.Config, log: Any) -> Any:
    """Gives a process one share after the other; `--no-loadscope-reorder` keeps their order."""
    from xdist.scheduler import LoadScopeScheduling  # only runs in several processes need it

    class Shares(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return share(nodeid)

    return Shares(config, log)
