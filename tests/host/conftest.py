"""ComfyUI in this process for the host tier."""

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from selfguidance.tools.host import serve


@pytest.fixture(scope="session")
def lab(comfy: Path) -> ModuleType:
    """The module `lab.py`, which imports ComfyUI."""
    from selfguidance.tests.host import lab

    return lab


@pytest.fixture(scope="session")
def nets(lab: ModuleType) -> ModuleType:
    """The module `nets.py`, which imports ComfyUI."""
    from selfguidance.tests.host import nets

    return nets


@pytest.fixture(scope="module")
def net(nets: ModuleType) -> Any:
    """The small transformer of that name, made once in inference mode; tests must not change it."""
    import torch

    made: dict[str, Any] = {}

    def model(name: str) -> Any:
        with torch.inference_mode():
            made[name] = made.get(name) or nets.built(name)
        return made[name]

    return model


@pytest.fixture(scope="session")
def shapes(lab: ModuleType) -> tuple[Any, Any, Any]:
    """MODEL, CLIP and VAE of the bundled model; tests must not change them."""
    from selfguidance.demo import model

    return model.load()


@pytest.fixture(scope="session")
def transformer(lab: ModuleType) -> ModuleType:
    """The module of the demo transformer; skips where this ComfyUI is too old for it."""
    from selfguidance.demo import transformer

    if not transformer.supported():
        pytest.skip("this ComfyUI has an older NextDiT, which the demo transformer does not fit")
    return transformer


@pytest.fixture(scope="session")
def known(server: serve.Server) -> dict[str, Any]:
    """/object_info of the server."""
    return server.json("/object_info")


@pytest.fixture(scope="session")
def shown(server: serve.Server) -> Any:
    """Runs an example workflow, once; its pictures by the title of the node that shows them."""
    from selfguidance.tests.host.gallery import Gallery

    return Gallery(server)


@pytest.fixture(scope="module")
def pair(shapes: tuple[Any, Any, Any]) -> dict[str, Any]:
    """KSampler inputs of the Shapes model for a prompt with two objects and a few steps."""
    import torch
    from selfguidance.nodes.prompts import Prompt

    with torch.inference_mode():
        (positive,) = Prompt.execute(shapes[1], "a red circle and a blue square").args
        (negative,) = Prompt.execute(shapes[1], "").args
    return {"positive": positive, "negative": negative, "steps": 6}
