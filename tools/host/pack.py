"""All nodes of the pack outside a server, as the root's `__init__.py` composes them for ComfyUI."""

from ...demo.nodes import NODES as DEMO
from ...nodes import NODES as OURS

NODES = [*DEMO, *OURS]
