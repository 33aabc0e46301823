"""Locks that the operating system frees when the process that holds them ends.

Standard library only, because the set-up needs it before anything is installed.
"""

from __future__ import annotations

import sys


def take(handle: int) -> bool:
    """Lock an open file for this process; False if another handle holds it."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
