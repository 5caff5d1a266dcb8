"""How strongly a JPEG file was compressed, told by the file itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from PIL import JpegImagePlugin

# ITU-T T.81, table K.1: the luma steps that the Independent JPEG Group scales by quality.
_LUMA = (
    16, 11, 10, 16, 24, 40, 51, 61,
    12, 12, 14, 19, 26, 58, 60, 55,
    14, 13, 16, 24, 40, 57, 69, 56,
    14, 17, 22, 29, 51, 87, 80, 62,
    18, 22, 37, 56, 68, 109, 103, 77,
    24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101,
    72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip


def quality_of(path: Path) -> int | None:
    """1..100 on libjpeg's scale, the nearest where a camera has steps of its own; None for
    a file that is no JPEG."""
    try:
        with path.open("rb") as file:
            # Not Image.open, which refuses large pictures: only the header is read here.
            tables = JpegImagePlugin.JpegImageFile(file).quantization
    except (OSError, SyntaxError, ValueError, LookupError):
        return None
    return _nearest_quality(tables[0]) if 0 in tables else None


def _nearest_quality(steps: Sequence[int]) -> int:
    """The quality whose steps are nearest, as ratios: a step of 4 for 2 is as far as 40 for 20."""

    def distance(quality: int) -> float:
        pairs = zip(steps, _scaled(quality), strict=True)
        return sum(abs(math.log(max(a, 1) / b)) for a, b in pairs)

    return min(range(1, 101), key=distance)


def _scaled(quality: int) -> list[int]:
    """The steps of libjpeg's `jpeg_set_quality`."""
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    return [min(255, max(1, (step * percent + 50) // 100)) for step in _LUMA]
