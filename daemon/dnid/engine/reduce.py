"""A picture at a working size, read strip by strip: no second large picture is made."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from dnid.engine.pixels import Image
from dnid.engine.tiling import Box, strips


class Source(Protocol):
    image: Image
    """H×W or H×W×C; only its size is asked."""

    def read(self, box: Box) -> Tensor:
        """1×C×h×w."""
        ...


def working_shape(height: int, width: int, side: int) -> tuple[int, int]:
    """(height, width) of the same proportions with `side` as the longer one."""
    share = side / max(height, width)
    return max(1, round(height * share)), max(1, round(width * share))


def reduce_picture(source: Source, side: int) -> Tensor:
    """1×C×h×w with the longer side `side`: means over areas, or bicubic where it grows."""
    height, width = source.image.shape[:2]
    shape = working_shape(height, width, side)
    if shape[0] >= height:
        whole = source.read(Box(0, 0, height, width))
        return F.interpolate(whole, shape, mode="bicubic", align_corners=False).clamp_(0, 1)
    small: Tensor | None = None
    for box in strips(height, width):
        narrow = F.interpolate(source.read(box), (box.height, shape[1]), mode="area")
        part = _overlap(box.top, box.height, height, shape[0]) @ narrow
        small = part if small is None else small.add_(part)
    assert small is not None
    return small.contiguous(memory_format=torch.channels_last)


def _overlap(top: int, count: int, height: int, wanted: int) -> Tensor:
    """wanted×count: the share of each of the rows from `top` on in each of the new rows."""
    size = height / wanted
    start = torch.arange(wanted, dtype=torch.float64)[:, None] * size
    row = torch.arange(top, top + count, dtype=torch.float64)
    shared = torch.minimum(start + size, row + 1) - torch.maximum(start, row)
    return (shared.clamp_(min=0) / size).float()
