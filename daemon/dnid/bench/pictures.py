"""Pictures to measure with; what they show does not change the time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dnid.engine.device import probe_picture

Photo = NDArray[np.uint8]
"""H×W×3."""


def make_photo(height: int, width: int) -> Photo:
    """Soft shapes, edges and noise."""
    tile = probe_picture(512)[0].permute(1, 2, 0).mul(255).round().byte().numpy()
    rows, columns = -(-height // 512), -(-width // 512)
    return np.ascontiguousarray(np.tile(tile, (rows, columns, 1))[:height, :width])
