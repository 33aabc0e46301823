"""The checkout can be imported under one name without running its own __init__.py."""

import subprocess
import sys

from selfguidance.tools.host import host

# in a Python of its own: other tests of this one may have imported ComfyUI
SCRIPT = f"""
import importlib, pkgutil, sys
sys.path.insert(0, {str(host.ROOT / "tools")!r})
import boot
sys.path.pop(0)
boot.mount()
import selfguidance.guidance as guidance
for part in pkgutil.walk_packages(guidance.__path__, "selfguidance.guidance."):
    importlib.import_module(part.name)
print(hasattr(guidance, "plan"), hasattr(sys.modules["selfguidance"], "NODES"))
print({{"comfy", "comfy_api", "nodes", "server"}} & set(sys.modules))
"""


def test_all_of_guidance_is_importable_without_comfyui_and_the_packs_init() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert done.stdout.split("\n") == ["True False", "set()", ""], done.stderr
