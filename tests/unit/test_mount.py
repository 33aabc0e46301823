"""The checkout can be imported under one name without running its own __init__.py."""

import importlib
import sys


def test_guidance_is_importable_without_comfyui() -> None:
    importlib.import_module("selfguidance.guidance")
    assert not hasattr(sys.modules["selfguidance"], "comfy_entrypoint")
