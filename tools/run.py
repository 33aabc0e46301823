"""Command line of the project: `python tools/run.py COMMAND ...`; nox sets up and then calls it."""

import importlib
import os
import sys
from pathlib import Path

INSIDE = {  # commands that use ComfyUI's modules in their own process
    "quality.demo": "one picture before and after, its attention maps and a report.json",
    "quality.report": "every edit of the report, guided and unguided",
    "bench.bench": "cost of a guided step and of the recorder",
    "shapes.train": "train the Shapes model",
    "shapes.evaluate": "measure the Shapes model",
    "shapes.transformer.train_transformer": "train the transformer form of the Shapes model",
    "shapes.transformer.evaluate_transformer": "measure the transformer form of the Shapes model",
    "docs.pictures": "draw the pictures of the help pages",
    "docs.texts": "write the English locale, and the tables of the help pages",
}
OUTSIDE = {
    "host.serve": "start ComfyUI with the pack in a browser",
    "sweep.sweep": "run a workflow with many values of its inputs",
    "workflows.workflows": "run the example workflows and write their pictures",
    "workflows.blueprints": "write the subgraph blueprints",
    "quality.same": "compare what two checkouts make, bit by bit",
    "quality.mutants": "change guidance in small ways and see whether its tests notice",
    "docs.brand": "draw the icon and the banner for the registry",
    "host.typecheck": "check the types",
    "bench.bench_live": "cost of the live view in a real server",
    "host.matrix": "run the compatibility tests on every ComfyUI at hand and write their page",
}
COMMANDS = {module.rpartition(".")[2]: module for module in INSIDE | OUTSIDE}


def main() -> None:
    """Load ComfyUI's modules if the command needs them, and call `main` of its module."""
    if len(sys.argv) < 2 or sys.argv[1] not in COMMANDS:
        texts, width = INSIDE | OUTSIDE, max(map(len, COMMANDS))
        sys.exit("\n".join(f"{name:{width}}  {texts[at]}" for name, at in COMMANDS.items()))
    sys.path[0] = str(Path(__file__).resolve().parent)
    import boot

    del sys.path[0]
    boot.mount()
    module = COMMANDS[sys.argv.pop(1)]
    if module in INSIDE:
        from selfguidance.tools.host import host

        base = os.environ.get("SELF_GUIDANCE_BASE")
        try:
            comfy = host.find()
        except FileNotFoundError as error:
            sys.exit(str(error))
        boot.start(comfy, Path(base) if base else None)
    importlib.import_module(f"{boot.PACKAGE}.tools.{module}").main(sys.argv[1:])


if __name__ == "__main__":
    main()
