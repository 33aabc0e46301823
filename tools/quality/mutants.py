"""Mutation tests: change the code of guidance in many small ways and run its unit tests on each.

`nox -s mutants -- guidance/maps` runs mutmut on that part with the tests that mirror it; without
arguments on all of guidance. An interrupted run continues when it is started again. `--again`
tests the survivors again, after tests were added. `--sample 60` tests so many mutants of the part,
drawn at random, and says how far the share that tests notice can be from that of all of them;
`--seed` draws others.

mutmut was preferred to cosmic-ray. Both can be interrupted and resumed, but cosmic-ray starts a
Python with torch for each mutant (5 s), while mutmut imports torch once, forks for each mutant and
runs only the tests that call the changed function. It does not change properties, class attributes
and module constants, nor here the wording of messages, and it needs fork: Linux, macOS or WSL.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from statistics import NormalDist

from .. import boot
from ..host import host

MUTMUT = (sys.executable, "-m", "mutmut")
PARTS = ("guidance", "tests", "tools")  # folders that the tests import; not the pack's __init__.py
SHOW = "import sys; from mutmut.__main__ import show; [show.callback(n) for n in sys.argv[1:]]"
MAKE = """
from mutmut import __main__ as mutmut
mutmut.set_mutant_under_test("mutant_generation")
mutmut.copy_src_dir()
mutmut.copy_also_copy_files()
mutmut.setup_source_paths()
mutmut.create_mutants(1)
"""  # the first half of `mutmut run`, which has no command of its own
NOTICED = ("killed", "timeout")
SETTINGS = {
    # the second one collects garbage ten times a mutant, which costs more than the tests
    "pytest_add_cli_args": ["-p", "no:cacheprovider", "-p", "no:unraisableexception"],
    "process_isolation": "forkserver",  # torch cannot be forked safely after it has computed
    "use_git_change_detection": False,
    "do_not_mutate_patterns": [r'^\s+"[^"]*"$'],  # the wording of messages
    "source_paths": [f"{boot.PACKAGE}/guidance"],
}


def prepare(part: str) -> Path:
    """A working folder for a part, in which mutmut finds the checkout as `selfguidance`.

    Args:
        part: a folder or a file under guidance, such as "guidance/maps" or "guidance/plan.py".
    """
    work = host.CACHE / "mutants" / part.replace("/", "-")
    changed = work / "mutants" / boot.PACKAGE  # mutmut's copy; in the part it has the mutants
    shutil.rmtree(work / boot.PACKAGE, ignore_errors=True)
    for name in PARTS:
        for file in (host.ROOT / name).rglob("*"):
            at = file.relative_to(host.ROOT)
            if file.suffix in (".py", ".ini") and "node_modules" not in at.parts:
                targets = [work / boot.PACKAGE / at]
                targets += [] if at.as_posix().startswith(part) else [changed / at]
                for target in targets:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy2(file, target)
    for file in changed.rglob("*.py"):
        if not (work / boot.PACKAGE / file.relative_to(changed)).exists():
            file.unlink()
    settings = SETTINGS | {
        "only_mutate": [f"{boot.PACKAGE}/{part}" + ("" if part.endswith(".py") else "/*")],
        "pytest_add_cli_args_test_selection": [f"{boot.PACKAGE}/{test}" for test in tests_of(part)],
    }
    lines = [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
    (work / "pyproject.toml").write_text("[tool.mutmut]\n" + "\n".join(lines) + "\n", "utf-8")
    return work


def tests_of(part: str) -> list[str]:
    """Paths of the tests that mirror a part: its folder, or the files that begin with its name."""
    path = host.ROOT / "tests" / "unit" / part
    files = [] if path.is_dir() else sorted(path.parent.glob(f"test_{path.stem}*.py"))
    found = files or [path if path.is_dir() else path.parent]
    return [test.relative_to(host.ROOT).as_posix() for test in found]


def results(work: Path) -> dict[str, str]:
    """State of each mutant, such as "killed" or "survived", by its name in mutmut."""
    done = subprocess.run(
        [*MUTMUT, "results", "--all", "true"], cwd=work, capture_output=True, text=True, check=True
    )
    rows = [line.split(": ") for line in done.stdout.splitlines() if "__mutmut_" in line]
    return {name.strip(): state for name, state in rows}


def table(found: dict[str, str]) -> str:
    """Number of mutants in each state and share of those that tests notice, by module, as text."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for name, state in found.items():
        counts[name.partition(".x")[0]][state] += 1
    total = Counter(found.values())
    lines = [f"{'':44}" + "".join(f"{state:>14}" for state in (*sorted(total), "noticed"))]
    for module, count in (*sorted(counts.items()), ("all", total)):
        noticed = sum(count[state] for state in NOTICED) / max(1, count.total())
        numbers = "".join(f"{count[state]:>14}" for state in sorted(total))
        lines.append(f"{module:44}{numbers}{noticed:>14.1%}")
    return "\n".join(lines)


