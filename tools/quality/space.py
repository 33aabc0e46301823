"""Room for an object in a picture: the margins of all edits of the report.

The report measures recipes without collisions: at its target an object must be inside the picture
and must not touch other objects. The margins are above 1 because outlines are soft.
"""

import numpy as np

from ..shapes.measure import Found

FRAME = 1.15  # least distance of the centre from the frame, in radii of the object
APART = 1.25  # least distance of the centres of two objects, in sums of their radii


def radius(found: Found, factor: float = 1.0) -> float:
    """Radius of the circle with `factor` times an object's area, as a fraction of the side."""
    return float(np.sqrt(found.area * factor / np.pi))


def fits(thing: Found, other: Found, x: float, y: float, factor: float = 1.0) -> bool:
    """Whether `thing` with `factor` times its area has room at (x, y) in [0, 1] beside `other`."""
    own = radius(thing, factor)
    inside = FRAME * own < min(x, y) and max(x, y) < 1 - FRAME * own
    return bool(inside and np.hypot(x - other.x, y - other.y) > APART * (own + radius(other)))
