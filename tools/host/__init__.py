"""The ComfyUI that commands and tests run with, and its Python environment."""
