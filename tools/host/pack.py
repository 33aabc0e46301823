"""All nodes of the pack outside a server, as `__init__.py` of the root gives them to ComfyUI."""

from ...demo.nodes import NODES as DEMO
from ...nodes import NODES as OURS

NODES = [*DEMO, *OURS]
