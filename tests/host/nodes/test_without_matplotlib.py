"""Only the plot asks for matplotlib: without it the pack loads with every node."""

import subprocess
import sys
from pathlib import Path

from selfguidance.tools.host import host

SCRIPT = """
import sys
sys.modules["matplotlib"] = None  # makes every import of it fail
import boot, pathlib
boot.start(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
from selfguidance.tools.host import pack
print(len(pack.NODES))
"""


def test_the_pack_loads_without_matplotlib(comfy_path: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", SCRIPT, str(comfy_path), str(tmp_path)]
    done = subprocess.run(command, cwd=host.ROOT / "tools", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-1]) > 0
