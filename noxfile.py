"""The project's commands: `python -m nox -s demo` sets up what is missing, then runs it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

if sys.version_info < (3, 10):  # noqa: UP036  nox itself still runs on older ones
    sys.exit(
        f"This project needs Python 3.10 or newer, this is {sys.version.split()[0]} "
        f"({sys.executable}). Run the same command with a newer one, for example "
        "`python3.12 -m pip install nox && python3.12 -m nox -s demo`."
    )

import nox

sys.path.insert(0, str(Path(__file__).resolve().parent / "tools"))
import boot

sys.path.pop(0)
boot.mount()

from selfguidance.tools.host import environment  # noqa: E402

# of the tests: each has a ComfyUI of its own, 3 GB, and a fourth would find little to do
PROCESSES = min(os.cpu_count() or 1, 3)

nox.options.sessions = ["tests"]
session = nox.session(venv_backend="none")


def python(session: nox.Session, *arguments: str) -> None:
    """Run python with `arguments` in the project's environment, set up if it is not yet."""
    try:
        executable, comfy = environment.prepare()
    except environment.SetupError as error:
        session.error(str(error))
    env = environment.child_environment(comfy)
    session.run(str(executable), *arguments, env=env, external=True)


def command(session: nox.Session, name: str, *defaults: str) -> None:
    """Run `tools/run.py NAME` with what follows `--` on the command line, else `defaults`."""
    python(session, str(Path("tools", "run.py")), name, *(session.posargs or defaults))


@session
def demo(session: nox.Session) -> None:
    """One picture, its attention maps, and the same picture with the circle moved: output/demo."""
    command(session, "demo", str(Path("output", "demo")))


@session
def report(session: nox.Session) -> None:
    """Every edit of the report, guided and unguided, with its numbers."""
    command(session, "report")


@session
def sweep(session: nox.Session) -> None:
    """A workflow with many values of its inputs: `-- FILE.yaml [--workers N]`, see pipelines.md."""
    command(session, "sweep")


@session
def same(session: nox.Session) -> None:
    """Compare two checkouts bit by bit: `-- BEFORE_FOLDER [AFTER_FOLDER] [--only PATTERN]`."""
    command(session, "same")


@session
def mutants(session: nox.Session) -> None:
    """See whether unit tests notice changes: `-- guidance/maps [--sample 60] [--again]`."""
    python(session, "-m", "pip", "install", "--quiet", "mutmut>=3.8,<4")
    command(session, "mutants")


@session
def bench(session: nox.Session) -> None:
    """What a guided step and the recorder cost."""
    command(session, "bench")


@session
def bench_live(session: nox.Session) -> None:
    """What the live view costs while a page listens."""
    command(session, "bench_live")


@session
def train(session: nox.Session) -> None:
    """Train the Shapes model."""
    command(session, "train")


@session
def evaluate(session: nox.Session) -> None:
    """Measure the Shapes model."""
    command(session, "evaluate")


@session
def train_transformer(session: nox.Session) -> None:
    """Train the transformer form of the Shapes model."""
    command(session, "train_transformer")


@session
def evaluate_transformer(session: nox.Session) -> None:
    """Measure the transformer form of the Shapes model: `-- FILE`, exported or a checkpoint."""
    command(session, "evaluate_transformer")


@session
def blueprints(session: nox.Session) -> None:
    """Cut the subgraph blueprints out of the example workflows."""
    command(session, "blueprints")


@session
def brand(session: nox.Session) -> None:
    """Draw the icon and the banner that the registry shows."""
    command(session, "brand")


@session
def pictures(session: nox.Session) -> None:
    """Draw the help pages' pictures (Layout's needs a Chromium); `-- NODE_ID ...` draws some."""
    command(session, "pictures")


@session
def texts(session: nox.Session) -> None:
    """Write the English locale, and defaults and ranges of the help pages, from the nodes."""
    command(session, "texts")


@session
def workflows(session: nox.Session) -> None:
    """Run the example workflows and write their pictures."""
    command(session, "workflows")


@session
def matrix(session: nox.Session) -> None:
    """Run the compatibility tests on every ComfyUI at hand and write docs/compatibility.md."""
    command(session, "matrix")


@session
def ui(session: nox.Session) -> None:
    """Start ComfyUI with the pack and print its address; Ctrl-C ends it."""
    python(session, str(Path("tools", "run.py")), "serve", *session.posargs)


@session
def lint(session: nox.Session) -> None:
    """Look for mistakes and style with ruff."""
    python(session, "-m", "ruff", "check", *(session.posargs or ["."]))


@session
def format(session: nox.Session) -> None:
    """Write Python as ruff formats it, and the page's scripts as prettier does."""
    python(session, "-m", "ruff", "format", *(session.posargs or ["."]))
    prettier = Path("tests", "web", "node_modules", ".bin", "prettier")
    if prettier.exists():
        session.run(str(prettier), "--write", "web/js", "tests/web", external=True)
    else:
        session.warn("no prettier yet: `python -m nox -s tests -- tests/web` installs it")


@session
def types(session: nox.Session) -> None:
    """Check the types with mypy."""
    python(session, str(Path("tools", "run.py")), "typecheck", *session.posargs)


@session
def tests(session: nox.Session) -> None:
    """Every test, lint and types among them; `-- tests/unit -k NAME` runs a part."""
    everything = ["tests", "-n", str(PROCESSES), "--no-loadscope-reorder"]  # see tests/shares.py
    python(session, "-m", "pytest", *(session.posargs or everything))
