"""ComfyUI-SelfGuidance: move, resize and keep objects by guiding a model with its own attention."""

from comfy_api.latest import ComfyExtension, io

from .demo.nodes import NODES as DEMO
from .nodes import NODES

WEB_DIRECTORY = "./web"


class SelfGuidanceExtension(ComfyExtension):
    """What ComfyUI loads."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        """The nodes of the pack, in the order of the menu."""
        return [*DEMO, *NODES]


async def comfy_entrypoint() -> SelfGuidanceExtension:
    """The extension that ComfyUI loads."""
    return SelfGuidanceExtension()


__all__ = ["WEB_DIRECTORY", "comfy_entrypoint"]
