"""The strength that a pack proposes for a picture, from a few samples of it."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from dnid.engine.pixels import Image, TileReader
from dnid.engine.tiling import Box
from dnid.errors import NotFinite
from dnid.networks.blocks import BLOCK
from dnid.networks.estimator import Estimator

TILE = 128
"""Side of a sample in pixels."""
SAMPLES = 5
"""A side of the grid of samples; together 0.4 megapixels at most."""


def propose(estimator: Estimator, image: Image) -> float:
    """0..1 for H×W×C uint8, uint16 or float32 (pixels.py). Raises BadImage and NotFinite."""
    with torch.inference_mode():
        strength = float(estimator(samples(image, estimator.multiple)))
    if not math.isfinite(strength):
        raise NotFinite("The pack's proposal is not finite; choose a strength yourself.")
    return min(1.0, max(0.0, strength))


def samples(image: Image, multiple: int) -> Tensor:
    """1×T×3×h×w: places spread over the picture, at its own size, for grain and JPEG's
    blocks do not outlive scaling; the whole picture when it is small."""
    height, width = image.shape[:2]
    sides = [min(TILE, -(-length // multiple) * multiple) for length in (height, width)]
    rows, columns = (_starts(n, side) for n, side in zip((height, width), sides, strict=True))
    reader = TileReader(image)
    boxes = [Box(top, left, top + sides[0], left + sides[1]) for top in rows for left in columns]
    return torch.cat([reader.read(box) for box in boxes])[None]


def _starts(length: int, side: int) -> list[int]:
    """Where the samples start along one side: evenly spread, not one over another, and all
    in the same grid of JPEG's blocks."""
    count = min(SAMPLES, max(1, length // side))
    room = max(0, length - side)
    starts = [room * i / (count - 1) for i in range(count)] if count > 1 else [room / 2]
    return [int(start) // BLOCK * BLOCK for start in starts]
