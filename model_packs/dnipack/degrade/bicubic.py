"""Down- and up-sampling as MATLAB's imresize(…, 'bicubic') does it.

Keys' cubic kernel with a = −0.5, widened by the scale when the picture shrinks
(antialiasing), the picture mirrored at its borders, weights that sum to 1: the
low-resolution pictures of the published super-resolution tables.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from dnid.errors import BadInput
from dnid.recipe import SCALES


@dataclass(frozen=True)
class Bicubic:
    """The picture `scale` times smaller, rounded to 8 bits. Its sides must be multiples of it."""

    scale: int

    def __post_init__(self) -> None:
        if self.scale not in SCALES or self.scale == 1:
            raise BadInput("The scale of bicubic is 2 or 4.")

    def __call__(self, clean: Tensor, generator: torch.Generator | None = None) -> Tensor:
        height, width = clean.shape[-2:]
        if height % self.scale or width % self.scale:
            raise BadInput(f"Sides must be multiples of {self.scale}, not {width}×{height}.")
        small = resize(clean, height // self.scale, width // self.scale)
        small = small.clamp_(0, 1).mul_(255).round_().div_(255)
        return small.contiguous(memory_format=torch.channels_last)  # as convolutions want it


def resize(pictures: Tensor, height: int, width: int) -> Tensor:
    """…×H×W → …×height×width, float32, not clipped. Exact for any sizes."""
    rows = _weights(pictures.shape[-2], height).to(pictures.device)
    columns = _weights(pictures.shape[-1], width).to(pictures.device)
    return rows @ pictures @ columns.T


@lru_cache(maxsize=64)
def _weights(length: int, wanted: int) -> Tensor:
    """wanted×length: the share of each sample of a line in each new one."""
    scale = wanted / length
    sharpness = min(scale, 1.0)  # < 1 widens the kernel
    width = 4 / sharpness
    centre = (torch.arange(wanted, dtype=torch.float64) + 0.5) / scale - 0.5
    first = torch.floor(centre - width / 2)[:, None]
    taps = first + torch.arange(math.ceil(width) + 2)
    shares = _cubic((centre[:, None] - taps) * sharpness)
    shares /= shares.sum(1, keepdim=True)
    weights = torch.zeros(wanted, length, dtype=torch.float64)
    weights.scatter_add_(1, _mirrored(taps.long(), length), shares)
    return weights.float()


def _mirrored(index: Tensor, length: int) -> Tensor:
    """Indices beyond the line, mirrored with the border sample doubled: … 1 0 | 0 1 2 …"""
    index = index % (2 * length)
    return torch.minimum(index, 2 * length - 1 - index)


def _cubic(x: Tensor) -> Tensor:
    """Keys (1981), a = −0.5."""
    x = x.abs()
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return torch.where(x <= 1, near, torch.where(x <= 2, far, 0))
