"""Command line of the project: `python demo/run.py COMMAND ...`; nox calls it, set up and all."""

import importlib
import os
import sys
from pathlib import Path

COMMANDS = {
    "demo": "one picture before and after, its attention maps and a report.json",
    "report": "every edit of the report, guided and unguided",
    "bench": "cost of a guided step and of the recorder",
    "train": "train the Shapes model",
    "evaluate": "measure the Shapes model",
    "pictures": "draw the pictures of the help pages",
    "texts": "write the English locale, and the tables of the help pages",
}
OUTSIDE = {  # commands that do not need ComfyUI's modules in their own process
    "serve": "start ComfyUI with the pack in a browser",
    "workflows": "run the example workflows and write their pictures",
    "blueprints": "write the subgraph blueprints",
    "brand": "draw the icon and the banner for the registry",
    "typecheck": "check the types",
    "bench_live": "cost of the live view in a real server",
    "matrix": "run the compatibility tests on every ComfyUI at hand and write their page",
}


def main() -> None:
    """Start ComfyUI's modules in this process and hand over to `demo/<command>.py`."""
    texts = COMMANDS | OUTSIDE
    if len(sys.argv) < 2 or sys.argv[1] not in texts:
        width = max(map(len, texts))
        sys.exit("\n".join(f"{name:{width}}  {text}" for name, text in texts.items()))
    sys.path[0] = str(Path(__file__).resolve().parent)
    import boot

    del sys.path[0]
    boot.mount()
    command = sys.argv.pop(1)
    if command in COMMANDS:
        from selfguidance.demo import host

        base = os.environ.get("SELF_GUIDANCE_BASE")
        try:
            comfy = host.find()
        except FileNotFoundError as error:
            sys.exit(str(error))
        boot.start(comfy, Path(base) if base else None)
    importlib.import_module(f"{boot.PACKAGE}.demo.{command}").main(sys.argv[1:])


if __name__ == "__main__":
    main()
