"""The pages for developers are true: paths, names, commands, quotes and links of each exist."""

from pathlib import Path

import pytest
from selfguidance.tests.code.pages import Checkout, faults
from selfguidance.tools.host import host

PAGES = {"docs/architecture.md": 150, "docs/adding.md": 250, "CONTRIBUTING.md": 120}
each = pytest.mark.parametrize("page", PAGES)


@pytest.fixture(scope="module")
def checkout() -> Checkout:
    return Checkout(host.ROOT, but=Path(__file__))


@each
def test_a_page_says_what_is_so(checkout: Checkout, page: str) -> None:
    text = (host.ROOT / page).read_text("utf-8")
    found = faults(text, checkout, Path(page).parent)
    if found:
        pytest.fail("\n".join(found), pytrace=False)


@each
def test_a_page_is_short_and_the_readme_links_it(page: str) -> None:
    assert len((host.ROOT / page).read_text("utf-8").splitlines()) <= PAGES[page]
    assert f"]({page})" in (host.ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize(
    "page", ["README.md", "CHANGELOG.md", "demo/weights/README.md", "docs/pipelines.md"]
)
def test_other_pages_name_no_file_that_is_gone(checkout: Checkout, page: str) -> None:
    text = (host.ROOT / page).read_text("utf-8")
    own = tuple(f"there is no path {folder.name}/" for folder in host.ROOT.iterdir())
    found = faults(text, checkout, Path(page).parent)
    assert [f for f in found if f.startswith((*own, "a link"))] == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("`guidance/gone.py`", "no path guidance/gone.py"),
        ("`web/docs/<NodeId>.txt`", "no path web/docs"),
        ("`gone.py`", "no path gone.py"),
        ("`NoSuchClass`", "no name NoSuchClass"),
        ("`Plan.no_such_method`", "no name Plan.no_such_method"),
        ("`Plan.corrected`", "no name Plan.corrected"),  # of another class
        ("`masks.centroid`", "no name masks.centroid"),  # of another module
        ("`[B, H, W]`", "neither path, name nor command"),
        ("`nox -s gone`", "no session gone"),
        ("`--gone`", "no tool has an option --gone"),
        ("over two\nlines: `python -m\nnox -s gone`", "no session gone"),
        ("`python -m pytest tests/gone`", "no path tests/gone"),
        ("```sh\npython -m nox -s gone\n```", "no session gone"),
        ("```python guidance/gone.py\nx = 1\n```", "no file guidance/gone.py"),
        ("```python guidance/plan.py\nno such line\n```", "guidance/plan.py has no line"),
        ("```python guidance/plan.py\nclass Plan:\nclass Scheduled:\n```", "has no line"),
        ("```python\nx = 1\n```", "quotes no file"),
        ("```text\nengine/gone.py  runs\n```", "shows engine/gone.py"),
        ("```text\na call of Plan.gone\n```", "shows Plan.gone"),
        ("```text\nNoSuchClass or more\n```", "shows NoSuchClass"),
        ("[a page](gone.md)", "a link leads nowhere"),
    ],
)
def test_what_is_not_so_is_found(checkout: Checkout, text: str, fault: str) -> None:
    (found,) = faults(text, checkout, Path())
    assert fault in found


@pytest.mark.parametrize(
    "text",
    [
        "`guidance/terms/reference.py`, `guidance/terms/`, `noxfile.py`, `.ci/run`, `.gitignore`",
        "`web/docs/<NodeId>.md`, `web/docs/<NodeId>/zh.md`, `output/anything`, `.cache/venv`",
        "`Plan`, `Plan.at`, `Size.weight`, `masks.outline`, `centroid()`, `SelfGuidanceSize`",
        "`python -m nox -s report`, `--kind`, `--only PATTERN`, `git worktree list`",
        "`python -m pytest tests/unit`",
        "```sh\npython -m nox -s tests -- tests/code\n```",
        "```python guidance/plan.py\nclass Scheduled:\n    ...\n    high: float\n```",
        "```text\nengine/run.py  SamplingRun in ComfyUI, by PREDICT_NOISE; Plan.at\n```",
        "[the readme](README.md#limits), [the paper](https://arxiv.org/abs/2306.00986)",
    ],
)
def test_what_is_so_is_no_fault(checkout: Checkout, text: str) -> None:
    assert faults(text, checkout, Path()) == []
