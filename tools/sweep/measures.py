"""Numbers of a cell: what its nodes show as text, energies of its terms, and what a function finds.

A sweep names such a function as `measure: module:function`. It takes the paths of the pictures and
the records, both by the title of their node, and returns numbers or texts by name. `shapes` here is
one for pictures of the demo model.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import boot


def texts(shown: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Numbers that nodes show as text, such as Preview Any, by their titles."""
    found = {}
    for title, output in shown.items():
        for text in output.get("text", ()):
            try:
                found[title] = float(text)
            except (TypeError, ValueError):
                continue
    return found


def energies(title: str, record: Any) -> dict[str, float]:
    """The last energy of each term of a run, the mean over its pictures; 0 is at its goal."""
    found = {}
    for step in record.steps:
        for name, values in step.energies.items():
            found[f"{title}: {name}"] = sum(values) / len(values)
    return found


def measured(name: str, pictures: Mapping[str, Path], records: Mapping[str, Any]) -> dict[str, Any]:
    """What the function of this name finds."""
    return dict(function(name)(pictures, records))


def function(name: str) -> Any:
    """The function that `module:function` names; `sweep.worker:run` means one of our tools.

    Raises:
        ValueError: there is none.
    """
    module, _, member = name.partition(":")
    try:
        if module.startswith("tools."):
            module = f"{boot.PACKAGE}.{module}"
        return getattr(importlib.import_module(module), member)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(
            f"{name!r} names no function ({error}); write module:function, of a module that Python "
            "finds on each worker"
        ) from error


def shapes(pictures: Mapping[str, Path], records: Mapping[str, Any]) -> dict[str, float]:
    """Centre and area of each thing of the demo model's pictures, as fractions of the picture."""
    import numpy as np
    from PIL import Image

    from ..shapes.measure import find_objects

    found: dict[str, float] = {}
    for title, path in pictures.items():
        with Image.open(path) as picture:
            image = np.asarray(picture.convert("RGB"), dtype=np.float32) / 255
        for thing in reversed(find_objects(image)):  # of two of one name the larger one counts
            name = f"{title}: {thing.colour} {thing.shape}"
            values = {"x": thing.x, "y": thing.y, "area": thing.area}
            found |= {f"{name} {key}": round(float(v), 4) for key, v in values.items()}
    return found
