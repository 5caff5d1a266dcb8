"""A lock that ends with the process that holds it."""

from __future__ import annotations

import sys

if sys.platform == "win32":  # not run here
    import msvcrt

    def try_lock(descriptor: int, *, shared: bool = False) -> bool:
        """Lock an open file without waiting; whether it was free. Closing it unlocks it."""
        del shared  # Windows has one kind; two that look at once may each find it taken
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def try_lock(descriptor: int, *, shared: bool = False) -> bool:
        """Lock an open file without waiting; whether it was free. Closing it unlocks it."""
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
