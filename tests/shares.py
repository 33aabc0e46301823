"""Distribution of tests to the processes of pytest-xdist (`pytest -n 2`).

A share is a group of tests that run in one process. Each file is a share, so that its fixtures are
made once. All files that use pictures of the example workflows, which take long to draw, are one
share; so are all browser tests on one version of the page, which disturb each other's timing. These
start first and the short unit tests last, so that the processes end at about the same time.
"""

import re
from pathlib import PurePosixPath
from typing import Any

import pytest

PICTURES = ("test_workflows.py", "test_workflow_looks.py", "test_workflow_scenes.py")
NEWER = re.compile(r"\[(.*-)?newer(-.*)?\]$")  # tests on the newer page, see browser/conftest.py
ORDER = ("browser", "pictures", "newer", "code", "web", "host", "unit")  # shares, folders


def share(test: str) -> str:
    """Name of the share of a test, from the id of the test."""
    file = PurePosixPath(test.partition("::")[0])
    if file.parts[0] == "browser":
        return "newer" if NEWER.search(test) else "browser"
    return "pictures" if file.parts[0] == "host" and file.name in PICTURES else str(file)


def turn(test: str) -> int:
    """Sort key of the tests: lower ones start first."""
    return ORDER.index(share(test).partition("/")[0])


def scheduling(config: pytest.Config, log: Any) -> Any:
    """A scheduler that gives processes one share at a time; see `--no-loadscope-reorder`."""
    from xdist.scheduler import LoadScopeScheduling  # not needed for runs in one process

    class Shares(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return share(nodeid)

    return Shares(config, log)