def drawn(names: Iterable[str], count: int, seed: int) -> list[str]:
    """So many of the names, or all if they are fewer: for one seed the same ones in any order."""
    ordered = sorted(names)
    return sorted(random.Random(seed).sample(ordered, min(count, len(ordered))))


def interval(noticed: int, tested: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of a share of which a sample is known.

    It takes the sample as drawn from very many, so it is too wide where most were tested.

    Args:
        noticed: how many of the sample count.
        tested: size of the sample, at least 1.
        level: share of samples whose interval contains the truth.
    """
    z = NormalDist().inv_cdf((1 + level) / 2)
    share, spread = noticed / tested, z * z / tested
    middle = share + spread / 2
    half = z * math.sqrt(share * (1 - share) / tested + spread / (4 * tested))
    return max(0.0, (middle - half) / (1 + spread)), min(1.0, (middle + half) / (1 + spread))


def summary(found: dict[str, str], made: int, seed: int) -> str:
    """How many of the mutants were drawn, and the share of those that tests notice, as a line."""
    noticed = sum(state in NOTICED for state in found.values())
    line = f"tested {len(found)} of {made} mutants: {noticed / max(1, len(found)):.1%} noticed"
    if not 0 < len(found) < made:
        return line
    low, high = interval(noticed, len(found))
    return f"{line}, 95 % interval {low:.1%} to {high:.1%} (sample of seed {seed})"


def survivors(work: Path, found: dict[str, str]) -> str:
    """The diffs of the mutants that no test killed."""
    names = [name for name, state in found.items() if state in ("survived", "no tests")]
    show = [sys.executable, "-c", SHOW, *names]
    return subprocess.run(show, cwd=work, capture_output=True, text=True, check=True).stdout


def run(part: str, again: bool, sample: int | None, seed: int) -> None:
    """Run mutmut on one part and write the survivors to output/mutants.

    Args:
        part: see `prepare`.
        again: whether mutants that were not killed are tested again; others only after a change.
        sample: how many mutants are tested; all if None.
        seed: of the draw.
    """
    work = prepare(part)
    test = [*MUTMUT, "run", "--max-children", "1"]
    subprocess.run([sys.executable, "-c", MAKE] if sample else test, cwd=work, check=True)
    found = results(work)
    chosen = drawn(found, sample, seed) if sample else list(found)
    open_ones = [n for n in chosen if found[n] == "not checked" or (again and found[n] != "killed")]
    if open_ones:
        subprocess.run([*test, *open_ones], cwd=work, check=True)
    made, found = len(found), results(work)
    found = {name: found[name] for name in chosen}
    text = f"{table(found)}\n{summary(found, made, seed)}"
    report = host.ROOT / "output" / "mutants" / f"{part.replace('/', '-')}.txt"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(f"{text}\n\n{survivors(work, found)}", "utf-8")
    print(f"{text}\n{report.relative_to(host.ROOT)} shows what survived", flush=True)


def main(arguments: list[str]) -> None:
    """Run the parts of the command line."""
    parser = argparse.ArgumentParser(prog="nox -s mutants --")
    parser.add_argument("parts", nargs="*", default=["guidance"], help="such as guidance/maps")
    parser.add_argument("--again", action="store_true", help="retest what was not noticed")
    parser.add_argument("--sample", type=int, metavar="N", help="test N mutants of each part")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    options = parser.parse_args(arguments)
    if options.sample is not None and options.sample < 1:
        parser.error(f"--sample must be 1 or more, got {options.sample}")
    for part in options.parts:
        path = host.ROOT / part
        if not path.exists() or "guidance" not in Path(part).parts[:1]:
            sys.exit(f"'{part}' is no folder or file of guidance; name one such as guidance/maps")
        run(Path(part).as_posix(), options.again, options.sample, options.seed)
