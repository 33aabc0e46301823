"""For workers of Dask: makes this checkout importable there, before torch is imported.

`PYTHONPATH=CHECKOUT/tools dask worker ADDRESS --preload sweep.preload`
"""

import os
import sys
from pathlib import Path

TOOLS = str(Path(__file__).resolve().parents[1])
sys.path.insert(0, TOOLS)
import boot  # noqa: E402

# last, so that no folder of ours hides another's module; kept, as worker processes inherit it
sys.path[:] = [*(path for path in sys.path if path != TOOLS), TOOLS]
boot.mount()

from selfguidance.tools.host import threads  # noqa: E402

os.environ.update(threads.settings())
