"""A page with the pictures of all cells and their values, to look through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any
from urllib.parse import quote

STYLE = """
body { font: 14px system-ui, sans-serif; margin: 1rem; background: #1c1c1f; color: #eee }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(220px, 1fr)); gap: 12px }
figure { margin: 0; padding: 8px; background: #2a2a2e; border-radius: 6px }
figure.failed { outline: 2px solid #e5534b }
img { width: 100%; image-rendering: auto; display: block; margin-bottom: 4px }
figcaption { overflow-wrap: anywhere; font-size: 12px; line-height: 1.4 }
b { font-weight: 600 } .error { color: #ff8f87 }
"""


def page(title: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """The page.

    Args:
        title: of the sweep.
        rows: of the cells, as `results` has them.
    """
    varied = _varied([row["inputs"] for row in rows])
    failed = sum(bool(row["error"]) for row in rows)
    head = f"{escape(title)}: {len(rows)} cells, {failed} failed"
    body = "\n".join(_figure(row, varied) for row in rows)
    return (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>\n'
        f"<style>{STYLE}</style>\n<h1>{head}</h1>\n<main>\n{body}\n</main></html>\n"
    )


def _varied(inputs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Names of the inputs that are not the same in all cells."""
    names = dict.fromkeys(name for values in inputs for name in values)
    return [n for n in names if any(values.get(n) != inputs[0].get(n) for values in inputs)]


def _figure(row: Mapping[str, Any], varied: Sequence[str]) -> str:
    pictures = "".join(
        f'<img src="{quote(path)}" alt="{escape(path)}" loading="lazy">'
        for path in row["files"].get("pictures", ())
    )
    lines = [f"<b>{row['cell']}</b>"]
    lines += [f"{escape(name)} <b>{escape(str(row['inputs'][name]))}</b>" for name in varied]
    lines += [f"{escape(name)} {_short(value)}" for name, value in row["numbers"].items()]
    if row["error"]:
        lines.append(f'<span class="error">{escape(row["error"])}</span>')
    kind = ' class="failed"' if row["error"] else ""
    return f"<figure{kind}>{pictures}<figcaption>{'<br>'.join(lines)}</figcaption></figure>"


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else escape(str(value))
