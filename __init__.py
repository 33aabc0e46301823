"""ComfyUI-SelfGuidance: move, resize and keep objects by guiding a model with its own attention."""

from .nodes import SelfGuidanceExtension

WEB_DIRECTORY = "./web"


async def comfy_entrypoint() -> SelfGuidanceExtension:
    """The extension that ComfyUI loads."""
    return SelfGuidanceExtension()


__all__ = ["WEB_DIRECTORY", "comfy_entrypoint"]
