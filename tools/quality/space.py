"""Where an object has room in a picture: the margins of every edit that the report asks for.

The recipes are measured apart from collisions: an object must fit into the picture at its target
and must not touch the others there, with some room to spare, as outlines are soft.
"""

import numpy as np

from ..shapes.measure import Found

FRAME = 1.15  # radii of the object, from its centre to the nearest edge of the picture
APART = 1.25  # sums of the radii of two objects, from centre to centre


def radius(found: Found, factor: float = 1.0) -> float:
    """Radius of the circle with `factor` times an object's area, as a fraction of the side."""
    return float(np.sqrt(found.area * factor / np.pi))


def fits(thing: Found, other: Found, x: float, y: float, factor: float = 1.0) -> bool:
    """Whether a thing with `factor` times its area has room at (x, y) in [0, 1], beside another."""
    own = radius(thing, factor)
    inside = FRAME * own < min(x, y) and max(x, y) < 1 - FRAME * own
    return bool(inside and np.hypot(x - other.x, y - other.y) > APART * (own + radius(other)))
