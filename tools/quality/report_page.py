"""The report as an HTML page with all pictures, and as text."""

import base64
import html
import io
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image

from .trials import Trial

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem; color: #222; background: #fff }
table { border-collapse: collapse; margin: .6rem 0 1rem }
td, th { padding: .15rem .8rem .15rem 0; text-align: left; border-bottom: 1px solid #ddd }
.trials { display: flex; flex-wrap: wrap; gap: .8rem }
figure { margin: 0; font-size: 12px; max-width: 400px }
figure img { display: block; image-rendering: auto }
"""
GAP = 4


def page(report: Mapping[str, Mapping], tried: Mapping[str, Sequence[Trial]]) -> str:
    """One HTML page with the pictures embedded.

    Args:
        report: content of report.json.
        tried: trials by recipe.
    """
    parts = [f"<!doctype html><meta charset=utf-8><title>Report</title><style>{STYLE}</style>"]
    parts.append("<h1>Every recipe, guided and unguided</h1>")
    parts.append("<p>Medians, or shares of what is right. Same prompts and seeds on both sides.")
    if report["edits"]:
        parts.append(f"<h2>Move and resize</h2>{_edits(report['edits'])}")
    for kind, row in report["recipes"].items():
        parts.append(f"<h2>{html.escape(kind)}</h2><p>{row['count']} trials{_numbers(row)}")
        figures = "".join(_figure(trial) for trial in tried[kind])
        parts.append(f"<div class=trials>{figures}</div>")
    return "\n".join(parts)


def text(recipes: Mapping[str, Mapping]) -> str:
    """The numbers of the recipes as text."""
    lines = []
    for kind, row in recipes.items():
        lines.append(f"\n{kind}: {row['count']} trials")
        for name, value in row["guided"].items():
            lines.append(f"  {name:30}  {value:8.3f}  unguided {row['unguided'][name]:8.3f}")
    return "\n".join(lines)


def _edits(rows: Mapping[str, Mapping]) -> str:
    names = [name for name, value in next(iter(rows.values())).items() if name != "edits"]
    head = "".join(f"<th>{html.escape(name.replace('_', ' '))}" for name in names)
    body = "".join(
        f"<tr><td>{html.escape(title)}" + "".join(f"<td>{row.get(name, '')}" for name in names)
        for title, row in rows.items()
    )
    return f"<table><tr><th>{head}{body}</table>"


def _numbers(row: Mapping) -> str:
    body = "".join(
        f"<tr><td>{html.escape(name)}<td>{value}<td>{row['unguided'][name]}"
        for name, value in row["guided"].items()
    )
    return f"<table><tr><th><th>guided<th>unguided{body}</table>"


def _figure(trial: Trial) -> str:
    names = ", ".join(trial.pictures)
    measured = ", ".join(f"{name} {_short(value)}" for name, value in trial.guided.items())
    caption = f"{html.escape(trial.asked)}<br>{html.escape(names)}: {html.escape(measured)}"
    source = base64.b64encode(_png(list(trial.pictures.values()))).decode()
    return f"<figure><img src='data:image/png;base64,{source}'><figcaption>{caption}</figure>"


def _short(value: float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:.3f}"


def _png(pictures: Sequence[np.ndarray]) -> bytes:
    """Pictures side by side, as the bytes of a PNG."""
    gap = np.ones((pictures[0].shape[0], GAP, 3), dtype=np.float32)
    strip = [part for picture in pictures for part in (picture, gap)][:-1]
    buffer = io.BytesIO()
    pixels = (np.concatenate(strip, 1).clip(0, 1) * 255).round().astype(np.uint8)
    Image.fromarray(pixels).save(buffer, format="png")
    return buffer.getvalue()
