"""How large a picture may be: one bound for every door. Needs neither torch nor numpy."""

from __future__ import annotations

from dnid.errors import BadImage

MAX_SIDE = 1 << 20
"""Pixels."""
MAX_PIXELS = 1 << 28
"""268 megapixels, twice the largest camera back of today: a bound on what a wrong header can
ask for. As RGBA in float32 they take 4 GiB."""


def check_size(height: int, width: int, scale: int = 1) -> None:
    """Raises BadImage unless a picture of this size, and what is `scale` times as high and
    wide, lie within the bounds. To be asked before anything is read or computed."""
    if not _is_possible(height, width):
        raise BadImage(
            f"A picture of {width} × {height} pixels cannot be restored; from one pixel"
            f" to {MAX_PIXELS // 10**6} megapixels are possible."
        )
    if not _is_possible(height * scale, width * scale):
        raise BadImage(
            f"Enlarged {scale} times the picture would have {width * scale} × {height * scale}"
            f" pixels; up to {MAX_PIXELS // 10**6} megapixels are possible. Enlarge it less,"
            " or a part of it."
        )


def _is_possible(height: int, width: int) -> bool:
    return 1 <= height <= MAX_SIDE and 1 <= width <= MAX_SIDE and height * width <= MAX_PIXELS
