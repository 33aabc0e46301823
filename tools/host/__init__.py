"""The ComfyUI that the commands and tests run with, and its environment."""
