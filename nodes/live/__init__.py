"""Live view: messages to ComfyUI's page while a run samples."""
