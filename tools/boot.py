"""Run the pack outside a server: ComfyUI on the path, the checkout's root under one package name.

The root folder may have any name ("ComfyUI-SelfGuidance" is no identifier) and holds a folder
`nodes`, which would hide ComfyUI's own `nodes` module if the root were on `sys.path`. So the root
is registered as an empty package, `selfguidance`, whose `__path__` is the checkout, and its
files are imported through it.
"""

import os
import sys
import types
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "selfguidance"


def mount() -> None:
    """Make `selfguidance.guidance`, `selfguidance.nodes` and the rest importable."""
    if PACKAGE not in sys.modules:
        package = types.ModuleType(PACKAGE)
        package.__path__ = [str(ROOT)]
        sys.modules[PACKAGE] = package


def start(comfy: Path, base: Path | None = None) -> None:
    """Make ComfyUI's modules importable in this process, with its folders under `base`.

    Args:
        comfy: the ComfyUI checkout, the folder with `main.py`.
        base: where input, output, temp and user folders go; ComfyUI's own folders if None.
    """
    mount()
    sys.path.insert(0, str(comfy))
    arguments = ["main.py", "--disable-api-nodes", "--use-pytorch-cross-attention"]
    if base is not None:
        for name in ("input", "output", "temp", "user", "custom_nodes", "models"):
            (base / name).mkdir(parents=True, exist_ok=True)
        arguments += ["--base-directory", str(base)]
    original, sys.argv = sys.argv, arguments
    try:
        _parse_arguments(arguments)
    finally:
        sys.argv = original


def _parse_arguments(arguments: list[str]) -> None:
    import torch

    if not torch.cuda.is_available() or os.environ.get("SELF_GUIDANCE_CPU"):
        arguments.append("--cpu")
    import comfy.options

    comfy.options.enable_args_parsing()
    import comfy.cli_args  # reads sys.argv once, now

    # ComfyUI's nodes.py puts comfy/ on sys.path, where comfy/utils.py would hide this package
    import utils.extra_config
    import utils.install_util  # noqa: F401
