"""Find statements in pages for developers that are wrong for the checkout.

Text in backticks must be a path, a name of the code, or a command with its options. Paths are
relative to the root of the checkout; `<...>` and `*` in them match anything. Names are identifiers
of the Python files: `Class.member` and `module.function` are looked up in the class or module. A
block that begins with ```python PATH quotes lines of that file; `...` stands for omitted ones. A
block of kind `sh` has commands, one of kind `text` a diagram.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

PARTS = ("guidance", "nodes", "demo", "tools", "tests")
ENDINGS = "css|editorconfig|gitignore|ini|jpg|js|json|md|py|safetensors|toml|txt"
PATH = re.compile(rf"[\w.<>*-]+(?:/[\w.<>*-]*)+|[\w.-]*\.(?:{ENDINGS})")
NAME = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*(?:\(\))?")
OPTION = re.compile(r"(--\w+)(?: [A-Z]+)?")
BLOCK = re.compile(r"^ *```(?P<kind>[^\n]*)\n(?P<body>.*?)^ *```$", re.S | re.M)
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")
COMMANDS = ("python -m ", "nox -s ", "git ")
# in a diagram, only what must be a name or a file is checked
DRAWN = re.compile(r"[\w/]*\w\.py|\w*[a-z\d]\.\w+|\w*_\w+|[A-Z]\w*[a-z][A-Z]\w*")


class Checkout:
    """Paths, names and commands of the checkout.

    Args:
        root: of the checkout.
        but: a file whose names do not count.
    """

    def __init__(self, root: Path, but: Path | None = None) -> None:
        self.root = root
        files = [*root.glob("*.py"), *(f for part in PARTS for f in (root / part).rglob("*.py"))]
        files = [file for file in files if file != but and "node_modules" not in file.parts]
        self._trees = {file: ast.parse(file.read_text("utf-8")) for file in files}

    @cached_property
    def names(self) -> set[str]:
        """All identifiers, and strings that could be one: ids of nodes, names of inputs."""
        found: set[str] = {file.stem for file in self._trees}
        for tree in self._trees.values():
            for node in ast.walk(tree):
                found |= {
                    value
                    for field in ("id", "attr", "arg", "name", "value")
                    if isinstance(value := getattr(node, field, None), str)
                }
        return found

    @cached_property
    def members(self) -> dict[str, set[str]]:
        """Names that each class and module defines, by its name."""
        found: dict[str, set[str]] = defaultdict(set)
        bases: dict[str, set[str]] = defaultdict(set)
        for file, tree in self._trees.items():
            found[file.parent.name if file.stem == "__init__" else file.stem] |= _defined(tree)
            for node in ast.walk(tree):
                if isinstance(node, ast.ClassDef):
                    found[node.name] |= _defined(node)
                    bases[node.name] |= {b.id for b in node.bases if isinstance(b, ast.Name)}
        for _ in range(4):  # levels of inheritance
            for name, above in bases.items():
                found[name].update(*(found[base] for base in above if base in found))
        return found

    @cached_property
    def sessions(self) -> set[str]:
        """The sessions of nox."""
        return _defined(ast.parse((self.root / "noxfile.py").read_text("utf-8")))

    def has_path(self, path: str) -> bool:
        """Whether a file or folder matches the path, or git ignores the path."""
        ignored = (self.root / ".gitignore").read_text("utf-8").splitlines()
        if f"{path.split('/')[0]}/" in ignored:
            return True
        pattern = re.sub(r"<[^>]*>", "*", path.rstrip("/"))
        return any(self.root.glob(pattern))

    def has_file(self, end: str) -> bool:
        """Whether the path of a Python file has this end."""
        return any(f"/{file.as_posix()}".endswith(f"/{end}") for file in self._trees)

    def has_name(self, name: str) -> bool:
        """Whether the code has a name; `owner.member` must be defined in its owner."""
        *owners, last = name.removesuffix("()").split(".")
        if not {*owners, last} <= self.names:
            return False
        return not owners or owners[-1] not in self.members or last in self.members[owners[-1]]


def _defined(node: ast.Module | ast.ClassDef) -> set[str]:
    """Functions, classes, constants, fields and modules that a body of code defines or imports."""
    found = set()
    for part in ast.walk(node):
        if isinstance(part, (ast.FunctionDef, ast.ClassDef, ast.alias)):
            found.add(part.name)
        elif isinstance(part, (ast.Assign, ast.AnnAssign)):
            targets = part.targets if isinstance(part, ast.Assign) else [part.target]
            for target in (leaf for one in targets for leaf in ast.walk(one)):
                if isinstance(target, ast.Name):
                    found.add(target.id)
                elif isinstance(target, ast.Attribute):
                    found.add(target.attr)
    return found


def faults(text: str, checkout: Checkout, folder: Path) -> list[str]:
    """Errors in the text of a page; links are relative to `folder`."""
    return [*_spans(text, checkout), *_blocks(text, checkout), *_links(text, checkout, folder)]


def _spans(text: str, checkout: Checkout) -> Iterator[str]:
    for found in re.findall(r"`([^`]+)`", BLOCK.sub("", text)):
        span = " ".join(found.split())
        if span.startswith(COMMANDS):
            yield from _command(span, checkout)
        elif PATH.fullmatch(span):
            if not checkout.has_path(span):
                yield f"there is no path {span}"
        elif option := OPTION.fullmatch(span):
            if option[1] not in checkout.names:
                yield f"no tool has an option {option[1]}"
        elif not NAME.fullmatch(span):
            yield f"neither path, name nor command: {span}"
        elif not checkout.has_name(span):
            yield f"the code has no name {span}"


def _command(line: str, checkout: Checkout) -> Iterator[str]:
    session = re.search(r"nox -s (\w+)", line)
    if session and session[1] not in checkout.sessions:
        yield f"nox has no session {session[1]}"
    for word in line.split():
        if "/" in word and PATH.fullmatch(word) and not checkout.has_path(word):
            yield f"there is no path {word} in: {line}"


def _blocks(text: str, checkout: Checkout) -> Iterator[str]:
    for block in BLOCK.finditer(text):
        kind, _, source = block["kind"].partition(" ")
        lines = [line.strip() for line in block["body"].splitlines() if line.strip()]
        if kind == "sh":
            for line in lines:
                yield from _command(line, checkout)
        elif source and not checkout.has_path(source):
            yield f"there is no file {source} to quote"
        elif source:
            rest = iter((checkout.root / source).read_text("utf-8").splitlines())
            for line in (line for line in lines if line != "..."):
                if not any(line == other.strip() for other in rest):
                    yield f"{source} has no line, here: {line}"
                    break
        elif kind == "text":
            yield from _diagram(block["body"], checkout)
        else:
            yield f"a block of kind {kind!r} quotes no file"


def _diagram(body: str, checkout: Checkout) -> Iterator[str]:
    for word in {*DRAWN.findall(body)} - {"ComfyUI"}:
        if not (checkout.has_file(word) if word.endswith(".py") else checkout.has_name(word)):
            yield f"a diagram shows {word}, which is not there"


def _links(text: str, checkout: Checkout, folder: Path) -> Iterator[str]:
    for target in LINK.findall(text):
        if not (checkout.root / folder / target).exists():
            yield f"a link leads nowhere: {target}"
