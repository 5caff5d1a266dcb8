"""Keep freed memory for the next layer instead of giving it back to the system.

A layer's output is some tens of megabytes and lives for milliseconds. By default
glibc returns such blocks to the kernel at once, and the next layer pays for every
page again: measured here, that cost half of a tile's time or more.
"""

from __future__ import annotations

import ctypes
import sys

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_BLOCK_BYTES = 128 << 20
"""Blocks up to this size are reused."""


def keep_freed_blocks() -> None:
    """Call once, early, in a process that runs networks. Does nothing without glibc."""
    if sys.platform == "linux" and (libc := _glibc()) is not None:
        libc.mallopt(_M_MMAP_THRESHOLD, _BLOCK_BYTES)
        libc.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)


def _glibc() -> ctypes.CDLL | None:
    try:
        libc = ctypes.CDLL(None)
    except OSError:
        return None
    return libc if hasattr(libc, "mallopt") else None
